/** How much of one kind of work a process does at once. */
export interface WorkerOptions {
  readonly concurrency: number;
  /** Of one lane, in this process. */
  readonly laneConcurrency?: number;
  /** Nudges that are taken from the engine together. Default 2. */
  readonly fetched?: number;
}

/** How nudges of one lane become one: for work that costs little more for many things than for one. */
export interface Merging<T> {
  /** Things that a nudge names at most. */
  readonly most: number;
  readonly sizeOf: (nudge: T) => number;
  readonly merge: (nudges: readonly T[]) => T;
}

interface Waiting<T> {
  readonly nudge: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The hands of a process for one kind of work. What comes for a lane while all of its hands are busy is merged and done
 * together, without any timer: the more there is to do, the less each costs.
 */
export class Hands<T> {
  private readonly lanes = new Map<string, Lane<T>>();
  private busy = 0;
  private closed = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly work: (nudge: T) => Promise<void>,
    private readonly options: WorkerOptions,
    private readonly merging: Merging<T>,
  ) {}

  /** Whether hands of the lane have room for the nudge. After true, `keep` or `break` must follow. */
  promise(nudge: T, lane = ''): boolean {
    if (this.closed || (this.lanes.get(lane)?.size ?? 0) >= this.perLane * this.merging.most) return false;
    this.hold(nudge, lane);
    return true;
  }

  /** Does what was promised. Rejects as the work does, and when the hands are closed. */
  keep(nudge: T, lane = ''): Promise<void> {
    if (this.closed) {
      this.release(lane, nudge);
      return Promise.reject(new StoppingError());
    }
    return new Promise((resolve, reject) => {
      this.lanes.get(lane)?.waiting.push({ nudge, resolve, reject });
      void this.start();
    });
  }

  /** What was promised does not come. */
  break(nudge: T, lane = ''): void {
    this.release(lane, nudge);
  }

  /** The same without a promise, however much is waiting. */
  do(nudge: T, lane = ''): Promise<void> {
    this.hold(nudge, lane);
    return this.keep(nudge, lane);
  }

  /** Begins nothing more, and waits for what is being handled; what waits is refused. */
  async close(): Promise<void> {
    this.closed = true;
    for (const [name, lane] of this.lanes) {
      for (const { nudge, reject } of lane.waiting.splice(0)) {
        this.release(name, nudge);
        reject(new StoppingError());
      }
    }
    if (this.busy > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private get perLane(): number {
    return this.options.laneConcurrency ?? this.options.concurrency;
  }

  /** One hand more, if one is free; it goes on until there is nothing that it may begin. */
  private async start(): Promise<void> {
    if (this.busy >= this.options.concurrency) return;
    this.busy++;
    for (let next = this.next(); next; next = this.next()) await this.handle(...next);
    this.busy--;
    if (this.busy === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  private async handle(name: string, lane: Lane<T>): Promise<void> {
    const together = lane.next(this.merging);
    const nudges = together.map(({ nudge }) => nudge);
    lane.running++;
    try {
      await this.work(nudges.length === 1 ? (nudges[0] as T) : this.merging.merge(nudges));
      for (const { resolve } of together) resolve();
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
    lane.running--;
    for (const nudge of nudges) this.release(name, nudge);
  }

  /** The lane that has waited longest for a hand, among those that may have one more. */
  private next(): [string, Lane<T>] | undefined {
    if (this.closed) return undefined;
    const found = [...this.lanes].find(([, { waiting, running }]) => waiting.length > 0 && running < this.perLane);
    if (!found) return undefined;
    // To the end of the row.
    this.lanes.delete(found[0]);
    this.lanes.set(...found);
    return found;
  }

  private hold(nudge: T, name: string): void {
    const lane = this.lanes.get(name) ?? new Lane<T>();
    this.lanes.set(name, lane);
    lane.nudges++;
    lane.size += this.merging.sizeOf(nudge);
  }

  private release(name: string, nudge: T): void {
    const lane = this.lanes.get(name) as Lane<T>;
    lane.nudges--;
    lane.size -= this.merging.sizeOf(nudge);
    if (lane.nudges === 0) this.lanes.delete(name);
  }
}

class StoppingError extends Error {
  constructor() {
    super('The process is stopping.');
  }
}

class Lane<T> {
  readonly waiting: Waiting<T>[] = [];
  running = 0;
  /** Promised, waiting or being handled, and the things that they name. */
  nudges = 0;
  size = 0;

  /** Those that come first, as many as may become one. */
  next({ most, sizeOf }: Merging<T>): Waiting<T>[] {
    let size = 0;
    const end = this.waiting.findIndex(({ nudge }) => (size += sizeOf(nudge)) > most);
    return this.waiting.splice(0, Math.max(1, end < 0 ? this.waiting.length : end));
  }
}
