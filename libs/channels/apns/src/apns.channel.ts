import { Outbound, type ChannelClient, type OutboundChannel } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { ApnsClient } from './apns.client.js';
import { apnsManifest, type ApnsConfig } from './apns.manifest.js';

/** Apple Push Notification service over HTTP/2 with provider tokens. */
@Outbound()
@Injectable()
export class ApnsChannel implements OutboundChannel<ApnsConfig> {
  readonly manifest = apnsManifest;

  /** Opens no connection yet: each environment connects when it is first used. */
  open(config: ApnsConfig): Promise<ChannelClient> {
    return Promise.resolve(new ApnsClient(config));
  }
}
