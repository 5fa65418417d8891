import { TZDate } from '@date-fns/tz';

/** The calendar day `YYYY-MM-DD` of an instant in an IANA zone. */
export function dayIn(at: Date, zone: string): string {
  const { year, month, day } = partsIn(at, zone);
  return `${String(year).padStart(4, '0')}-${pad(month)}-${pad(day)}`;
}

/** Midnight at which the next calendar day of a zone begins. */
export function nextDayIn(at: Date, zone: string): Date {
  const { year, month, day } = partsIn(at, zone);
  return instantOf({ year, month, day: day + 1, hour: 0, minute: 0 }, zone);
}

export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** May run over the end of the month. */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

/** A wall-clock time in a zone → the instant. A time that daylight saving skips counts from the other side of the gap. */
export function instantOf({ year, month, day, hour, minute }: LocalTime, zone: string): Date {
  return new Date(new TZDate(year, month - 1, day, hour, minute, 0, knownZone(zone)).getTime());
}

/** What a clock on the wall of a zone shows. */
export function partsIn(at: Date, zone: string): LocalTime {
  const local = new TZDate(at.getTime(), knownZone(zone));
  return {
    year: local.getFullYear(),
    month: local.getMonth() + 1,
    day: local.getDate(),
    hour: local.getHours(),
    minute: local.getMinutes(),
  };
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** Zones as they were given, in whatever case. Looking one up costs more than everything that is done with it. */
const known = new Map<string, string>();
const MOST_ZONES = 2_000;

function knownZone(zone: string): string {
  const name = known.get(zone) ?? nameOf(zone);
  if (known.size >= MOST_ZONES) known.clear();
  known.set(zone, name);
  return name;
}

/** Registered zones were checked, but tables of zones change: an unknown one counts as UTC. */
function nameOf(zone: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}
