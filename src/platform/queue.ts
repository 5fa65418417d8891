import { sha256Hex } from '@bellhop/contracts';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Job, PgBoss } from 'pg-boss';
import type { SqlRunner } from './sql.js';

/** A batch of work. Losing or repeating one changes nothing that matters: the rows it names hold the truth. */
export interface Nudge<T extends object> {
  readonly data: T;
  readonly startAfter?: Date;
  /** Higher first. */
  readonly priority?: number;
  /** Nudges of one lane share a limit of concurrency, so that one slow lane leaves room for the others. */
  readonly lane?: string;
}

export interface WorkerOptions {
  readonly concurrency: number;
  /** Of one lane, in this process. */
  readonly laneConcurrency?: number;
}

/** How to make one of the nudges that are fetched together: for work that costs little more for many than for one. */
export interface Merging<T extends object> {
  /** Nudges that are fetched at once. */
  readonly most: number;
  readonly merge: (nudges: readonly T[]) => T;
}

/** Since when the oldest nudge of a lane that is due has been in the queue; lanes without one are absent. */
export type LaneTimes = ReadonlyMap<string, Date>;

const WAITING_SINCE = `
  SELECT group_id AS lane, min(created_on) AS since FROM pgboss.job
  WHERE name = $1 AND state < 'completed' AND start_after <= now() AND group_id IS NOT NULL GROUP BY group_id`;

/** Seconds that a busy worker may go without a sign of life before its nudge is given to another; the engine's minimum. */
const HEARTBEAT_SECONDS = 10;
/** Nudges that are fetched and handled together; the engine looks again at once only after a fetch of two or more. */
const FETCH = 2;

/** The engine writes one statement per queue: prepared under a name, it is read and planned once per connection. */
const names = new Map<string, string>();

function nameOf(statement: string): string {
  let name = names.get(statement);
  if (!name) {
    name = `nudge-${sha256Hex(statement).slice(0, 16)}`;
    names.set(statement, name);
  }
  return name;
}

/** The queue engine, narrowed to what Bellhop needs of it: nudges that are written in the caller's transaction. */
@Injectable()
export class Queue implements OnApplicationShutdown {
  private readonly log = new Logger(Queue.name);
  private readonly boss: PgBoss;
  private started = false;

  constructor(connectionString: string) {
    this.boss = new PgBoss({
      connectionString,
      application_name: 'bellhop-queue',
      // A crash of the server may bring back what was fetched or done just before it: the rows know better.
      options: '-c synchronous_commit=off',
      max: 6,
      useListenNotify: true,
      persistWarnings: false,
      schedule: false,
    });
    this.boss.on('error', (error) => this.log.warn(`Queue engine: ${error.message}`));
  }

  async start(queues: readonly string[]): Promise<void> {
    await this.boss.start();
    this.started = true;
    for (const name of queues) {
      await this.boss.createQueue(name, {
        notify: true,
        partition: true,
        retryLimit: 3,
        retryDelay: 1,
        retryBackoff: true,
        retryDelayMax: 60,
        heartbeatSeconds: HEARTBEAT_SECONDS,
        expireInSeconds: 300,
        deleteAfterSeconds: 60,
      });
    }
  }

  /** Writes nudges in the transaction of `tx`: they exist exactly when its rows do. */
  async enqueue(tx: SqlRunner, queue: string, nudges: readonly Nudge<object>[]): Promise<void> {
    if (nudges.length === 0) return;
    const jobs = nudges.map(({ data, startAfter, priority, lane }) => ({
      data,
      ...(startAfter && { startAfter }),
      ...(priority && { priority }),
      ...(lane && { group: { id: lane } }),
    }));
    await this.boss.insert(queue, jobs, {
      db: { executeSql: async (text, values) => ({ rows: await tx.query(text, values, nameOf(text)) }) },
    });
  }

  /** A rejection of `handler` brings the nudge back with growing delay. */
  async work<T extends object>(
    queue: string,
    options: WorkerOptions,
    handler: (data: T) => Promise<void>,
    merging?: Merging<T>,
  ): Promise<void> {
    await this.boss.work<T>(
      queue,
      {
        localConcurrency: merging ? options.concurrency : Math.ceil(options.concurrency / FETCH),
        batchSize: merging?.most ?? FETCH,
        // Without this a worker sits out its poll after every fetch, however much is waiting.
        burstWhenBatchFull: true,
        ...(options.laneConcurrency && { localGroupConcurrency: options.laneConcurrency }),
        // Woken by NOTIFY; the poll serves retries and delayed nudges.
        pollingIntervalSeconds: 0.5,
        notifyPollingIntervalSeconds: 0.5,
      },
      async (jobs: Job<T>[]) => {
        const nudges = jobs.map(({ data }) => data);
        const work = merging ? [merging.merge(nudges)] : nudges;
        const ended = await Promise.allSettled(work.map((data) => this.attempt(queue, data, handler)));
        const failure = ended.find((end) => end.status === 'rejected');
        // Its neighbours come back with it, and find nothing left to do.
        if (failure) throw failure.reason;
      },
    );
  }

  private async attempt<T extends object>(queue: string, data: T, handler: (data: T) => Promise<void>): Promise<void> {
    try {
      await handler(data);
    } catch (error) {
      this.log.error({ err: error, queue }, 'Work failed; it is tried again');
      throw error;
    }
  }

  /** What is due and has not been done, lane by lane. */
  async waitingSince(sql: SqlRunner, queue: string): Promise<LaneTimes> {
    const lanes = await sql.query<{ lane: string; since: Date }>(WAITING_SINCE, [queue]);
    return new Map(lanes.map(({ lane, since }) => [lane, since]));
  }

  /** Nudges that wait or run, per queue. */
  async depths(): Promise<Record<string, number>> {
    const queues = await this.boss.getQueues();
    return Object.fromEntries(queues.map(({ name, queuedCount, activeCount }) => [name, queuedCount + activeCount]));
  }

  /** Stops taking nudges and waits for those under way. */
  async stop(graceMs: number): Promise<void> {
    if (!this.started) return;
    this.started = false;
    await this.boss.stop({ graceful: true, timeout: graceMs, close: true });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop(1_000);
  }
}
