import { escapePointer, isRecord } from '@bellhop/contracts';

/** One place at which two JSON values differ. A side without anything there is absent. */
export interface Difference {
  /** JSON Pointer (RFC 6901). */
  readonly pointer: string;
  readonly stored?: unknown;
  readonly parsed?: unknown;
}

/** Where two JSON values differ, in the order of the stored one; then what only the other one has. */
export function differencesOf(stored: unknown, parsed: unknown, pointer = ''): Difference[] {
  if (isObject(stored) && isObject(parsed) && Array.isArray(stored) === Array.isArray(parsed)) {
    const names = [...new Set([...Object.keys(stored), ...Object.keys(parsed)])];
    return names.flatMap((name) => differencesAt(stored, parsed, name, pointer));
  }
  return Object.is(stored, parsed) ? [] : [{ pointer, stored, parsed }];
}

function differencesAt(
  stored: Readonly<Record<string, unknown>>,
  parsed: Readonly<Record<string, unknown>>,
  name: string,
  pointer: string,
): Difference[] {
  const here = `${pointer}/${escapePointer(name)}`;
  if (!Object.hasOwn(parsed, name)) return [{ pointer: here, stored: stored[name] }];
  if (!Object.hasOwn(stored, name)) return [{ pointer: here, parsed: parsed[name] }];
  return differencesOf(stored[name], parsed[name], here);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isRecord(value) || Array.isArray(value);

/** The same place in all elements of a list: `/recipient/devices/0/token` → `/recipient/devices/*\/token`. */
export const placeOf = (pointer: string): string => pointer.replace(/\/\d+(?=\/|$)/g, '/*');
