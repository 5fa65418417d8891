import { chunks, type TagReplacement } from '@bellhop/contracts';
import { LIMITS } from './rongcloud.limits.js';

/** Why RongCloud takes no such tag. @param characters a class of characters, `[…]`. */
export function faultOfTag(tag: string, characters: string): string | undefined {
  if (tag === '') return 'must not be empty';
  if (Buffer.byteLength(tag) > LIMITS.tagBytes) return `must have at most ${LIMITS.tagBytes} bytes`;
  return patternOf(characters).test(tag) ? undefined : 'has a character that tags cannot have';
}

/** The pattern in use: thousands of tags are looked at between two changes of it. */
let compiled = { characters: '', pattern: /^$/ };

function patternOf(characters: string): RegExp {
  if (compiled.characters !== characters) compiled = { characters, pattern: new RegExp(`^${characters}+$`, 'u') };
  return compiled.pattern;
}

export function faultOfUser(userId: string): string | undefined {
  if (userId === '') return 'must not be empty';
  return Buffer.byteLength(userId) > LIMITS.userIdBytes ? `must have at most ${LIMITS.userIdBytes} bytes` : undefined;
}

/** Why a whole set cannot be given to a person; the tag itself is not quoted. */
export function faultOfReplacement({ userId, tags }: TagReplacement, characters: string): string | undefined {
  const userFault = faultOfUser(userId);
  if (userFault) return `the user id ${userFault}`;
  if (new Set(tags).size > LIMITS.tags) return `a person can have at most ${LIMITS.tags} tags`;
  const faults = tags.map((tag) => faultOfTag(tag, characters));
  const at = faults.findIndex((fault) => fault !== undefined);
  return at < 0 ? undefined : `tag ${at + 1} ${faults[at]}`;
}

/** People who get the same set, as many as one call takes. */
export interface TagGroup {
  readonly userIds: readonly string[];
  readonly tags: readonly string[];
}

/** In the order in which the sets first occur; the order of the tags within a set makes no difference. */
export function groupByTags(tagsByUser: ReadonlyMap<string, readonly string[]>): readonly TagGroup[] {
  const sets = new Map<string, { readonly userIds: string[]; readonly tags: readonly string[] }>();
  for (const [userId, tags] of tagsByUser) {
    const distinct = [...new Set(tags)];
    const key = JSON.stringify(distinct.toSorted());
    const group = sets.get(key) ?? { userIds: [], tags: distinct };
    group.userIds.push(userId);
    sets.set(key, group);
  }
  return [...sets.values()].flatMap(({ userIds, tags }) =>
    chunks(userIds, LIMITS.taggedUsers).map((part) => ({ userIds: part, tags })),
  );
}
