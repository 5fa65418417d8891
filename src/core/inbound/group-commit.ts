/** Too much is waiting already; the caller may try again. */
export class OverloadedError extends Error {
  constructor() {
    super('Too many requests are waiting to be stored.');
    this.name = 'OverloadedError';
  }
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitLimits {
  readonly maxInFlight: number;
  /** Items that must wait before a flush starts beside one that is under way: two small ones cost more than one. */
  readonly minBeside: number;
  readonly maxItems: number;
  readonly maxWaiting: number;
}

/**
 * One flush for everything that waits. While flushes are under way, new items queue up and share the next one:
 * an idle process answers at the latency of one commit, a busy one spreads its cost. No timer is involved.
 */
export class GroupCommit<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private inFlight = 0;
  private idle: (() => void)[] = [];

  /** @param flush resolves to one result per item, in order, once all of them are durable. */
  constructor(
    private readonly flush: (items: readonly T[]) => Promise<readonly R[]>,
    private readonly limits: GroupCommitLimits,
  ) {}

  /** Resolves when the item is durable. @throws {OverloadedError} */
  add(item: T): Promise<R> {
    if (this.waiting.length >= this.limits.maxWaiting) return Promise.reject(new OverloadedError());
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      // Requests of the same turn of the event loop share a flush.
      const { length } = this.waiting;
      if (length === 1 || length === this.limits.minBeside) setImmediate(() => this.start());
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drained(): Promise<void> {
    if (this.waiting.length === 0 && this.inFlight === 0) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private start(): void {
    const { maxInFlight, minBeside } = this.limits;
    while (this.waiting.length >= (this.inFlight === 0 ? 1 : minBeside) && this.inFlight < maxInFlight) {
      void this.run(this.waiting.splice(0, this.limits.maxItems));
    }
  }

  private async run(group: Waiting<T, R>[]): Promise<void> {
    this.inFlight++;
    try {
      const results = await this.flush(group.map(({ item }) => item));
      group.forEach(({ resolve }, i) => resolve(results[i] as R));
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      this.inFlight--;
      this.start();
      if (this.waiting.length === 0 && this.inFlight === 0) for (const resolve of this.idle.splice(0)) resolve();
    }
  }
}
