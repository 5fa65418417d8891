const FIRST_MS = 5_000;
const LONGEST_MS = 15 * 60_000;

/**
 * Milliseconds until the next attempt: exponential with full jitter, 5 s doubling to 15 min.
 * @param attempt attempts made so far, from 1.
 * @param random  0 ≤ x < 1.
 */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(1_000 + random * (ceiling - 1_000));
}
