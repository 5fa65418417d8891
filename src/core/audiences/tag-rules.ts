import { type FieldIssue, UnprocessableError } from '@bellhop/contracts';

/** Tags that a person may have, and that one list of an audience may name. */
export const MAX_TAGS = 20;
/** UTF-8 bytes of a tag. */
export const MAX_TAG_BYTES = 40;
/** People whom one call may name. */
export const MAX_USERS = 1_000;

// Marks, because many scripts write vowels and accents with them.
const TAG = /^[\p{L}\p{M}\p{N}_-]*$/u;

interface Fault extends FieldIssue {
  readonly code: string;
}

/**
 * Reads a list of tags; the same one twice counts once.
 * @param at JSON Pointer of the list.
 * @throws {UnprocessableError} naming every tag that breaks a rule.
 */
export function readTags(tags: readonly string[], at: string): string[] {
  const distinct = [...new Set(tags)];
  if (distinct.length > MAX_TAGS) throw tooMany('tags', at, MAX_TAGS);
  const faults = distinct.flatMap((tag) => faultOf(tag, `${at}/${tags.indexOf(tag)}`) ?? []);
  const [first] = faults;
  if (!first) return distinct;
  const issues = faults.map(({ field, message }) => ({ field, message }));
  throw new UnprocessableError(first.code, 'A tag is not one that can be given.', issues);
}

/**
 * Reads a list of people; the same one twice counts once.
 * @param at JSON Pointer of the list.
 * @throws {UnprocessableError} when they are too many.
 */
export function readUsers(users: readonly string[], at: string): string[] {
  const distinct = [...new Set(users)];
  if (distinct.length > MAX_USERS) throw tooMany('users', at, MAX_USERS);
  return distinct;
}

function faultOf(tag: string, field: string): Fault | undefined {
  const bytes = Buffer.byteLength(tag);
  if (bytes < 1 || bytes > MAX_TAG_BYTES) {
    return { code: 'tags.length', field, message: `must be 1 to ${MAX_TAG_BYTES} bytes of UTF-8, not ${bytes}` };
  }
  if (TAG.test(tag)) return undefined;
  return { code: 'tags.characters', field, message: 'must be letters and digits of any script, _ and -' };
}

function tooMany(what: 'tags' | 'users', field: string, limit: number): UnprocessableError {
  const message = `must have at most ${limit.toLocaleString('en')} different entries`;
  return new UnprocessableError(`${what}.too_many`, `There are too many ${what}.`, [{ field, message }]);
}
