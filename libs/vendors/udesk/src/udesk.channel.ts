import { type ChannelClient, type ChannelContext, Outbound, type OutboundChannel } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { UdeskClient } from './udesk.client.js';
import { type UdeskConfig, udeskChannelManifest } from './udesk.manifest.js';

/** Udesk's Open API: the push switch, and what an app needs around its chat page. */
@Outbound()
@Injectable()
export class UdeskChannel implements OutboundChannel<UdeskConfig> {
  readonly manifest = udeskChannelManifest;

  open(config: UdeskConfig, context: ChannelContext): Promise<ChannelClient> {
    return Promise.resolve(new UdeskClient(config, context));
  }
}
