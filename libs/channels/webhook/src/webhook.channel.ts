import {
  type ChannelClient,
  type ChannelContext,
  type Inspection,
  Outbound,
  type OutboundChannel,
  type SendItem,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { WebhookClient } from './webhook.client.js';
import { type WebhookConfig, webhookManifest } from './webhook.manifest.js';
import { inspectItem } from './webhook.payload.js';

/** A company's own system, told by signed HTTP calls (Standard Webhooks): the door to its SMS, e-mail or site messages. */
@Outbound()
@Injectable()
export class WebhookChannel implements OutboundChannel<WebhookConfig> {
  readonly manifest = webhookManifest;

  /** Opens no connection: the egress keeps them. */
  open(config: WebhookConfig, context: ChannelContext): Promise<ChannelClient> {
    return Promise.resolve(new WebhookClient(config, context));
  }

  inspect(item: SendItem): Inspection {
    return inspectItem(item);
  }
}
