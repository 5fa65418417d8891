import type { RongCloudAudience, RongCloudCommand, RongCloudPlatform, RongCloudPushCommand } from './commands.js';
import {
  checkBytes,
  isObject,
  type Members,
  neededText,
  objectAt,
  PARAMETER,
  Refused,
  textAt,
  textsAt,
  TOO_LONG,
  WRONG_TYPE,
} from './fields.js';
import { readShown } from './shown.js';

const MAX_TAGS = 20;
const MAX_TAG_BYTES = 40;
const MAX_ID_BYTES = 64;
const MAX_TAGGED = 1000;
const MAX_QUERIED = 50;
const MAX_USERS = 1000;
const MAX_OBJECT_NAME = 32;
/** Unverified: which characters the vendor calls special. */
const TAG = /^[\p{L}\p{M}\p{N}_-]+$/u;

/** What the simulator takes beyond the oldest document. */
export interface RuleOptions {
  readonly harmonyOs: boolean;
}

type Reader = (body: Members, options: RuleOptions) => RongCloudCommand;

/** By path without its format. Source: RongCloud, broadcast push document. */
export const READERS: Readonly<Record<string, Reader>> = {
  '/user/tag/set': readTagSet,
  '/user/tag/batch/set': readTagBatchSet,
  '/push': readPush,
};

function readTagSet(body: Members): RongCloudCommand {
  const userId = neededText(body, 'userId');
  return { kind: 'tags', userIds: checkedUsers([userId]), tags: readTags(body) };
}

function readTagBatchSet(body: Members): RongCloudCommand {
  const userIds = checkedUsers(textsAt(body, 'userIds', MAX_TAGGED));
  if (userIds.length === 0) throw new Refused(PARAMETER, 'userIds is required');
  return { kind: 'tags', userIds, tags: readTags(body) };
}

function readTags(body: Members): readonly string[] {
  if (body.tags === undefined) throw new Refused(PARAMETER, 'tags is required');
  return checkedTags(textsAt(body, 'tags', MAX_TAGS));
}

/** The form `userIds=…&userIds=…`. */
export function readQuery(form: Readonly<Record<string, readonly string[]>>): RongCloudCommand {
  const userIds = checkedUsers(textsAt(form, 'userIds', MAX_QUERIED));
  if (userIds.length === 0) throw new Refused(PARAMETER, 'userIds is required');
  return { kind: 'query', userIds };
}

function checkedTags(tags: readonly string[]): readonly string[] {
  for (const tag of tags) {
    checkBytes(tag, 'tag', MAX_TAG_BYTES);
    if (!TAG.test(tag)) throw new Refused(PARAMETER, 'a tag is empty or has a special character');
  }
  return tags;
}

function checkedUsers(userIds: readonly string[]): readonly string[] {
  for (const userId of userIds) {
    checkBytes(userId, 'userId', MAX_ID_BYTES);
    if (userId === '') throw new Refused(PARAMETER, 'a userId is empty');
  }
  return userIds;
}

/** Sender and message make a broadcast, neither of them a push; one alone is refused. */
function readPush(body: Members, options: RuleOptions): RongCloudPushCommand {
  const platforms = readPlatforms(body, options);
  const message = readMessage(body);
  const audience = readAudience(objectAt(body, 'audience'));
  const notification = objectAt(body, 'notification');
  if (!message && !notification) throw new Refused(PARAMETER, 'notification is required');
  return {
    kind: 'push',
    mode: message ? 'broadcast' : 'push',
    audience,
    platforms: 'userIds' in audience ? null : platforms,
    ...(message && { message }),
    ...(notification && { shown: readShown(notification) }),
  };
}

function readPlatforms(body: Members, { harmonyOs }: RuleOptions): readonly RongCloudPlatform[] {
  const known = new Set<string>(['ios', 'android', ...(harmonyOs ? ['harmonyOS'] : [])]);
  const platforms = textsAt(body, 'platform', Infinity);
  if (platforms.length === 0) throw new Refused(PARAMETER, 'platform is required');
  if (!platforms.every((platform) => known.has(platform))) throw new Refused(PARAMETER, 'platform is unknown');
  return [...platforms].sort() as RongCloudPlatform[];
}

function readMessage(body: Members): RongCloudPushCommand['message'] {
  if (body.fromuserid === undefined && body.message === undefined) return undefined;
  const from = neededText(body, 'fromuserid');
  checkedUsers([from]);
  const message = objectAt(body, 'message');
  if (!message) throw new Refused(PARAMETER, 'message is required');
  const objectName = neededText(message, 'objectName');
  if ([...objectName].length > MAX_OBJECT_NAME) throw new Refused(TOO_LONG, 'objectName is too long');
  return { from, objectName, content: neededText(message, 'content') };
}

function readAudience(audience: Members | undefined): RongCloudAudience {
  if (!audience) throw new Refused(PARAMETER, 'audience is required');
  if (readFlag(audience.is_to_all)) return { all: true };
  const userIds = checkedUsers(textsAt(audience, 'userid', MAX_USERS));
  const tagsAll = checkedTags(textsAt(audience, 'tag', MAX_TAGS));
  const tagsAny = checkedTags(textsAt(audience, 'tag_or', MAX_TAGS));
  const packageName = textAt(audience, 'packageName');
  if (userIds.length > 0) return { userIds };
  if (tagsAll.length + tagsAny.length === 0 && !packageName) throw new Refused(PARAMETER, 'audience has no condition');
  return { tagsAll, tagsAny, ...(packageName && { packageName }) };
}

function readFlag(value: unknown = false): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new Refused(WRONG_TYPE, 'is_to_all is neither true nor false');
}

/** @throws {Refused} */
export function parseJson(text: string): Members {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Told apart below.
  }
  throw new Refused(PARAMETER, 'the body is no JSON object');
}
