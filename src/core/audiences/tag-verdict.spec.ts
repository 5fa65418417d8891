import type { SendOutcome } from '@bellhop/contracts';
import { judgeTags, type TagVerdict } from './tag-verdict.js';

const NOW = new Date('2026-11-20T08:00:00Z');
const inSeconds = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

describe('tags after a call', () => {
  it.each<[outcome: SendOutcome, verdict: TagVerdict]>([
    [{ kind: 'accepted' }, { kind: 'done' }],
    [
      { kind: 'rejected', reason: 'tags.refused' },
      { kind: 'failed', reason: 'tags.refused' },
    ],
    [
      { kind: 'invalidTarget', reason: 'user.unknown' },
      { kind: 'failed', reason: 'user.unknown' },
    ],
    [
      { kind: 'wrongBinding', reason: 'user.elsewhere' },
      { kind: 'failed', reason: 'user.elsewhere' },
    ],
    [
      { kind: 'misconfigured', reason: 'auth.refused' },
      { kind: 'later', reason: 'auth.refused' },
    ],
    [
      { kind: 'misconfigured', reason: 'auth.refused', scope: 'target' },
      { kind: 'failed', reason: 'auth.refused' },
    ],
    [
      { kind: 'quotaExhausted', reason: 'quota', resetsAt: inSeconds(90) },
      { kind: 'later', reason: 'quota', notBefore: inSeconds(90) },
    ],
    [
      { kind: 'quotaExhausted', reason: 'quota' },
      { kind: 'later', reason: 'quota', notBefore: inSeconds(3600) },
    ],
    [
      { kind: 'quotaExhausted', reason: 'quota', resetsAt: inSeconds(-90) },
      { kind: 'later', reason: 'quota', notBefore: inSeconds(3) },
    ],
    [
      { kind: 'transient', reason: 'network' },
      { kind: 'later', reason: 'network', notBefore: inSeconds(3) },
    ],
    [
      { kind: 'throttled', reason: 'rate', scope: 'channel', retryAfterMs: 30_000 },
      { kind: 'later', reason: 'rate', notBefore: inSeconds(30.5) },
    ],
    [
      { kind: 'throttled', reason: 'rate', scope: 'channel' },
      { kind: 'later', reason: 'rate', notBefore: inSeconds(3) },
    ],
    [
      { kind: 'unknown', reason: 'no answer' },
      { kind: 'later', reason: 'no answer', notBefore: inSeconds(3) },
    ],
  ])('%j', (outcome, verdict) => {
    expect(judgeTags(outcome, 1, NOW, 0.5)).toEqual(verdict);
  });

  it('wait as long as the vendor says, however often', () => {
    const throttled = { kind: 'throttled', reason: 'rate', scope: 'channel', retryAfterMs: 10 } as const;
    expect(judgeTags(throttled, 30, NOW, 0.5)).toEqual({ kind: 'later', reason: 'rate', notBefore: inSeconds(0.51) });
  });

  it('wait longer with every attempt, and are never given up', () => {
    const waits = [1, 2, 3, 1_000].map((attempts) =>
      judgeTags({ kind: 'transient', reason: 'x' }, attempts, NOW, 0.999_999),
    );
    const seconds = waits.map(
      (verdict) => verdict.kind === 'later' && (verdict.notBefore!.getTime() - NOW.getTime()) / 1000,
    );
    expect(seconds.map((value) => Math.round(Number(value)))).toEqual([5, 10, 20, 900]);
  });
});
