import { InvalidArgumentError } from 'commander';

/** Reads a whole number, both ends included. */
export const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`);
  };

const AGO = /^(\d{1,6})(m|h|d)$/;
const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a moment: ISO 8601 with a zone, or how long ago (`90m`, `24h`, `7d`). @returns ISO 8601 in UTC. */
export function moment(text: string): string {
  const [, count, unit] = AGO.exec(text) ?? [];
  if (count) return new Date(Date.now() - Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]).toISOString();
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))) {
    return new Date(text).toISOString();
  }
  throw new InvalidArgumentError('2026-11-20T08:00:00Z, or how long ago: 90m, 24h, 7d.');
}
