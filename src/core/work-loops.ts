import { Injectable, Logger } from '@nestjs/common';
import { Environment } from '../platform/env.js';
import { Metrics } from '../platform/metrics.js';
import { publicId } from '../platform/ids.js';
import { Queue } from '../platform/queue.js';
import { type SpanSubject, Telemetry } from '../platform/telemetry.js';
import { TAG_QUEUE, type TagNudge } from './audiences/tag-mirror.nudge.js';
import { TagMirror } from './audiences/tag-mirror.js';
import { PLAN_QUEUE, type PlanNudge } from './broadcasts/plan.nudge.js';
import { SlicePlanner } from './broadcasts/slice-planner.js';
import { Deferrals } from './delivery/deferrals.js';
import { DELIVER_QUEUE, DELIVERED_TOGETHER, type DeliverNudge } from './delivery/deliver.nudge.js';
import { DeliveryWorker } from './delivery/delivery-worker.js';
import { Lease } from './work/lease.js';
import { Sweeper } from './delivery/sweeper.js';
import { ErasureService } from './erasure/erasure.service.js';
import { CallbackStore } from './inbound/callback-store.js';
import { Retention } from './retention/retention.service.js';
import { EventRouter } from './routing/event-router.js';
import { ROUTE_QUEUE, ROUTED_TOGETHER, type RouteNudge } from './routing/route.nudge.js';
import { WebhookSweep } from './webhooks/webhook-sweep.js';
import { WebhookWorker } from './webhooks/webhook-worker.js';
import { WEBHOOK_QUEUE, type WebhookNudge } from './webhooks/webhook.nudge.js';

const QUEUES = [ROUTE_QUEUE, PLAN_QUEUE, DELIVER_QUEUE, TAG_QUEUE, WEBHOOK_QUEUE];
/** Nudges of a queue, and of one lane of it, that this process handles at once. */
/** One by one: two would wait for each other as soon as they share a conversation. */
const ROUTERS = { concurrency: 1, fetched: 16 };
const PLANNERS = { concurrency: 2, laneConcurrency: 1 };
const DELIVERERS = { concurrency: 8, laneConcurrency: 4 };
const MIRRORS = { concurrency: 2, laneConcurrency: 1 };
const WEBHOOKS = { concurrency: 4, laneConcurrency: 1 };

/** Starts and stops the work of a process, according to its role. */
@Injectable()
export class WorkLoops {
  private readonly log = new Logger(WorkLoops.name);
  private sweeping: NodeJS.Timeout | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly queue: Queue,
    private readonly router: EventRouter,
    private readonly planner: SlicePlanner,
    private readonly deliverer: DeliveryWorker,
    private readonly deferrals: Deferrals,
    private readonly mirror: TagMirror,
    private readonly webhooks: WebhookWorker,
    private readonly webhookSweep: WebhookSweep,
    private readonly sweeper: Sweeper,
    private readonly erasure: ErasureService,
    private readonly retention: Retention,
    private readonly store: CallbackStore,
    private readonly metrics: Metrics,
    private readonly lease: Lease,
    private readonly telemetry: Telemetry,
  ) {}

  /** Every role needs the queue to write to; only workers take from it. */
  async start(): Promise<void> {
    await this.queue.start(QUEUES);
    this.metrics.reportQueueDepth(() => this.queue.depths());
    if (this.environment.role === 'api') return;
    await this.queue.work<RouteNudge>(
      ROUTE_QUEUE,
      ROUTERS,
      this.traced('route', ofRoute, (nudge) => this.router.route(nudge)),
      ROUTED_TOGETHER,
    );
    await this.queue.work<PlanNudge>(
      PLAN_QUEUE,
      PLANNERS,
      this.traced('plan', ofPlan, (nudge) => this.planner.plan(nudge)),
    );
    await this.queue.work<DeliverNudge>(
      DELIVER_QUEUE,
      DELIVERERS,
      this.traced('deliver', ofDeliver, (nudge) => this.deliverer.deliver(nudge)),
      DELIVERED_TOGETHER,
    );
    await this.queue.work<TagNudge>(TAG_QUEUE, MIRRORS, (nudge) => this.mirror.mirror(nudge));
    await this.queue.work<WebhookNudge>(
      WEBHOOK_QUEUE,
      WEBHOOKS,
      this.traced('webhook', ofWebhook, (nudge) => this.webhooks.deliver(nudge)),
    );
    await this.sweep();
    this.sweeping = setInterval(() => void this.sweep(), this.lease.sweepMs);
  }

  /** Finishes what is under way: callbacks that wait to be committed, then batches that are being sent. */
  async drain(graceMs: number): Promise<void> {
    clearInterval(this.sweeping);
    await this.store.drained();
    await this.deferrals.drained();
    await this.queue.stop(graceMs);
  }

  /** Looks for rows whose nudge was lost; the timer does so by itself. */
  async sweep(): Promise<void> {
    for (const one of [this.sweeper, this.webhookSweep, this.erasure, this.retention]) {
      await one.sweep().catch((error: Error) => this.log.warn({ cause: error.message }, 'Sweep failed'));
    }
  }

  /** The work itself while nobody takes spans. */
  private traced<T>(
    name: string,
    subjectOf: (nudge: T) => SpanSubject,
    work: (nudge: T) => Promise<void>,
  ): (nudge: T) => Promise<void> {
    if (!this.telemetry.on) return work;
    return (nudge) =>
      this.telemetry.during(
        name,
        'consumer',
        () => subjectOf(nudge),
        () => work(nudge),
      );
  }
}

/** One event's routing belongs to its trace; several have one of their own, which points to theirs. */
function ofRoute({ ids }: RouteNudge): SpanSubject {
  const facts = { 'bellhop.event.ids': ids.map((id) => publicId('evt', id)), 'bellhop.batch.size': ids.length };
  return ids.length === 1 && ids[0] ? { traceOf: ids[0], facts } : { links: ids, facts };
}

function ofPlan({ notificationId }: PlanNudge): SpanSubject {
  return { traceOf: notificationId, facts: { 'bellhop.notification.id': publicId('ntf', notificationId) } };
}

function ofWebhook({ endpointId, ids }: WebhookNudge): SpanSubject {
  return {
    facts: {
      'bellhop.webhook.id': publicId('whk', endpointId),
      'bellhop.message.ids': ids.map((id) => publicId('whm', id)),
    },
  };
}

function ofDeliver({ integrationId, ids }: DeliverNudge): SpanSubject {
  return {
    facts: {
      'bellhop.integration.id': publicId('int', integrationId),
      'bellhop.delivery.ids': ids.map((id) => publicId('dlv', id)),
      'bellhop.batch.size': ids.length,
    },
  };
}
