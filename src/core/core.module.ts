import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessModule } from '../access/access.module.js';
import { CoreAuditSubjects } from './audit-subjects.js';
import { AudiencesController } from './audiences/audiences.controller.js';
import { AudiencesService } from './audiences/audiences.service.js';
import { PushSwitchController } from './audiences/push-switch.controller.js';
import { PushSwitchService } from './audiences/push-switch.service.js';
import { TagMirror } from './audiences/tag-mirror.js';
import { TagMirrorController } from './audiences/tag-mirror.controller.js';
import { TagMirrorService } from './audiences/tag-mirror.service.js';
import { TagsController } from './audiences/tags.controller.js';
import { TagsService } from './audiences/tags.service.js';
import { UserTag } from './audiences/user-tag.entity.js';
import { BroadcastControl } from './broadcasts/broadcast-control.js';
import { ExplainService } from './broadcasts/explain.service.js';
import { NotificationIntake } from './broadcasts/notification-intake.js';
import { NotificationRequestsController } from './broadcasts/notification-requests.controller.js';
import { RequestCheck } from './broadcasts/request-check.js';
import { SlicePlanner } from './broadcasts/slice-planner.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { DeadLettersService } from './dead-letters/dead-letters.service.js';
import { RedriveService } from './dead-letters/redrive.service.js';
import { Deferrals } from './delivery/deferrals.js';
import { DeliveryRecorder } from './delivery/delivery-recorder.js';
import { DeliveryWorker } from './delivery/delivery-worker.js';
import { HeldDeliveries } from './delivery/held-deliveries.js';
import { LaneBreakers } from './delivery/lane-breakers.js';
import { ErasureController } from './erasure/erasure.controller.js';
import { ErasureService } from './erasure/erasure.service.js';
import { Erasures } from './erasure/erasures.js';
import { ExportService } from './erasure/export.service.js';
import { InFlight } from './erasure/in-flight.js';
import { PersonNames } from './erasure/person-names.js';
import { Lease } from './work/lease.js';
import { Sweeper } from './delivery/sweeper.js';
import { CallbackDevices } from './devices/callback-devices.js';
import { DevicesModule } from './devices/devices.module.js';
import { Admission } from './inbound/admission.js';
import { CallbackStore } from './inbound/callback-store.js';
import { EventsController } from './inbound/events.controller.js';
import { EventsService } from './inbound/events.service.js';
import { InboundEventRow, InboundRaw } from './inbound/inbound-event.entity.js';
import { InboundHttp } from './inbound/inbound.http.js';
import { InboundService } from './inbound/inbound.service.js';
import { ReadPorts } from './inbound/read-port.js';
import { ReplayController } from './inbound/replay.controller.js';
import { ReplayService } from './inbound/replay.service.js';
import { ShadowReplay } from './inbound/replay.shadow.js';
import { ActionsController } from './integrations/actions.controller.js';
import { ActionsService } from './integrations/actions.service.js';
import { ChannelClients } from './integrations/channel-clients.js';
import { Integration } from './integrations/integration.entity.js';
import { IntegrationCache } from './integrations/integration-cache.js';
import { IntegrationsController } from './integrations/integrations.controller.js';
import { IntegrationsService } from './integrations/integrations.service.js';
import { PauseSwitch } from './integrations/pause.js';
import { SharedStates } from './integrations/shared-state.js';
import { Delivery } from './notifications/delivery.entity.js';
import { DeliveriesController } from './notifications/deliveries.controller.js';
import { Notification } from './notifications/notification.entity.js';
import { NotificationsController } from './notifications/notifications.controller.js';
import { NotificationsService } from './notifications/notifications.service.js';
import { QuotaLedger } from './quotas/quota-ledger.js';
import { QuotasController } from './quotas/quotas.controller.js';
import { ReceiptTokens } from './receipts/receipt-tokens.js';
import { ReceiptsController } from './receipts/receipts.controller.js';
import { ReceiptsService } from './receipts/receipts.service.js';
import { RegistryModule } from './registry/registry.module.js';
import { Retention } from './retention/retention.service.js';
import { AudienceSlices } from './routing/audience-slices.js';
import { CommandRouter } from './routing/command-router.js';
import { DeliveryWriter } from './routing/delivery-writer.js';
import { Directory } from './routing/directory.js';
import { EventRouter } from './routing/event-router.js';
import { Planner } from './routing/planner.js';
import { Recipients } from './routing/recipients.js';
import { ReportsService } from './statistics/reports.service.js';
import { StatisticsController } from './statistics/statistics.controller.js';
import { StateMetrics } from './statistics/state-metrics.js';
import { Tallies } from './statistics/tallies.js';
import { TemplatesModule } from './templates/templates.module.js';
import { TraceController } from './trace/trace.controller.js';
import { TraceService } from './trace/trace.service.js';
import { UsersModule } from './users/users.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';
import { WorkLoops } from './work-loops.js';

const INTEGRATIONS = [IntegrationCache, IntegrationsService, ChannelClients, SharedStates, PauseSwitch, ActionsService];
const RECEIVE = [
  CallbackStore,
  Admission,
  InboundService,
  InboundHttp,
  ReadPorts,
  EventsService,
  ReplayService,
  ShadowReplay,
];
const ROUTE = [Directory, CallbackDevices, Recipients, CommandRouter, EventRouter];
const AUDIENCES = [TagsService, AudiencesService, TagMirror, TagMirrorService, PushSwitchService];
const PLAN = [
  RequestCheck,
  NotificationIntake,
  ExplainService,
  BroadcastControl,
  AudienceSlices,
  SlicePlanner,
  Planner,
  DeliveryWriter,
];
const DELIVER = [
  QuotaLedger,
  DeliveryWorker,
  DeliveryRecorder,
  LaneBreakers,
  Deferrals,
  HeldDeliveries,
  Lease,
  Sweeper,
];
const GIVE_UP = [DeadLettersService, RedriveService];
const FORGET = [PersonNames, Erasures, InFlight, ErasureService, ExportService, Retention];
const LEARN = [
  NotificationsService,
  ReceiptTokens,
  ReceiptsService,
  Tallies,
  ReportsService,
  TraceService,
  StateMetrics,
];

/** The notification module: receive, route, plan, deliver, and learn what happened. */
@Module({
  imports: [
    AccessModule,
    RegistryModule,
    DevicesModule,
    UsersModule,
    TemplatesModule,
    WebhooksModule,
    TypeOrmModule.forFeature([Integration, UserTag, InboundEventRow, InboundRaw, Notification, Delivery]),
  ],
  controllers: [
    IntegrationsController,
    ActionsController,
    QuotasController,
    TagsController,
    TagMirrorController,
    PushSwitchController,
    AudiencesController,
    EventsController,
    ReplayController,
    // Before the one that reads: its fixed addresses come first.
    NotificationRequestsController,
    NotificationsController,
    DeliveriesController,
    DeadLettersController,
    ErasureController,
    ReceiptsController,
    StatisticsController,
    TraceController,
  ],
  providers: [
    ...INTEGRATIONS,
    ...RECEIVE,
    ...ROUTE,
    ...AUDIENCES,
    ...PLAN,
    ...DELIVER,
    ...GIVE_UP,
    ...FORGET,
    ...LEARN,
    WorkLoops,
    CoreAuditSubjects,
  ],
  exports: [
    AccessModule,
    DevicesModule,
    UsersModule,
    IntegrationsService,
    InboundHttp,
    WorkLoops,
    TraceService,
    TagsService,
  ],
})
export class CoreModule {}
