import { type AppError, type SendFailure, TooManyCallsError } from '@bellhop/contracts';
import { refusedByVendor } from './vendor-refusal.js';

const NOW = new Date('2026-11-20T08:00:00Z');

describe('a refusal of a vendor', () => {
  it.each<[refusal: SendFailure, status: number]>([
    [{ kind: 'rejected', reason: 'r' }, 422],
    [{ kind: 'invalidTarget', reason: 'r' }, 422],
    [{ kind: 'wrongBinding', reason: 'r' }, 409],
    [{ kind: 'misconfigured', reason: 'r' }, 409],
    [{ kind: 'throttled', reason: 'r', scope: 'channel' }, 429],
    [{ kind: 'quotaExhausted', reason: 'r' }, 429],
    [{ kind: 'transient', reason: 'r' }, 503],
    [{ kind: 'unknown', reason: 'r' }, 502],
  ])('%j', (refusal, status) => {
    const { code, status: told } = refusedByVendor(refusal, NOW);
    expect([code, told]).toEqual(['r', status]);
  });

  it.each<[refusal: SendFailure, seconds: number]>([
    [{ kind: 'throttled', reason: 'r', scope: 'channel', retryAfterMs: 1_200 }, 2],
    [{ kind: 'throttled', reason: 'r', scope: 'channel' }, 60],
    [{ kind: 'quotaExhausted', reason: 'r', resetsAt: new Date(NOW.getTime() + 90_000) }, 90],
    [{ kind: 'quotaExhausted', reason: 'r', resetsAt: new Date(NOW.getTime() - 90_000) }, 1],
    [{ kind: 'quotaExhausted', reason: 'r' }, 60],
  ])('says when to come back: %j', (refusal, seconds) => {
    const problem: AppError = refusedByVendor(refusal, NOW);
    expect(problem).toBeInstanceOf(TooManyCallsError);
    expect((problem as TooManyCallsError).retryAfterSeconds).toBe(seconds);
  });

  it('passes on what the vendor said, and the setting to look at', () => {
    const refusal = {
      kind: 'misconfigured',
      reason: 'auth',
      field: 'secret',
      vendorCode: '1004',
      detail: 'bad sign',
    } as const;
    expect(refusedByVendor(refusal, NOW).message).toBe(
      'The vendor does not accept the integration. Check the setting "secret". Its answer: 1004 bad sign',
    );
  });
});
