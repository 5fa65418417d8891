import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule } from '../access/access.module.js';
import { DeliveryWorker } from './delivery/delivery-worker.js';
import { Lease } from './delivery/lease.js';
import { Sweeper } from './delivery/sweeper.js';
import { CallbackDevices } from './devices/callback-devices.js';
import { DevicesModule } from './devices/devices.module.js';
import { CallbackStore } from './inbound/callback-store.js';
import { EventsController } from './inbound/events.controller.js';
import { EventsService } from './inbound/events.service.js';
import { InboundEventRow, InboundRaw } from './inbound/inbound-event.entity.js';
import { InboundHttp } from './inbound/inbound.http.js';
import { InboundService } from './inbound/inbound.service.js';
import { ChannelClients } from './integrations/channel-clients.js';
import { Integration } from './integrations/integration.entity.js';
import { IntegrationCache } from './integrations/integration-cache.js';
import { IntegrationsController } from './integrations/integrations.controller.js';
import { IntegrationsService } from './integrations/integrations.service.js';
import { Delivery } from './notifications/delivery.entity.js';
import { Notification } from './notifications/notification.entity.js';
import { DeliveriesController } from './notifications/deliveries.controller.js';
import { NotificationsController } from './notifications/notifications.controller.js';
import { NotificationsService } from './notifications/notifications.service.js';
import { RegistryModule } from './registry/registry.module.js';
import { Directory } from './routing/directory.js';
import { EventRouter } from './routing/event-router.js';
import { Planner } from './routing/planner.js';
import { Recipients } from './routing/recipients.js';
import { TraceController } from './trace/trace.controller.js';
import { TraceService } from './trace/trace.service.js';
import { UsersModule } from './users/users.module.js';
import { WorkLoops } from './work-loops.js';

/** The notification module: receive, route, plan, deliver, and tell what happened. */
@Module({
  imports: [
    AccessModule,
    RegistryModule,
    DevicesModule,
    UsersModule,
    TypeOrmModule.forFeature([Integration, InboundEventRow, InboundRaw, Notification, Delivery]),
  ],
  controllers: [
    IntegrationsController,
    EventsController,
    NotificationsController,
    DeliveriesController,
    TraceController,
  ],
  providers: [
    IntegrationCache,
    IntegrationsService,
    ChannelClients,
    CallbackDevices,
    CallbackStore,
    InboundService,
    InboundHttp,
    EventsService,
    Directory,
    Recipients,
    Planner,
    EventRouter,
    NotificationsService,
    DeliveryWorker,
    Lease,
    Sweeper,
    TraceService,
    WorkLoops,
  ],
  exports: [AccessModule, DevicesModule, UsersModule, IntegrationsService, InboundHttp, WorkLoops, TraceService],
})
export class CoreModule {}
