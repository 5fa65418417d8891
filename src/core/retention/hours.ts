const DAY_MINUTES = 24 * 60;

/**
 * Whether a moment lies within hours of the day, UTC: `HH:mm-HH:mm`, the end excluded, wrapping over midnight. Equal ends
 * mean all day.
 */
export function isWithin(hours: string, now: Date): boolean {
  const [start = 0, end = 0] = hours.split('-').map(minutesOf);
  const length = (end - start + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
  const since = (now.getUTCHours() * 60 + now.getUTCMinutes() - start + DAY_MINUTES) % DAY_MINUTES;
  return since < length;
}

function minutesOf(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}
