import { type ChannelClient, type Inspection, Outbound, type OutboundChannel, type SendItem } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { FcmAdminTransport } from './fcm.admin-transport.js';
import { FcmClient } from './fcm.client.js';
import { FcmHttpTransport } from './fcm.http-transport.js';
import { inspectItem } from './fcm.inspect.js';
import { type FcmConfig, fcmManifest } from './fcm.manifest.js';
import { FcmCredential } from './fcm.oauth.js';
import { parseServiceAccount } from './fcm.service-account.js';
import type { FcmTransport } from './fcm.transport.js';

/** Firebase Cloud Messaging, HTTP v1. */
@Outbound()
@Injectable()
export class FcmChannel implements OutboundChannel<FcmConfig> {
  readonly manifest = fcmManifest;

  /** Opens no connection yet: tokens are fetched and connections made when they are first used. */
  open(config: FcmConfig): Promise<ChannelClient> {
    const account = parseServiceAccount(config.serviceAccount);
    const credential = new FcmCredential(account, config);
    const transport = transportOf(config, credential, account.projectId);
    return Promise.resolve(new FcmClient(transport, credential, config));
  }

  inspect(item: SendItem, { androidStyle }: FcmConfig, now: Date): Inspection {
    return inspectItem(item, androidStyle, now);
  }
}

function transportOf(config: FcmConfig, credential: FcmCredential, projectId: string): FcmTransport {
  if (config.transport === 'admin') return new FcmAdminTransport(credential, projectId);
  const { baseUrl, certificateAuthority } = config;
  return new FcmHttpTransport(credential, { baseUrl, certificateAuthority, projectId });
}
