interface Waiter {
  readonly count: number;
  readonly done: () => void;
}

/** Counts requests and wakes those who wait for a number of them. */
export class Arrivals {
  private total = 0;
  private readonly waiters = new Set<Waiter>();

  get count(): number {
    return this.total;
  }

  add(): void {
    this.total++;
    for (const waiter of this.waiters) if (this.total >= waiter.count) waiter.done();
  }

  reset(): void {
    this.total = 0;
  }

  /** @throws {Error} when fewer than `count` come within `withinMs`. */
  reach(count: number, withinMs: number): Promise<void> {
    if (this.total >= count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        end();
      };
      const waiter: Waiter = { count, done: () => settle(resolve) };
      const late = () => reject(new Error(`${this.total} of ${count} requests came within ${withinMs} ms`));
      const timer = setTimeout(() => settle(late), withinMs);
      this.waiters.add(waiter);
    });
  }
}
