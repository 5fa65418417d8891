/** Lets a number of tasks in at a time, in the order of their arrival. */
export class Gate {
  readonly #waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Resolves to the function that leaves again, or to undefined when `signal` aborts first. */
  async enter(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (!signal.aborted && this.free > 0) this.free--;
    else if (signal.aborted || !(await this.#wait(signal))) return undefined;
    return () => this.#leave();
  }

  #wait(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        resolve(false);
      };
      const admit = () => {
        signal.removeEventListener('abort', giveUp);
        resolve(true);
      };
      this.#waiting.push(admit);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Hands the place to the next, or keeps it free. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.free++;
  }
}
