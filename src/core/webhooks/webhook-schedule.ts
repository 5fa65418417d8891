import type { SendOutcome } from '@bellhop/contracts';
import type { WebhookMessageState } from './webhook-message.entity.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Before the first attempt, the second, … Source: Standard Webhooks, "Operational considerations". */
const SCHEDULE_MS = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
] as const;
export const MAX_ATTEMPTS = SCHEDULE_MS.length;
/** A share of the wait, so that what failed together does not come back together. */
const JITTER = 0.2;
/** No receiver can put a message off for longer. */
const LONGEST_MS = 24 * HOUR;

/** What an endpoint's failures come to. */
export const FAILING_FOR_MS = 5 * 24 * HOUR;

export interface MessageFate {
  readonly state: Exclude<WebhookMessageState, 'sending'>;
  readonly reason?: string;
  readonly notBefore?: Date;
}

/**
 * What becomes of a message after an attempt. Whatever is not accepted is tried again: the id makes repetitions harmless.
 * @param attempts made so far, this one included.
 * @param random   0 ≤ x < 1.
 */
export function fateOf(outcome: SendOutcome, attempts: number, now: Date, random: number): MessageFate {
  if (outcome.kind === 'accepted') return { state: 'delivered' };
  // The endpoint is disabled with it, and releases the message when somebody enables it again.
  if (isGone(outcome)) return { state: 'waiting', reason: outcome.reason };
  const wait = SCHEDULE_MS[attempts];
  if (wait === undefined) return { state: 'dead', reason: 'attempts_exhausted' };
  const asked = ('retryAfterMs' in outcome && outcome.retryAfterMs) || 0;
  const ms = Math.max(wait * (1 - JITTER + 2 * JITTER * random), Math.min(asked, LONGEST_MS));
  return { state: 'waiting', reason: outcome.reason, notBefore: new Date(now.getTime() + Math.round(ms)) };
}

/** The receiver says that it wants no more of them. */
export const isGone = (outcome: SendOutcome): boolean =>
  outcome.kind === 'misconfigured' && outcome.reason === 'webhook.gone';
