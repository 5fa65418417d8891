import { setTimeout as pause } from 'node:timers/promises';
import { isSuccess } from './closed-loop.js';
import { Connection, type Prepared } from './http-client.js';
import { monotonicMs, quantile } from './measures.js';

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** At most so many at a time; they are made as needed. What finds none free waits in the generator. */
  readonly connections: number;
  /** Those that are open before the clock starts, as between those who talk all the time. Default 0. */
  readonly opened?: number;
  /** A callback that was refused or cut off takes the place of a new one later, as vendors send again. */
  readonly resend: boolean;
}

export interface OpenLoopResult {
  /** {@link monotonicMs} of the moment at which the first callback was due; the others follow at even distances. */
  readonly startedAt: number;
  readonly offered: number;
  readonly accepted: number;
  /** Answers other than 2xx. */
  readonly refused: number;
  /** Connections that ended without an answer. */
  readonly failed: number;
  /** Without an answer when the run ended, or never sent. */
  readonly unanswered: number;
  /** From the start; absent: none was refused. */
  readonly firstRefusalMs?: number;
  /** Answers with 2xx in each second. */
  readonly acceptedBySecond: readonly number[];
  /** Connections at the end. */
  readonly connections: number;
  /** From the moment a callback was due to its 2xx. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How long answers may come after the last callback. */
const PATIENCE_MS = 30_000;

/** Posts by the clock, whether answers come or not. */
export async function openLoop(work: Prepared, options: OpenLoopOptions): Promise<OpenLoopResult> {
  const run = new OpenLoop(work, options);
  await run.open();
  await run.offer();
  await run.settle();
  return run.result();
}

/** One callback on its way. */
interface Due {
  readonly index: number;
  readonly dueMs: number;
}

class OpenLoop {
  private startedAt = monotonicMs();
  private readonly all: Connection[] = [];
  private readonly idle: Connection[] = [];
  private readonly backlog: Due[] = [];
  private backlogHead = 0;
  private readonly again: number[] = [];
  private readonly latencies: number[] = [];
  private readonly acceptedBySecond: number[] = [];
  private connections = 0;
  private next = 0;
  private offered = 0;
  private answered = 0;
  private refused = 0;
  private failed = 0;
  private firstRefusalMs: number | undefined;
  /** What comes now comes too late, and nothing is sent any more. */
  private over = false;

  constructor(
    private readonly work: Prepared,
    private readonly options: OpenLoopOptions,
  ) {}

  async open(): Promise<void> {
    while (this.connections < (this.options.opened ?? 0)) {
      this.connections++;
      this.idle.push(await this.connect().ready());
    }
  }

  /** Ends with the time, or with the requests. */
  async offer(): Promise<void> {
    const { perSecond, seconds } = this.options;
    this.startedAt = monotonicMs();
    const total = Math.round(perSecond * seconds);
    while (this.offered < total) {
      const due = Math.min(total, Math.floor((this.elapsedMs() / 1000) * perSecond) + 1);
      while (this.offered < due) {
        const index = this.again.pop() ?? this.next++;
        if (index >= this.work.requests.length) return;
        this.post({ index, dueMs: (this.offered++ / perSecond) * 1000 });
      }
      await pause(1);
    }
  }

  /** Waits for the answers that are owed. */
  async settle(): Promise<void> {
    const deadline = monotonicMs() + PATIENCE_MS;
    while (this.answered < this.offered && monotonicMs() < deadline) await pause(10);
  }

  result(): OpenLoopResult {
    const { startedAt, offered, refused, failed, latencies, connections, firstRefusalMs } = this;
    this.over = true;
    for (const connection of this.all) connection.end();
    return {
      startedAt,
      offered,
      accepted: latencies.length,
      refused,
      failed,
      unanswered: offered - this.answered,
      ...(firstRefusalMs !== undefined && { firstRefusalMs }),
      acceptedBySecond: Array.from(this.acceptedBySecond, (count) => count ?? 0),
      connections,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
    };
  }

  private elapsedMs(): number {
    return monotonicMs() - this.startedAt;
  }

  private post(due: Due): void {
    const connection = this.free();
    if (!connection) return void this.backlog.push(due);
    connection.send(this.work.requests[due.index] as Buffer, (status) => this.take(connection, due, status));
  }

  /** The one that was used last: the others may end from idleness, as the server wishes. */
  private free(): Connection | undefined {
    for (let last = this.idle.pop(); last; last = this.idle.pop()) {
      if (!last.closed) return last;
      this.connections--;
    }
    if (this.connections >= this.options.connections) return undefined;
    this.connections++;
    return this.connect();
  }

  private connect(): Connection {
    const connection = new Connection(this.work.address);
    this.all.push(connection);
    return connection;
  }

  private take(connection: Connection, due: Due, status: number): void {
    if (this.over) return;
    this.answered++;
    this.count(due, status);
    if (connection.closed) this.connections--;
    else this.idle.push(connection);
    const waiting = this.backlog[this.backlogHead];
    if (!waiting) return;
    this.backlogHead++;
    this.post(waiting);
  }

  private count({ index, dueMs }: Due, status: number): void {
    const now = this.elapsedMs();
    if (isSuccess(status)) {
      const second = Math.floor(now / 1000);
      this.acceptedBySecond[second] = (this.acceptedBySecond[second] ?? 0) + 1;
      this.latencies.push(now - dueMs);
      return;
    }
    if (this.options.resend) this.again.push(index);
    if (status > 0) {
      this.refused++;
      this.firstRefusalMs ??= now;
    } else this.failed++;
  }
}
