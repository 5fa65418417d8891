import { Injectable, Logger } from '@nestjs/common';
import { Environment } from '../platform/env.js';
import { Metrics } from '../platform/metrics.js';
import { Queue } from '../platform/queue.js';
import { TAG_QUEUE, type TagNudge } from './audiences/tag-mirror.nudge.js';
import { TagMirror } from './audiences/tag-mirror.js';
import { PLAN_QUEUE, type PlanNudge } from './broadcasts/plan.nudge.js';
import { SlicePlanner } from './broadcasts/slice-planner.js';
import { DELIVER_QUEUE, DELIVERED_TOGETHER, type DeliverNudge } from './delivery/deliver.nudge.js';
import { DeliveryWorker } from './delivery/delivery-worker.js';
import { Lease } from './work/lease.js';
import { Sweeper } from './delivery/sweeper.js';
import { CallbackStore } from './inbound/callback-store.js';
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
    private readonly mirror: TagMirror,
    private readonly webhooks: WebhookWorker,
    private readonly webhookSweep: WebhookSweep,
    private readonly sweeper: Sweeper,
    private readonly store: CallbackStore,
    private readonly metrics: Metrics,
    private readonly lease: Lease,
  ) {}

  /** Every role needs the queue to write to; only workers take from it. */
  async start(): Promise<void> {
    await this.queue.start(QUEUES);
    this.metrics.reportQueueDepth(() => this.queue.depths());
    if (this.environment.role === 'api') return;
    await this.queue.work<RouteNudge>(ROUTE_QUEUE, ROUTERS, (nudge) => this.router.route(nudge), ROUTED_TOGETHER);
    await this.queue.work<PlanNudge>(PLAN_QUEUE, PLANNERS, (nudge) => this.planner.plan(nudge));
    await this.queue.work<DeliverNudge>(
      DELIVER_QUEUE,
      DELIVERERS,
      (nudge) => this.deliverer.deliver(nudge),
      DELIVERED_TOGETHER,
    );
    await this.queue.work<TagNudge>(TAG_QUEUE, MIRRORS, (nudge) => this.mirror.mirror(nudge));
    await this.queue.work<WebhookNudge>(WEBHOOK_QUEUE, WEBHOOKS, (nudge) => this.webhooks.deliver(nudge));
    await this.sweep();
    this.sweeping = setInterval(() => void this.sweep(), this.lease.sweepMs);
  }

  /** Finishes what is under way: callbacks that wait to be committed, then batches that are being sent. */
  async drain(graceMs: number): Promise<void> {
    clearInterval(this.sweeping);
    await this.store.drained();
    await this.queue.stop(graceMs);
  }

  /** Looks for rows whose nudge was lost; the timer does so by itself. */
  async sweep(): Promise<void> {
    for (const one of [this.sweeper, this.webhookSweep]) {
      await one.sweep().catch((error: Error) => this.log.warn({ cause: error.message }, 'Sweep failed'));
    }
  }
}
