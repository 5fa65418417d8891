import type { OutcomeKind, SendOutcome } from '@bellhop/contracts';
import { type Decision, decide, type DecisionInput, MAX_ATTEMPTS } from './decide.js';

const NOW = new Date('2026-01-15T08:00:00.000Z');
const later = (ms: number): Date => new Date(NOW.getTime() + ms);
const HOUR = 3_600_000;

const first: DecisionInput = { attempts: 1, expiresAt: later(24 * HOUR), repeatable: true };

/** Full jitter: attempt 1 waits between 1 and 5 s. */
const SHORTEST = 0;

function verdict(outcome: SendOutcome, more: Partial<DecisionInput> = {}, random = SHORTEST): Decision {
  return decide({ ...first, ...more }, outcome, NOW, random);
}

const since = later(-HOUR);
const table: readonly (readonly [string, SendOutcome, Decision])[] = [
  ['accepted', { kind: 'accepted' }, { state: 'accepted', device: { verdict: 'reached' } }],
  [
    'accepted, in the other environment',
    { kind: 'accepted', vendorMessageId: 'm', environment: 'sandbox' },
    { state: 'accepted', device: { verdict: 'reached', environment: 'sandbox' } },
  ],
  [
    'invalidTarget',
    { kind: 'invalidTarget', reason: 'token.unregistered' },
    { state: 'failed', reason: 'token.unregistered', device: { verdict: 'dead', since: NOW } },
  ],
  [
    'invalidTarget, since a time',
    { kind: 'invalidTarget', reason: 'token.unregistered', since },
    { state: 'failed', reason: 'token.unregistered', device: { verdict: 'dead', since } },
  ],
  [
    'wrongBinding',
    { kind: 'wrongBinding', reason: 'token.wrong_topic' },
    { state: 'failed', reason: 'token.wrong_topic', device: { verdict: 'elsewhere' } },
  ],
  ['rejected', { kind: 'rejected', reason: 'payload.too_large' }, { state: 'failed', reason: 'payload.too_large' }],
  [
    'misconfigured',
    { kind: 'misconfigured', reason: 'auth.key_revoked', field: 'p8' },
    { state: 'held', reason: 'integration_paused' },
  ],
  [
    'misconfigured somewhere',
    { kind: 'misconfigured', reason: 'auth.refused' },
    { state: 'held', reason: 'integration_paused' },
  ],
  [
    'throttled',
    { kind: 'throttled', reason: 'rate', scope: 'channel' },
    { state: 'queued', reason: 'rate', notBefore: later(1_000) },
  ],
  [
    'throttled, with a time',
    { kind: 'throttled', reason: 'rate', scope: 'target', retryAfterMs: 60_000 },
    { state: 'queued', reason: 'rate', notBefore: later(60_000) },
  ],
  [
    'quotaExhausted',
    { kind: 'quotaExhausted', reason: 'day' },
    { state: 'held', reason: 'quota_exhausted', notBefore: later(HOUR) },
  ],
  [
    'quotaExhausted, with a time',
    { kind: 'quotaExhausted', reason: 'day', resetsAt: later(5 * HOUR) },
    { state: 'held', reason: 'quota_exhausted', notBefore: later(5 * HOUR) },
  ],
  [
    'quotaExhausted, with a time that has passed',
    { kind: 'quotaExhausted', reason: 'day', resetsAt: later(-HOUR) },
    { state: 'held', reason: 'quota_exhausted', notBefore: later(1_000) },
  ],
  [
    'quotaExhausted, with a time that is none',
    { kind: 'quotaExhausted', reason: 'day', resetsAt: new Date(Number.NaN) },
    { state: 'held', reason: 'quota_exhausted', notBefore: later(1_000) },
  ],
  [
    'throttled, for longer than there are dates',
    { kind: 'throttled', reason: 'rate', scope: 'channel', retryAfterMs: Number.MAX_VALUE },
    { state: 'expired', reason: 'rate' },
  ],
  [
    'transient',
    { kind: 'transient', reason: 'gateway.unavailable' },
    { state: 'queued', reason: 'gateway.unavailable', notBefore: later(1_000) },
  ],
  [
    'unknown',
    { kind: 'unknown', reason: 'network.no_answer' },
    { state: 'queued', reason: 'network.no_answer', notBefore: later(1_000) },
  ],
];

