/** Milliseconds since 1970 of a vendor's timestamp, 10 digits (seconds) or 13 (milliseconds); undefined for other forms. */
export function unixMillis(timestamp: string | undefined): number | undefined {
  if (timestamp === undefined || !/^(?:\d{10}|\d{13})$/.test(timestamp)) return undefined;
  return Number(timestamp) * (timestamp.length === 10 ? 1000 : 1);
}

/** ISO 8601 UTC of such a timestamp. */
export function isoTime(timestamp: string | undefined): string | undefined {
  const millis = unixMillis(timestamp);
  return millis === undefined ? undefined : new Date(millis).toISOString();
}
