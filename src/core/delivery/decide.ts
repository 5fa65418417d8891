import type { Environment, SendOutcome } from '@bellhop/contracts';
import type { DeliveryState } from '../notifications/delivery.entity.js';
import { backoffMs } from '../work/backoff.js';

/** Attempts after which a delivery becomes a dead letter. */
export const MAX_ATTEMPTS = 8;
const QUOTA_PAUSE_MS = 60 * 60_000;

export interface DecisionInput {
  /** Attempts made, the one that brought the outcome included. */
  readonly attempts: number;
  readonly expiresAt: Date;
  /** A device gets the same id again and replaces what it has; a vendor that finds the devices itself tells them twice. */
  readonly repeatable: boolean;
}

export interface Decision {
  readonly state: Extract<DeliveryState, 'queued' | 'accepted' | 'failed' | 'expired' | 'held' | 'unknown' | 'dead'>;
  readonly reason?: string;
  readonly notBefore?: Date;
  /** What the outcome says about the device. */
  readonly device?:
    | { readonly verdict: 'reached'; readonly environment?: Environment }
    | { readonly verdict: 'dead'; readonly since: Date }
    | { readonly verdict: 'elsewhere' };
}

/**
 * The one place that turns an outcome into what happens next.
 * @param random 0 ≤ x < 1, for jitter.
 */
export function decide(input: DecisionInput, outcome: SendOutcome, now: Date, random: number): Decision {
  switch (outcome.kind) {
    case 'accepted':
      return { state: 'accepted', device: { verdict: 'reached', environment: outcome.environment } };
    case 'invalidTarget':
      return { state: 'failed', reason: outcome.reason, device: { verdict: 'dead', since: outcome.since ?? now } };
    case 'wrongBinding':
      return { state: 'failed', reason: outcome.reason, device: { verdict: 'elsewhere' } };
    case 'rejected':
      return { state: 'failed', reason: outcome.reason };
    case 'misconfigured':
      if (outcome.scope === 'target') return { state: 'failed', reason: outcome.reason };
      return { state: 'held', reason: 'integration_paused' };
    case 'quotaExhausted':
      return holdUntil(input, outcome.resetsAt ?? new Date(now.getTime() + QUOTA_PAUSE_MS), now, random);
    case 'throttled':
      // Waiting for one's turn is no failure: it goes on until the message is of no use any more.
      return retry(
        { ...input, attempts: Math.min(input.attempts, MAX_ATTEMPTS - 1) },
        outcome.reason,
        now,
        random,
        outcome.retryAfterMs,
      );
    case 'transient':
      return retry(input, outcome.reason, now, random, outcome.retryAfterMs);
    case 'unknown':
      return input.repeatable
        ? retry(input, outcome.reason, now, random)
        : { state: 'unknown', reason: outcome.reason };
  }
}

function retry(input: DecisionInput, reason: string, now: Date, random: number, retryAfterMs = 0): Decision {
  if (input.attempts >= MAX_ATTEMPTS) return { state: 'dead', reason };
  const at = new Date(now.getTime() + Math.max(backoffMs(input.attempts, random), retryAfterMs));
  return at < input.expiresAt ? { state: 'queued', reason, notBefore: at } : { state: 'expired', reason };
}

/** A vendor whose clock is behind ours names a time that has passed: that must not make us ask without a pause. */
function holdUntil(input: DecisionInput, resetsAt: Date, now: Date, random: number): Decision {
  const reason = 'quota_exhausted';
  const at = resetsAt > now ? resetsAt : new Date(now.getTime() + backoffMs(input.attempts, random));
  return at < input.expiresAt ? { state: 'held', reason, notBefore: at } : { state: 'expired', reason };
}