const KINDS: Readonly<Record<OutcomeKind, true>> = {
  accepted: true,
  invalidTarget: true,
  wrongBinding: true,
  rejected: true,
  misconfigured: true,
  throttled: true,
  quotaExhausted: true,
  transient: true,
  unknown: true,
};

const retried = ['throttled', 'transient', 'unknown'] as const;
const again = (kind: (typeof retried)[number], retryAfterMs?: number): SendOutcome =>
  kind === 'throttled'
    ? { kind, scope: 'channel', reason: 'r', retryAfterMs }
    : kind === 'transient'
      ? { kind, reason: 'r', retryAfterMs }
      : { kind, reason: 'r' };

describe('decide', () => {
  it.each(table)('%s', (_name, outcome, decision) => {
    expect(verdict(outcome)).toEqual(decision);
  });

  it('is asked about all nine outcomes', () => {
    expect(new Set(table.map(([, { kind }]) => kind))).toEqual(new Set(Object.keys(KINDS)));
    expect(Object.keys(KINDS)).toHaveLength(9);
  });

  it.each(retried)('spreads what is %s and waits longer each time', (kind) => {
    const waits = [1, 2, 7].map((attempts) => verdict(again(kind), { attempts }, 0.5).notBefore);
    expect(waits).toEqual([later(3_000), later(5_500), later(160_500)]);
  });

  it.each(['transient', 'unknown'] as const)('buries what is %s after the last attempt', (kind) => {
    expect(verdict(again(kind), { attempts: MAX_ATTEMPTS - 1 }).state).toBe('queued');
    expect(verdict(again(kind), { attempts: MAX_ATTEMPTS })).toEqual({ state: 'dead', reason: 'r' });
    expect(verdict(again(kind), { attempts: MAX_ATTEMPTS + 1 }).state).toBe('dead');
  });

  it('keeps what had to wait for its turn, however often', () => {
    expect(verdict(again('throttled'), { attempts: MAX_ATTEMPTS + 5 }).state).toBe('queued');
  });

  it.each(retried)('gives up what is %s and would be late', (kind) => {
    expect(verdict(again(kind), { expiresAt: later(1_001) }).state).toBe('queued');
    expect(verdict(again(kind), { expiresAt: later(1_000) })).toEqual({ state: 'expired', reason: 'r' });
    expect(verdict(again(kind), { expiresAt: later(-1) }).state).toBe('expired');
  });

  it.each(['throttled', 'transient'] as const)('comes back to what is %s no earlier than it was told', (kind) => {
    const notBefore = (retryAfterMs: number) => verdict(again(kind, retryAfterMs), {}, 0.5).notBefore;
    expect([notBefore(0), notBefore(2_999), notBefore(3_001)]).toEqual([later(3_000), later(3_000), later(3_001)]);
    expect(verdict(again(kind, 2 * HOUR), { expiresAt: later(2 * HOUR) })).toEqual({ state: 'expired', reason: 'r' });
  });

  it.each([
    [later(HOUR), 'expired'],
    [later(HOUR + 1), 'held'],
  ])('holds for a quota only what lives until then: %p', (expiresAt, state) => {
    expect(verdict({ kind: 'quotaExhausted', reason: 'day' }, { expiresAt }).state).toBe(state);
  });

  it('holds for a quota however many attempts there were', () => {
    expect(verdict({ kind: 'quotaExhausted', reason: 'day' }, { attempts: MAX_ATTEMPTS + 1 }).state).toBe('held');
  });

  it('tells nobody twice whom a vendor may have told', () => {
    const outcome = { kind: 'unknown', reason: 'network.no_answer' } as const;
    expect(verdict(outcome, { repeatable: false })).toEqual({ state: 'unknown', reason: 'network.no_answer' });
    expect(verdict(again('transient'), { repeatable: false }).state).toBe('queued');
  });
});
