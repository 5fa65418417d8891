import type { SendOutcome } from '@bellhop/contracts';

/** Batches in a row, and deliveries in them, that brought no answer: one lost connection is no dead vendor. */
const BATCHES = 3;
const DELIVERIES = 10;
/** Deliveries that find out whether the vendor answers again. */
export const TRIAL_SIZE = 10;
/** How long nothing is sent: it doubles with each trial that fails. */
const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;
/** Whatever else waits comes back so much later than the trial, when it is known how that ended. */
const BEHIND_MS = 1_000;
/** What comes while the trial is made asks again so much later at most: many a trial ends in its time-out. */
const MEANWHILE_MS = 5_000;

/** `closed`: everything is sent. `open`: nothing. `half-open`: one trial at a time. */
export type LaneState = 'closed' | 'half-open' | 'open';

/** Leave to send, which must be given back, or the moment to ask again. */
export type Pass =
  { readonly most: number; readonly turn: number; readonly until?: undefined } | { readonly until: Date };

/** What a batch tells of the vendor. */
export interface Heard {
  /** It said something about at least one delivery, be it a refusal. */
  readonly answered: boolean;
  /** Deliveries that it did not take in, or whose fate is not known. */
  readonly unanswered: number;
}

/**
 * Keeps a process from calling a vendor that does not answer. One per lane, knowing nothing of other processes: each
 * learns by itself.
 */
export class LaneBreaker {
  private current: LaneState = 'closed';
  /** Since the last answer. */
  private batches = 0;
  private deliveries = 0;
  /** Since the lane was last closed. */
  private openings = 0;
  private waitMs = 0;
  private trialAt = 0;
  /** Somebody comes back for the trial, or is at it. */
  private taken = false;
  /** Grows with every change: what was begun before one says nothing about the time after it. */
  private turn = 0;

  /** @param changed is told of every change of state; `until`: when there is a trial. */
  constructor(private readonly changed: (state: LaneState, until?: Date) => void) {}

  get state(): LaneState {
    return this.current;
  }

  enter(now: Date): Pass {
    if (this.current === 'closed') return { most: Infinity, turn: this.turn };
    if (this.current === 'open') {
      if (now.getTime() < this.trialAt) return { until: this.book() };
      this.become('half-open');
      this.taken = false;
    }
    if (this.taken) return { until: new Date(now.getTime() + Math.min(this.waitMs, MEANWHILE_MS)) };
    this.taken = true;
    return { most: TRIAL_SIZE, turn: this.turn };
  }

  /** @param random 0 ≤ x < 1, for jitter. */
  leave(turn: number, { answered, unanswered }: Heard, now: Date, random: number): void {
    if (turn !== this.turn) return;
    if (answered) this.close();
    else if (unanswered > 0) this.miss(unanswered, now, random);
    // It came to no call: another one may try.
    else this.taken = false;
  }

  private close(): void {
    this.batches = 0;
    this.deliveries = 0;
    this.openings = 0;
    if (this.current !== 'closed') this.become('closed');
  }

  private miss(unanswered: number, now: Date, random: number): void {
    this.batches++;
    this.deliveries += unanswered;
    const known = this.batches >= BATCHES && this.deliveries >= DELIVERIES;
    if (this.current === 'half-open' || known) this.open(now, random);
  }

  private open(now: Date, random: number): void {
    this.waitMs = waitMs(++this.openings, random);
    this.trialAt = now.getTime() + this.waitMs;
    this.taken = false;
    this.become('open', new Date(this.trialAt));
  }

  /** The first one comes back for the trial, the others behind it. */
  private book(): Date {
    const at = this.taken ? this.trialAt + BEHIND_MS : this.trialAt;
    this.taken = true;
    return new Date(at);
  }

  private become(state: LaneState, until?: Date): void {
    this.current = state;
    this.turn++;
    this.changed(state, until);
  }
}

/** Exponential; between a half and all of it, so that the processes do not come back together. */
function waitMs(openings: number, random: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(openings - 1, 16));
  return Math.round((whole * (1 + random)) / 2);
}

/** Of a working vendor the first outcome tells. */
export function heardOf(outcomes: readonly SendOutcome[]): Heard {
  const answered = outcomes.some(isAnswer);
  return { answered, unanswered: answered ? 0 : outcomes.filter(isUnanswered).length };
}

/** Faults of ours: the vendor was not asked, or we do not know what we did. */
const OURS: ReadonlySet<string> = new Set(['delivery.unreadable', 'plugin.failed']);

function isUnanswered(outcome: SendOutcome): boolean {
  return (outcome.kind === 'transient' || outcome.kind === 'unknown') && !OURS.has(outcome.reason);
}

/** A refusal without a code of the vendor's was made by the channel itself. */
function isAnswer(outcome: SendOutcome): boolean {
  switch (outcome.kind) {
    case 'accepted':
      return true;
    case 'transient':
    case 'unknown':
      return false;
    case 'invalidTarget':
    case 'wrongBinding':
    case 'rejected':
    case 'misconfigured':
    case 'throttled':
    case 'quotaExhausted':
      return outcome.vendorCode !== undefined;
  }
}
