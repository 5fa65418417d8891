import {
  type ChannelClient,
  type ChannelContext,
  type Inspection,
  Outbound,
  type OutboundChannel,
  type SendItem,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { receiptOf } from './rongcloud.click.js';
import { RongCloudClient } from './rongcloud.client.js';
import { type RongCloudConfig, rongCloudChannelManifest } from './rongcloud.manifest.js';
import { renderPush } from './rongcloud.push.js';

/** Pushes, broadcast messages and tags by RongCloud's Server API. */
@Outbound()
@Injectable()
export class RongCloudChannel implements OutboundChannel<RongCloudConfig> {
  readonly manifest = rongCloudChannelManifest;

  /** Opens no connection: each call has its own. */
  open(config: RongCloudConfig, context: ChannelContext): Promise<ChannelClient> {
    return Promise.resolve(new RongCloudClient(config, context));
  }

  inspect(item: SendItem, config: RongCloudConfig): Inspection {
    const { findings, body, json } = renderPush(item, config);
    const { issues, warnings } = findings;
    if (!body) return { issues, warnings };
    const headers = { 'X-Request-ID': item.id };
    return { issues, warnings, rendered: { payload: body, headers, bytes: Buffer.byteLength(json) } };
  }

  receiptIn(link: string): string | undefined {
    return receiptOf(link);
  }
}
