import type { DemoPerson } from '../../src/sandbox/demo-people.js';
import type { Arrival, Stage } from './stage.js';

/** Tokens of all phones of some people, sorted. */
export const tokensOf = (...people: readonly DemoPerson[]): string[] =>
  people.flatMap(({ phones }) => phones.map(({ token }) => token)).sort();

/** Tokens of the phones that something arrived on, sorted; one that got it twice is there twice. */
export const reached = (arrivals: readonly Arrival[]): string[] => arrivals.map(({ token }) => token).sort();

/** Gives somebody preferences for a while. */
export async function withPreferences(
  stage: Stage,
  { userId }: DemoPerson,
  preferences: object,
  during: () => Promise<void>,
): Promise<void> {
  const path = `/v1/users/${userId}/preferences`;
  await stage.api('PUT', path, preferences);
  try {
    await during();
  } finally {
    await stage.api('PUT', path, {});
  }
}
