import type { SendOutcome } from '@bellhop/contracts';
import { fateOf, MAX_ATTEMPTS } from './webhook-schedule.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const FAILED: SendOutcome = { kind: 'transient', reason: 'webhook.failed' };
const HOUR = 3_600_000;

/** Milliseconds until the next attempt. */
function waitAfter(attempts: number, random: number, outcome: SendOutcome = FAILED): number | undefined {
  const { notBefore } = fateOf(outcome, attempts, NOW, random);
  return notBefore && notBefore.getTime() - NOW.getTime();
}

describe('fateOf', () => {
  it('waits as the specification advises', () => {
    const middle = Array.from({ length: MAX_ATTEMPTS }, (_, i) => waitAfter(i + 1, 0.5));
    const hours = [2, 5, 10, 14, 20, 24].map((count) => count * HOUR);
    expect(middle).toEqual([5_000, 300_000, 1_800_000, ...hours, undefined]);
  });

  it('spreads the waits by a fifth either way', () => {
    expect([waitAfter(1, 0), waitAfter(1, 0.999_999_9)]).toEqual([4_000, 6_000]);
    expect([waitAfter(9, 0), waitAfter(9, 0.999_999_999)]).toEqual([19.2 * HOUR, 28.8 * HOUR]);
  });

  it('gives up after the tenth attempt, whatever it ended with', () => {
    expect(fateOf(FAILED, 10, NOW, 0)).toEqual({ state: 'dead', reason: 'attempts_exhausted' });
    expect(fateOf({ kind: 'throttled', scope: 'channel', reason: 'x', retryAfterMs: 1 }, 11, NOW, 0).state).toBe(
      'dead',
    );
  });

  it('never comes back before the receiver asks, nor lets it ask for more than a day', () => {
    const busy = (retryAfterMs: number): SendOutcome => ({
      kind: 'throttled',
      scope: 'channel',
      reason: 'x',
      retryAfterMs,
    });
    expect(waitAfter(1, 0.5, busy(60_000))).toBe(60_000);
    expect(waitAfter(2, 0.5, busy(60_000))).toBe(300_000);
    expect(waitAfter(1, 0.5, busy(1e12))).toBe(24 * HOUR);
  });

  it('ends with success', () => expect(fateOf({ kind: 'accepted' }, 3, NOW, 0.5)).toEqual({ state: 'delivered' }));

  it.each<SendOutcome>([
    { kind: 'rejected', reason: 'webhook.redirected' },
    { kind: 'misconfigured', reason: 'egress.refused', field: 'url' },
    { kind: 'throttled', scope: 'channel', reason: 'webhook.busy' },
    { kind: 'transient', reason: 'webhook.refused' },
  ])('tries again after %j', (outcome) => {
    expect(fateOf(outcome, 1, NOW, 0.5)).toMatchObject({
      state: 'waiting',
      notBefore: new Date(NOW.getTime() + 5_000),
    });
  });

  it('keeps what a receiver wants no more of until somebody enables it', () => {
    const gone: SendOutcome = { kind: 'misconfigured', reason: 'webhook.gone', field: 'url' };
    expect(fateOf(gone, 1, NOW, 0.5)).toEqual({ state: 'waiting', reason: 'webhook.gone' });
  });
});
