/** A bucket that is filled up once a minute, counted from its first message. Refused messages cost nothing. */
export class QuotaBucket {
  #left: number;
  #refillAt = 0;

  constructor(
    private readonly perMinute: number,
    private readonly now: () => number,
  ) {
    this.#left = perMinute;
  }

  take(): boolean {
    if (this.perMinute === Infinity) return true;
    if (this.now() >= this.#refillAt) this.reset();
    return this.#left-- > 0;
  }

  reset(): void {
    this.#left = this.perMinute;
    this.#refillAt = this.now() + 60_000;
  }
}
