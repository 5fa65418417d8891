import { instantOf, partsIn } from '../../platform/zoned-time.js';

/** When a notification is to be sent. All fields together: not before the moment, and within the window. */
export interface Schedule {
  /** ISO 8601 instant, the same for everybody. Excludes `localTime`. */
  readonly at?: string;
  /** `YYYY-MM-DDTHH:mm` on the wall of whoever receives it. */
  readonly localTime?: string;
  /** Hours of the day in which people may be told, `HH:mm` on their wall; the end is exclusive, wrapping over midnight. */
  readonly window?: { readonly start: string; readonly end: string };
}

/** From the far east, where a day begins, to the far west, where it ends. */
const EASTERNMOST_MS = 14 * 3_600_000;
const WESTERNMOST_MS = 12 * 3_600_000;

/** The moment from which somebody may have to be told; planning begins then. */
export function startOf({ at, localTime }: Schedule, now: Date): Date {
  const start = at ? new Date(at) : localTime ? new Date(utc(localTime) - EASTERNMOST_MS) : now;
  return start > now ? start : now;
}

/** The moment at which the last one may have to be told. */
export function latestStart(schedule: Schedule, now: Date): Date {
  const spreadMs = schedule.localTime ? EASTERNMOST_MS + WESTERNMOST_MS : 0;
  const windowMs = schedule.window ? 24 * 3_600_000 : 0;
  return new Date(startOf(schedule, now).getTime() + spreadMs + windowMs);
}

/** True when the moment lies behind everybody. */
export function isPast({ at, localTime }: Schedule, now: Date): boolean {
  if (at) return new Date(at) < now;
  return localTime !== undefined && utc(localTime) + WESTERNMOST_MS < now.getTime();
}

/** When somebody in `zone` is told; undefined: at once. Where the local moment is over already, that is now. */
export function notBefore({ at, localTime, window }: Schedule, zone: string, now: Date): Date | undefined {
  const moment = at ? new Date(at) : localTime ? instantOf(parse(localTime), zone) : now;
  const from = moment > now ? moment : now;
  const due = window ? intoWindow(from, window, zone) : from;
  return due > now ? due : undefined;
}

function intoWindow(from: Date, { start, end }: NonNullable<Schedule['window']>, zone: string): Date {
  const local = partsIn(from, zone);
  const clock = minutes(`${local.hour}:${local.minute}`);
  const [opens, closes] = [minutes(start), minutes(end)];
  const open = opens < closes ? clock >= opens && clock < closes : clock >= opens || clock < closes;
  if (open) return from;
  const day = clock < opens ? local.day : local.day + 1;
  return instantOf({ ...local, day, hour: Math.floor(opens / 60), minute: opens % 60 }, zone);
}

function minutes(clock: string): number {
  const [hour = 0, minute = 0] = clock.split(':').map(Number);
  return hour * 60 + minute;
}

const utc = (localTime: string): number => Date.parse(`${localTime}:00Z`);

function parse(localTime: string) {
  const at = new Date(utc(localTime));
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
  };
}
