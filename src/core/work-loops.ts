import { Injectable, Logger } from '@nestjs/common';
import { Environment } from '../platform/env.js';
import { Metrics } from '../platform/metrics.js';
import { Queue } from '../platform/queue.js';
import { DELIVER_QUEUE, type DeliverNudge } from './delivery/deliver.nudge.js';
import { DeliveryWorker } from './delivery/delivery-worker.js';
import { Lease } from './delivery/lease.js';
import { Sweeper } from './delivery/sweeper.js';
import { CallbackStore } from './inbound/callback-store.js';
import { EventRouter } from './routing/event-router.js';
import { ROUTE_QUEUE, type RouteNudge } from './routing/route.nudge.js';

const ROUTERS = 2;
const DELIVERERS = 8;
/** Batches of one lane that this process sends at once. */
const PER_LANE = 4;

/** Starts and stops the work of a process, according to its role. */
@Injectable()
export class WorkLoops {
  private readonly log = new Logger(WorkLoops.name);
  private sweeping: NodeJS.Timeout | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly queue: Queue,
    private readonly router: EventRouter,
    private readonly deliverer: DeliveryWorker,
    private readonly sweeper: Sweeper,
    private readonly store: CallbackStore,
    private readonly metrics: Metrics,
    private readonly lease: Lease,
  ) {}

  /** Every role needs the queue to write to; only workers take from it. */
  async start(): Promise<void> {
    await this.queue.start([ROUTE_QUEUE, DELIVER_QUEUE]);
    this.metrics.reportQueueDepth(() => this.queue.depths());
    if (this.environment.role === 'api') return;
    await this.queue.work<RouteNudge>(ROUTE_QUEUE, { concurrency: ROUTERS }, (nudge) => this.router.route(nudge));
    await this.queue.work<DeliverNudge>(
      DELIVER_QUEUE,
      { concurrency: DELIVERERS, laneConcurrency: PER_LANE },
      (nudge) => this.deliverer.deliver(nudge),
    );
    await this.sweep();
    this.sweeping = setInterval(() => void this.sweep(), this.lease.sweepMs);
  }

  /** Finishes what is under way: callbacks that wait to be committed, then batches that are being sent. */
  async drain(graceMs: number): Promise<void> {
    clearInterval(this.sweeping);
    await this.store.drained();
    await this.queue.stop(graceMs);
  }

  private async sweep(): Promise<void> {
    try {
      await this.sweeper.sweep();
    } catch (error) {
      this.log.warn({ cause: (error as Error).message }, 'Sweep failed');
    }
  }
}
