const formats = new Map<string, Intl.DateTimeFormat>();

/** Local wall clock `HH:mm` in an IANA zone. An unknown zone counts as UTC. */
export function wallClock(now: Date, zone: string): string {
  let format = formats.get(zone);
  if (!format) {
    format = formatFor(zone);
    formats.set(zone, format);
  }
  return format.format(now);
}

function formatFor(zone: string): Intl.DateTimeFormat {
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  try {
    return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' });
  }
}

/**
 * Whether `clock` lies in the window. All three are `HH:mm`; both ends are inclusive, an end before the start
 * wraps over midnight, and a window that starts where it ends is off.
 */
export function inWindow(start: string, end: string, clock: string): boolean {
  if (start === end) return false;
  return start < end ? clock >= start && clock <= end : clock >= start || clock <= end;
}
