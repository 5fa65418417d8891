import { Injectable, type NestMiddleware } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, type LabelValues, Registry } from 'prom-client';
import { routeOf } from './request.js';

const PREFIX = 'bellhop_';
/** Seconds. From the commit of one row to a gateway that is about to time out. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Jobs that wait, per queue. */
export type QueueDepths = Readonly<Record<string, number>>;

/** A number under its labels. */
export type Reading<L extends string> = Readonly<Record<L, string>> & { readonly value: number };

/** Longest that a scrape waits for a number that has to be looked up, in milliseconds. */
const PATIENCE_MS = 2_000;

/** Every number this process reports, in a registry of its own. Labels are ids and codes of ours, never user data. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly inbound = this.counter('inbound_total', 'Callbacks by what became of them.', ['plugin', 'result']);
  readonly inboundSeconds = this.histogram('inbound_seconds', 'From the bytes to the acknowledgement.', ['plugin']);
  readonly events = this.counter('events_total', 'Events by the state they ended in.', ['plugin', 'kind', 'state']);
  readonly deliveries = this.counter('deliveries_total', 'Attempts by outcome.', ['channel', 'outcome']);
  readonly quotaRefusals = this.counter(
    'quota_refusals_total',
    'Calls without room in a quota, by what became of them.',
    ['channel', 'rule', 'state'],
  );
  readonly tagMirror = this.counter('tag_mirror_total', 'People whose tags a vendor was given, by result.', [
    'channel',
    'result',
  ]);
  readonly webhooks = this.counter('webhooks_total', 'Calls of our webhooks by outcome.', ['outcome']);
  readonly deliverySeconds = this.histogram('delivery_seconds', 'One call to a gateway.', ['channel']);
  readonly httpSeconds = this.histogram('http_seconds', 'Requests by route.', ['method', 'route', 'status']);
  readonly dropped = this.counter('retention_total', 'What was too old and is gone: rows, or whole partitions.', [
    'table',
    'unit',
  ]);
  readonly swept = this.counter('swept_total', 'Rows that had lost their nudge or their worker, by what they are.', [
    'what',
  ]);

  private readDepths: () => Promise<QueueDepths> = async () => ({});

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: PREFIX });
    this.lookedUp('queue_depth', 'Nudges that wait or run, as the queue last counted them.', ['queue'], async () =>
      Object.entries(await this.readDepths()).map(([queue, value]) => ({ queue, value })),
    );
  }

  /** Names the source of the queue depths; it is asked at every scrape. */
  reportQueueDepth(read: () => Promise<QueueDepths>): void {
    this.readDepths = read;
  }

  /** Numbers that are looked up at every scrape. A source that fails leaves a gap instead of taking the others with it. */
  lookedUp<L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    read: () => readonly Reading<L>[] | Promise<readonly Reading<L>[]>,
  ): void {
    const gauge = new Gauge<L>({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.registry],
      collect: async () => {
        gauge.reset();
        const readings = await inTime(Promise.resolve().then(read)).catch((): Reading<L>[] => []);
        for (const { value, ...labels } of readings) gauge.set(labels as unknown as LabelValues<L>, value);
      },
    });
  }

  private counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }

  private histogram<L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> {
    return new Histogram({ name: PREFIX + name, help, labelNames, buckets: BUCKETS, registers: [this.registry] });
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('It took too long.')), PATIENCE_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Times every request under the template of its route. */
@Injectable()
export class HttpMetrics implements NestMiddleware {
  constructor(private readonly metrics: Metrics) {}

  use(request: Request, response: Response, next: NextFunction): void {
    const end = this.metrics.httpSeconds.startTimer({ method: request.method });
    response.once('finish', () => end({ route: routeOf(request) ?? 'none', status: response.statusCode }));
    next();
  }
}
