import {
  isRecord,
  parseJson,
  type PlatformOverride,
  PLATFORMS,
  type PushRequest,
  RECEIPT_KEY,
  type TagCommand,
} from '@bellhop/contracts';
import { distinctTexts, Fields, rejected } from './rongcloud.api-rules.js';
import { LIMITS } from './rongcloud.limits.js';
import { faultOfTag } from './rongcloud.tags.js';

const IDENTITY_KIND = 'rongcloud.user_id';

const USER_LIMIT = { maxBytes: LIMITS.userIdBytes };
const TITLE_LIMIT = { maxCharacters: LIMITS.titleCharacters };
/** Source: `/user/tags/get` in the vendor's SDKs. */
const MAX_QUERIED_USERS = 50;
/** Source: "指定用户不落地通知". */
const MAX_NOTIFIED_USERS = 100;

/** What `/push` and `/push/user` ask for. */
export interface PushCommand {
  readonly request: PushRequest;
  /** The chat message of a broadcast, which is not delivered here: its sender and its type. */
  readonly message?: { readonly fromUserId: string; readonly objectName: string };
}

type Content = PushRequest['content'];

/** `{ "userId", "tags" }`. @param characters class of those that a tag may have. */
export function readTagSet(body: Buffer, characters: string): TagCommand {
  const fields = Fields.of(body);
  const users = [fields.needText('userId', USER_LIMIT)];
  return { identityKind: IDENTITY_KIND, users, tags: needTags(fields, characters) };
}

/** `{ "userIds", "tags" }`. */
export function readTagBatchSet(body: Buffer, characters: string): TagCommand {
  const fields = Fields.of(body);
  const users = fields.needTexts('userIds', LIMITS.taggedUsers, USER_LIMIT);
  return { identityKind: IDENTITY_KIND, users, tags: needTags(fields, characters) };
}

/** An empty list takes all tags away; a missing one is a mistake. */
function needTags(fields: Fields, characters: string): readonly string[] {
  if (!fields.has('tags')) throw rejected('parameter_invalid', 'tags is required.');
  return readTags(fields, 'tags', characters);
}

function readTags(fields: Fields, name: string, characters: string): readonly string[] {
  const tags = fields.texts(name, LIMITS.tags, { maxBytes: LIMITS.tagBytes });
  if (tags.every((tag) => faultOfTag(tag, characters) === undefined)) return tags;
  throw rejected('parameter_invalid', `${name} must not have special characters.`);
}

/** The form `userIds=…&userIds=…`. */
export function readTagQuery(body: Buffer): TagQuery {
  const userIds = new URLSearchParams(body.toString('utf8')).getAll('userIds');
  if (userIds.length === 0) throw rejected('parameter_invalid', 'userIds is required.');
  return { identityKind: IDENTITY_KIND, users: distinctTexts('userIds', userIds, MAX_QUERIED_USERS, USER_LIMIT) };
}

export type TagQuery = Omit<TagCommand, 'tags'>;

/** A push, or with `fromuserid` and `message` the push that goes with a broadcast message. */
export function readPush(body: Buffer, characters: string): PushCommand {
  const fields = Fields.of(body);
  const message = readMessage(fields);
  const audience = readAudience(fields, characters);
  const notification = fields.object('notification');
  const content = notification ? readContent(notification, 'alert') : { body: textOfMessage(message) };
  return {
    request: { audience, identityKind: IDENTITY_KIND, content },
    ...(message && { message: { fromUserId: message.fromUserId, objectName: message.objectName } }),
  };
}

/** `{ "userIds", "notification": { "title", "pushContent", "ios", "android" } }`. */
export function readUserPush(body: Buffer): PushCommand {
  const fields = Fields.of(body);
  const users = fields.needTexts('userIds', MAX_NOTIFIED_USERS, USER_LIMIT);
  const content = readContent(fields.needObject('notification'), 'pushContent');
  return { request: { audience: { users }, identityKind: IDENTITY_KIND, content } };
}

interface BroadcastMessage {
  readonly fromUserId: string;
  readonly objectName: string;
  readonly content: string;
}

