import { isoTime, unixMillis } from './time.js';

describe('a timestamp', () => {
  it.each([
    ['1768463990', 1_768_463_990_000],
    ['1768463990123', 1_768_463_990_123],
    ['176846399012', undefined],
    ['17684639901234', undefined],
    [' 1768463990', undefined],
    ['1768463990.5', undefined],
    ['yesterday', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %p is %p ms', (timestamp, millis) => {
    expect(unixMillis(timestamp)).toBe(millis);
  });

  it('is written as ISO 8601', () => {
    expect(isoTime('1768463990123')).toBe('2026-01-15T07:59:50.123Z');
    expect(isoTime('9999999999999')).toBe('2286-11-20T17:46:39.999Z');
    expect(isoTime('soon')).toBeUndefined();
  });
});
