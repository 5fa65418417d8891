interface Waiter {
  readonly count: number;
  readonly done: () => void;
}

/** Counts what comes in, wakes those who wait for a number of it, and holds the answers back while it is told to. */
export class Arrivals {
  #count = 0;
  #held: (() => void)[] | undefined;
  readonly #waiters = new Set<Waiter>();

  /** Since the start or the last reset. */
  get count(): number {
    return this.#count;
  }

  add(): void {
    this.#count++;
    for (const waiter of this.#waiters) if (this.#count >= waiter.count) waiter.done();
  }

  /** @param answer called at once; on {@link release} while answers are held. */
  take(answer: () => void): void {
    this.add();
    if (this.#held) this.#held.push(answer);
    else answer();
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  /** Answers what is held, and counts from 0. */
  reset(): void {
    this.release();
    this.#count = 0;
  }

  /** @throws {Error} when fewer than `count` come within `withinMs`. */
  reach(count: number, withinMs = 10_000): Promise<void> {
    if (this.#count >= count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        end();
      };
      const waiter: Waiter = { count, done: () => settle(resolve) };
      const late = () => reject(new Error(`${this.#count} of ${count} requests came within ${withinMs} ms`));
      const timer = setTimeout(() => settle(late), withinMs);
      this.#waiters.add(waiter);
    });
  }
}
