import { sha256Hex } from '@bellhop/contracts';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { type Job, PgBoss } from 'pg-boss';
import { Hands, type Merging, type WorkerOptions } from './hands.js';
import { Sql, type SqlRunner, type Transaction, unanswered } from './sql.js';

export type { Merging, WorkerOptions } from './hands.js';

/** A batch of work. Losing or repeating one changes nothing that matters: the rows it names hold the truth. */
export interface Nudge<T extends object> {
  readonly data: T;
  readonly startAfter?: Date;
  /** Higher first. */
  readonly priority?: number;
  /** Nudges of one lane share a limit of concurrency, so that one slow lane leaves room for the others. */
  readonly lane?: string;
}

/** Since when the oldest nudge of a lane that is due has been in the queue; lanes without one are absent. */
export type LaneTimes = ReadonlyMap<string, Date>;

const WAITING_SINCE = `
  SELECT group_id AS lane, min(created_on) AS since FROM pgboss.job
  WHERE name = $1 AND state < 'completed' AND start_after <= now() AND group_id IS NOT NULL GROUP BY group_id`;

/** Seconds that a busy worker may go without a sign of life before its nudge is given to another; the engine's minimum. */
const HEARTBEAT_SECONDS = 10;
const RETRY_SECONDS = 1;
const POLL_SECONDS = 0.5;
/** Every nudge by itself. */
const SINGLY = { most: 1, sizeOf: () => 1, merge: <T>(nudges: readonly T[]): T => nudges[0] as T };
/** The engine looks again at once only after a fetch of two or more. */
const FETCHED = 2;

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

/**
 * Workers of the engine, each of which waits until all that it has fetched is done: as many as a slow lane can keep waiting,
 * and enough for what the other lanes may do meanwhile.
 */
function workersFor({ concurrency, laneConcurrency = 0 }: WorkerOptions, fetched: number): number {
  return laneConcurrency + Math.ceil((concurrency - laneConcurrency) / fetched);
}

/** The queue engine, narrowed to what Bellhop needs of it: nudges that are written in the caller's transaction. */
@Injectable()
export class Queue implements OnApplicationShutdown {
  private readonly log = new Logger(Queue.name);
  private readonly boss: PgBoss;
  /** Of the queues that this process works at. */
  private readonly hands = new Map<string, Hands<object>>();
  private started = false;

  constructor(
    connectionString: string,
    private readonly sql: Sql,
  ) {
    this.boss = new PgBoss({
      connectionString,
      application_name: 'bellhop-queue',
      // A crash of the server may bring back what was fetched or done just before it: the rows know better.
      options: '-c synchronous_commit=off',
      max: 6,
      // A nudge whose worker was cut off stands in the way of the sweep: it waits for the queue's own look.
      superviseIntervalSeconds: HEARTBEAT_SECONDS,
      monitorIntervalSeconds: HEARTBEAT_SECONDS,
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
        retryDelay: RETRY_SECONDS,
        retryBackoff: true,
        retryDelayMax: 60,
        heartbeatSeconds: HEARTBEAT_SECONDS,
        expireInSeconds: 300,
        deleteAfterSeconds: 60,
      });
    }
  }

  /**
   * Nudges that exist exactly when the rows of `tx` do: with free hands this process takes them from itself as soon as
   * it is committed, else the engine keeps them. What a process that dies held is found by the sweep.
   */
  async enqueue(tx: Transaction, queue: string, nudges: readonly Nudge<object>[]): Promise<void> {
    const others = nudges.filter((nudge) => !this.takes(tx, queue, nudge));
    await this.store(unanswered(tx), queue, others);
  }

  private async store(runner: SqlRunner, queue: string, nudges: readonly Nudge<object>[]): Promise<void> {
    if (nudges.length === 0) return;
    const jobs = nudges.map(({ data, startAfter, priority, lane }) => ({
      data,
      ...(startAfter && { startAfter }),
      ...(priority && { priority }),
      ...(lane && { group: { id: lane } }),
    }));
    await this.boss.insert(queue, jobs, {
      db: { executeSql: async (text, values) => ({ rows: await runner.query(text, values, nameOf(text)) }) },
    });
  }

  /**
   * A rejection of `handler` brings the nudge back with growing delay.
   * @param merging absent: every nudge is handled by itself.
   */
  async work<T extends object>(
    queue: string,
    { fetched = FETCHED, ...options }: WorkerOptions,
    handler: (data: T) => Promise<void>,
    merging: Merging<T> = SINGLY,
  ): Promise<void> {
    const hands = new Hands<T>((data) => this.attempt(queue, data, handler), options, merging);
    this.hands.set(queue, hands as unknown as Hands<object>);
    await this.boss.work<T>(
      queue,
      {
        localConcurrency: workersFor(options, fetched),
        batchSize: fetched,
        // Without this a worker sits out its poll after every fetch, however much is waiting.
        burstWhenBatchFull: true,
        ...(options.laneConcurrency && { localGroupConcurrency: options.laneConcurrency }),
        // Woken by NOTIFY; the poll serves retries and delayed nudges.
        pollingIntervalSeconds: POLL_SECONDS,
        notifyPollingIntervalSeconds: POLL_SECONDS,
      },
      async (jobs: Job<T>[]) => {
        const ended = await Promise.allSettled(jobs.map(({ data, groupId }) => hands.do(data, groupId ?? undefined)));
        const failure = ended.find((end) => end.status === 'rejected');
        // Its neighbours come back with it, and find nothing left to do.
        if (failure) throw failure.reason;
      },
    );
  }

  /** @returns whether this process takes the nudge from itself once it is committed. */
  private takes(tx: Transaction, queue: string, nudge: Nudge<object>): boolean {
    const { data, startAfter, lane } = nudge;
    const hands = this.hands.get(queue);
    if (startAfter || !hands?.promise(data, lane)) return false;
    tx.onEnd((committed) => {
      if (!committed) hands.break(data, lane);
      // What fails here is the engine's from then on, which tries it again and again.
      else hands.keep(data, lane).catch(() => this.bringBack(queue, nudge));
    });
    return true;
  }

  private async bringBack(queue: string, nudge: Nudge<object>): Promise<void> {
    const startAfter = new Date(Date.now() + RETRY_SECONDS * 1000);
    try {
      await this.store(this.sql, queue, [{ ...nudge, startAfter }]);
    } catch (error) {
      this.log.warn({ queue, cause: (error as Error).message }, 'Work waits for the sweep');
    }
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

  /** Nudges that wait or run, per queue; without those that processes take from themselves. */
  async depths(): Promise<Record<string, number>> {
    const queues = await this.boss.getQueues();
    return Object.fromEntries(queues.map(({ name, queuedCount, activeCount }) => [name, queuedCount + activeCount]));
  }

  /** Stops taking nudges and waits for those under way. */
  async stop(graceMs: number): Promise<void> {
    if (!this.started) return;
    this.started = false;
    const closed = Promise.all([...this.hands.values()].map((hands) => hands.close()));
    const engine = this.boss.stop({ graceful: true, timeout: graceMs, close: true });
    await Promise.all([engine, Promise.race([closed, pause(graceMs, undefined, { ref: false })])]);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.stop(1_000);
  }
}
