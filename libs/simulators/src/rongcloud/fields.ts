/** A rule that a request breaks, as the vendor's code. */
export class Refused extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** Members of a JSON object whose name stands in every refusal. */
export type Members = Readonly<Record<string, unknown>>;

export const PARAMETER = 1002;
export const TOO_LONG = 1005;
export const WRONG_TYPE = 1501;
export const TOO_MANY = 1502;

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(members: Members, name: string): Members | undefined {
  const value = members[name];
  if (value === undefined || isObject(value)) return value;
  throw new Refused(WRONG_TYPE, `${name} is not an object`);
}

export function textAt(members: Members, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new Refused(WRONG_TYPE, `${name} is not a string`);
}

/** A text that is there and not empty. */
export function neededText(members: Members, name: string): string {
  const text = textAt(members, name);
  if (!text) throw new Refused(PARAMETER, `${name} is required`);
  return text;
}

/** Distinct texts; empty when the list is absent. */
export function textsAt(members: Members, name: string, limit: number): readonly string[] {
  const value = members[name] ?? [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
    throw new Refused(WRONG_TYPE, `${name} is not a list of strings`);
  }
  const texts = [...new Set(value as string[])];
  if (texts.length > limit) throw new Refused(TOO_MANY, `${name} has more than ${limit} items`);
  return texts;
}

/** An integer, or absent. */
export function integerAt(members: Members, name: string): number | undefined {
  const value = members[name];
  if (value === undefined || Number.isInteger(value)) return value as number | undefined;
  throw new Refused(WRONG_TYPE, `${name} is not an integer`);
}

export function checkBytes(text: string, name: string, limit: number): void {
  if (Buffer.byteLength(text) > limit) throw new Refused(TOO_LONG, `${name} has more than ${limit} bytes`);
}
