import type { SendOutcome } from '@bellhop/contracts';
import { backoffMs } from '../work/backoff.js';

const QUOTA_PAUSE_MS = 60 * 60_000;
const JITTER_MS = 1_000;

/** What happens to a person's tags after a call. `later` without a time: once the integration works again. */
export type TagVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly reason: string; readonly notBefore?: Date }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Turns an outcome into what happens next. Tags are overwritten, so that what may have been taken is sent again; and
 * they stay true, so that nobody gives up.
 * @param attempts calls made, this one included.
 * @param random   0 ≤ x < 1, for jitter.
 */
export function judgeTags(outcome: SendOutcome, attempts: number, now: Date, random: number): TagVerdict {
  const after = (ms: number): Date => new Date(now.getTime() + ms);
  // What the vendor says is not doubled: many workers that share its limit would otherwise wait ever longer for no reason.
  const toldMs = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : ms + random * JITTER_MS;
  const untold = after(backoffMs(attempts, random));
  // A vendor whose clock is behind ours names a time that has passed.
  const slotOf = (resetsAt = after(QUOTA_PAUSE_MS)): Date => (resetsAt > now ? resetsAt : untold);
  switch (outcome.kind) {
    case 'accepted':
      return { kind: 'done' };
    case 'invalidTarget':
    case 'wrongBinding':
    case 'rejected':
      return { kind: 'failed', reason: outcome.reason };
    case 'misconfigured':
      return { kind: outcome.scope === 'target' ? 'failed' : 'later', reason: outcome.reason };
    case 'quotaExhausted':
      return { kind: 'later', reason: outcome.reason, notBefore: slotOf(outcome.resetsAt) };
    case 'throttled':
    case 'transient':
      return {
        kind: 'later',
        reason: outcome.reason,
        notBefore: after(toldMs(outcome.retryAfterMs) ?? backoffMs(attempts, random)),
      };
    case 'unknown':
      return { kind: 'later', reason: outcome.reason, notBefore: untold };
  }
}
