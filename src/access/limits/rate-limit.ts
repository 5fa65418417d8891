/** What a limit says to one call. Times in milliseconds. */
export interface Grant {
  readonly granted: boolean;
  /** Whole calls that are left at this moment. */
  readonly remaining: number;
  /** Until everything is left again. */
  readonly resetMs: number;
  /** Until one call is left; 0 while there is one. */
  readonly retryMs: number;
}

export interface Rate {
  /** Calls that may come at once. They grow back evenly, so that over time no more than this comes per window. */
  readonly quota: number;
  /** Milliseconds in which the quota grows back. */
  readonly windowMs: number;
}

/** Names that are remembered in one generation. */
const CAPACITY = 100_000;
/** Part of a call that is rounding, not a call: times of today leave a double a quarter of a microsecond. */
const ROUNDING = 0.001;

/**
 * The generic cell rate algorithm: per name one number, the time at which its quota will be whole again.
 * In memory and of this process alone: every process grants the quota.
 *
 * Two generations bound the memory. A name that was last seen before the older one was closed has got its quota back
 * and needs no entry; only when more than {@link CAPACITY} names come within a window is one forgiven too early.
 */
export class RateLimit {
  private young = new Map<string, number>();
  private old = new Map<string, number>();
  private bornAt = 0;
  private readonly intervalMs: number;
  private readonly roomMs: number;

  constructor(readonly rate: Rate) {
    this.intervalMs = rate.windowMs / rate.quota;
    this.roomMs = rate.windowMs + this.intervalMs * ROUNDING;
  }

  /** Takes one call out of the quota of a name, if there is one. @param now milliseconds since 1970 */
  take(name: string, now: number): Grant {
    const full = this.fullAt(name, now);
    const next = full + this.intervalMs;
    if (next > now + this.roomMs) return this.grant(false, full, now);
    this.set(name, next, now);
    return this.grant(true, next, now);
  }

  /** The short form of {@link take}, for where it is asked a hundred thousand times a second. */
  admits(name: string, now: number): boolean {
    const next = this.fullAt(name, now) + this.intervalMs;
    if (next > now + this.roomMs) return false;
    this.set(name, next, now);
    return true;
  }

  /** Gives back what {@link take} took. */
  giveBack(name: string, now: number): void {
    this.set(name, this.fullAt(name, now) - this.intervalMs, now);
  }

  /** What lies further off than a window was left here by a clock that has been set back since, and means nothing. */
  private fullAt(name: string, now: number): number {
    const known = this.young.get(name) ?? this.old.get(name) ?? now;
    return known > now && known <= now + this.roomMs ? known : now;
  }

  private set(name: string, fullAt: number, now: number): void {
    if (this.young.size >= CAPACITY || now - this.bornAt > this.rate.windowMs) {
      this.old = this.young;
      this.young = new Map();
      this.bornAt = now;
    }
    this.young.set(name, fullAt);
  }

  private grant(granted: boolean, fullAt: number, now: number): Grant {
    const room = now + this.rate.windowMs - fullAt;
    const remaining = Math.max(0, Math.floor(room / this.intervalMs + ROUNDING));
    return {
      granted,
      remaining,
      resetMs: fullAt - now,
      retryMs: remaining > 0 ? 0 : Math.max(1, this.intervalMs - room),
    };
  }
}
