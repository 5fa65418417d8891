import {
  type ChannelClient,
  type ChannelContext,
  type Inspection,
  Outbound,
  type OutboundChannel,
  type SendItem,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { NimClient } from './nim.client.js';
import { nimChannelManifest, type NimConfig } from './nim.manifest.js';
import { inspectItem } from './nim.plan.js';

/** Server API of NIM, v1 and, for everyone, v2. */
@Outbound()
@Injectable()
export class NimChannel implements OutboundChannel<NimConfig> {
  readonly manifest = nimChannelManifest;

  /** Connections are made when they are first used. */
  open(config: NimConfig, context: ChannelContext): Promise<ChannelClient> {
    return Promise.resolve(new NimClient(config, context));
  }

  inspect(item: SendItem, config: NimConfig, now: Date): Inspection {
    return inspectItem(item, config, now);
  }
}
