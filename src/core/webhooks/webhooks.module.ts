import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';
import { WebhookMessage } from './webhook-message.entity.js';
import { WebhookOutbox } from './webhook-outbox.js';
import { WebhookSweep } from './webhook-sweep.js';
import { WebhookWorker } from './webhook-worker.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksService } from './webhooks.service.js';

/** Our own events, told to those who asked for them (Standard Webhooks). */
@Module({
  imports: [TypeOrmModule.forFeature([WebhookEndpoint, WebhookMessage])],
  controllers: [WebhooksController],
  providers: [WebhooksService, WebhookOutbox, WebhookWorker, WebhookSweep],
  exports: [WebhookOutbox, WebhookWorker, WebhookSweep],
})
export class WebhooksModule {}