/** Half of a broadcast is neither a broadcast nor a push, and which one was meant is not guessed. */
function readMessage(fields: Fields): BroadcastMessage | undefined {
  if (!fields.has('fromuserid') && !fields.has('message')) return undefined;
  const message = fields.needObject('message');
  return {
    fromUserId: fields.needText('fromuserid', USER_LIMIT),
    objectName: message.needText('objectName', { maxCharacters: LIMITS.objectNameCharacters }),
    content: message.needText('content'),
  };
}

/** What stands for the notification that a broadcast leaves out; only texts say what they show. */
function textOfMessage(message: BroadcastMessage | undefined): string {
  const text = message?.objectName === 'RC:TxtMsg' ? contentOf(message.content) : undefined;
  if (!text) throw rejected('parameter_invalid', 'notification is required.');
  return text;
}

function contentOf(json: string): string | undefined {
  const value = parseJson(json);
  return isRecord(value) && typeof value.content === 'string' ? value.content : undefined;
}

/** Which condition wins is not decided here, see `effectiveAudience`; what `is_to_all` overrides is not even looked at. */
function readAudience(fields: Fields, characters: string): PushRequest['audience'] {
  const platforms = readPlatforms(fields);
  const audience = fields.needObject('audience');
  if (audience.flag('is_to_all')) return { everyone: true, platforms };
  const users = audience.texts('userid', LIMITS.pushUsers, USER_LIMIT);
  const allOf = readTags(audience, 'tag', characters);
  const anyOf = readTags(audience, 'tag_or', characters);
  const packageName = audience.text('packageName') || undefined;
  if (users.length + allOf.length + anyOf.length === 0 && !packageName) {
    throw rejected('parameter_invalid', 'audience must have is_to_all, userid, tag, tag_or or packageName.');
  }
  return {
    ...(users.length > 0 && { users }),
    ...(allOf.length > 0 && { allOf }),
    ...(anyOf.length > 0 && { anyOf }),
    ...(packageName && { packageName }),
    platforms,
  };
}

function readPlatforms(fields: Fields): NonNullable<PushRequest['audience']['platforms']> {
  const names = fields.needTexts('platform', Infinity);
  const known = PLATFORMS.filter((platform) => names.includes(platform));
  if (known.length !== names.length) throw rejected('parameter_invalid', 'platform may hold "ios" and "android".');
  return known;
}

/** @param textName what the text for all platforms is called. */
function readContent(notification: Fields, textName: 'alert' | 'pushContent'): Content {
  const ios = notification.object('ios');
  const android = notification.object('android');
  return {
    title: notification.text('title', TITLE_LIMIT) || undefined,
    body: notification.needText(textName),
    overrides: {
      ios: ios && { ...readOverride(ios), badge: readBadge(ios), silent: readSilent(ios) },
      // A badge is for iOS alone and is ignored here, as the vendor does.
      android: android && readOverride(android),
    },
  };
}

function readOverride(fields: Fields): PlatformOverride {
  return {
    title: fields.text('title', TITLE_LIMIT) || undefined,
    body: fields.has('alert') ? fields.needText('alert') : undefined,
    extras: readExtras(fields),
  };
}

function readExtras(fields: Fields): PlatformOverride['extras'] {
  const extras = fields.textMap('extras');
  if (extras && Object.hasOwn(extras, RECEIPT_KEY)) {
    throw rejected('parameter_invalid', `extras must not have "${RECEIPT_KEY}", which carries the receipt.`);
  }
  return extras;
}

/** Absent keeps the number, nothing above zero clears it. */
function readBadge(ios: Fields): number | undefined {
  const badge = ios.integer('badge');
  if (badge === undefined) return undefined;
  if (badge > LIMITS.badge) throw rejected('parameter_invalid', `badge must be at most ${LIMITS.badge}.`);
  return Math.max(0, badge);
}

function readSilent(ios: Fields): true | undefined {
  const contentAvailable = ios.integer('contentAvailable') ?? 0;
  if (contentAvailable !== 0 && contentAvailable !== 1) {
    throw rejected('parameter_invalid', 'contentAvailable must be 0 or 1.');
  }
  return contentAvailable === 1 || undefined;
}
