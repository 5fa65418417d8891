import { EgressRefusedError } from '../errors.js';
import { HttpFailure, outcomeOfError, retryAfterMs } from './http.js';

const NOW = new Date('2026-11-20T08:00:00Z');

describe('retryAfterMs', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 120 ', 120_000],
    ['Fri, 20 Nov 2026 08:01:00 GMT', 60_000],
    ['Fri, 20 Nov 2026 07:59:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
    // Added to a date, more than that is none any more.
    ['9'.repeat(30), 28 * 86_400_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 28 * 86_400_000],
  ])('%j is %p', (header, ms) => expect(retryAfterMs(header, NOW)).toBe(ms));
});

describe('outcomeOfError', () => {
  it('tells a refused address from a call without an answer, and passes defects on', () => {
    expect(outcomeOfError(new EgressRefusedError('must start with https://'), 'baseUrl')).toEqual({
      kind: 'misconfigured',
      reason: 'egress.refused',
      field: 'baseUrl',
      detail: 'must start with https://',
    });
    expect(outcomeOfError(new HttpFailure('ECONNREFUSED', false), 'baseUrl')).toMatchObject({ kind: 'transient' });
    expect(outcomeOfError(new HttpFailure('TimeoutError', true), 'baseUrl')).toMatchObject({ kind: 'unknown' });
    expect(() => outcomeOfError(new TypeError('x is not a function'), 'baseUrl')).toThrow(TypeError);
  });
});
