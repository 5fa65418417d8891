import { type ChannelClient, type ChannelContext, Outbound, type OutboundChannel } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { EchatClient } from './echat.client.js';
import { echatChannelManifest, type EchatConfig } from './echat.manifest.js';

/** Values that an app passes to Echat, and the count of unread messages. Echat has no call that sends. */
@Outbound()
@Injectable()
export class EchatChannel implements OutboundChannel<EchatConfig> {
  readonly manifest = echatChannelManifest;

  open(config: EchatConfig, context: ChannelContext): Promise<ChannelClient> {
    return Promise.resolve(new EchatClient(config, context));
  }
}
