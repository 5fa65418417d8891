import { partsIn } from '../../platform/zoned-time.js';

/** Local wall clock `HH:mm` in an IANA zone. An unknown zone counts as UTC. */
export function wallClock(now: Date, zone: string): string {
  const { hour, minute } = partsIn(now, zone);
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}

/**
 * Whether `clock` lies in the window. All three are `HH:mm`; both ends are inclusive, an end before the start
 * wraps over midnight, and a window that starts where it ends is off.
 */
export function inWindow(start: string, end: string, clock: string): boolean {
  if (start === end) return false;
  return start < end ? clock >= start && clock <= end : clock >= start || clock <= end;
}
