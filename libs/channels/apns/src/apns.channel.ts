import { type ChannelClient, type Inspection, Outbound, type OutboundChannel, type SendItem } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { ApnsClient } from './apns.client.js';
import { inspectItem } from './apns.inspect.js';
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

  inspect(item: SendItem, { bundleId }: ApnsConfig): Inspection {
    return inspectItem(item, bundleId);
  }
}
