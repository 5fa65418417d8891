export interface QuotaLimits {
  readonly perHour: number;
  readonly perDay: number;
  /** IANA name; whose midnight begins a day. */
  readonly timeZone: string;
}

const HOUR_MS = 3_600_000;

/** Pushes and broadcasts together: so many in any 60 minutes, and so many in a calendar day. */
export class Quota {
  readonly #days: Intl.DateTimeFormat;
  #taken: number[] = [];

  constructor(private readonly limits: QuotaLimits) {
    this.#days = new Intl.DateTimeFormat('en-CA', { timeZone: limits.timeZone });
  }

  /** Counts a call, unless it is one too many. */
  take(now: number): boolean {
    const today = this.#days.format(now);
    const inHour = this.#taken.filter((at) => at > now - HOUR_MS).length;
    const inDay = this.#taken.filter((at) => this.#days.format(at) === today).length;
    if (inHour >= this.limits.perHour || inDay >= this.limits.perDay) return false;
    this.#taken = [...this.#taken.filter((at) => at > now - 48 * HOUR_MS), now];
    return true;
  }

  reset(): void {
    this.#taken = [];
  }
}

/** At most so many calls in any second. */
export class Rate {
  #taken: number[] = [];

  constructor(private readonly perSecond: number) {}

  take(now: number): boolean {
    if (this.perSecond === Infinity) return true;
    this.#taken = this.#taken.filter((at) => at > now - 1000);
    if (this.#taken.length >= this.perSecond) return false;
    this.#taken.push(now);
    return true;
  }

  reset(): void {
    this.#taken = [];
  }
}
