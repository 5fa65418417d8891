import { backoffMs } from './backoff.js';

const ALMOST_ONE = 1 - Number.EPSILON;

describe('backoffMs', () => {
  it.each([
    [1, 5_000],
    [2, 10_000],
    [3, 20_000],
    [4, 40_000],
    [5, 80_000],
    [6, 160_000],
    [7, 320_000],
    [8, 640_000],
    [9, 900_000],
    [50, 900_000],
    [10_000, 900_000],
  ])('after attempt %i waits between a second and %i ms', (attempt, longest) => {
    expect(backoffMs(attempt, 0)).toBe(1_000);
    expect(backoffMs(attempt, ALMOST_ONE)).toBe(longest);
    expect(backoffMs(attempt, 0.5)).toBe(1_000 + (longest - 1_000) / 2);
  });

  it('gives whole milliseconds', () => {
    expect(backoffMs(1, 0.123_456_789)).toBe(1_494);
  });
});
