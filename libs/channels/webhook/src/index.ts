import { Module } from '@nestjs/common';
import { WebhookChannel } from './webhook.channel.js';

@Module({ providers: [WebhookChannel] })
export class WebhookModule {}
