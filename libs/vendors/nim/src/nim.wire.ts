import {
  type ClientType,
  type ContentType,
  isRecord,
  MalformedPayloadError,
  parseExactJson,
  type SessionState,
  textOf,
} from '@bellhop/contracts';

/** A copy as it came. Scalars are strings nearly everywhere; numbers arrive as their source text. */
export type NimCopy = Readonly<Record<string, unknown>>;

/** @throws {MalformedPayloadError} */
export function readCopy(body: Buffer): NimCopy {
  const copy = parseExactJson(body.toString('utf8'));
  if (isRecord(copy)) return copy;
  throw new MalformedPayloadError('nim.body_not_json', 'The body is no JSON object.');
}

/** A field that the copy must have. @throws {MalformedPayloadError} */
export function required(copy: NimCopy, name: string): string {
  const value = textOf(copy[name]);
  if (value) return value;
  throw new MalformedPayloadError('nim.required_field_missing', `The copy must have ${name}.`);
}

export interface Conversation {
  readonly kind: 'conversation.message' | 'notification.custom';
  readonly type: 'direct' | 'group';
}

/** `convType` → what it is. Source: message copy, eventType 1. */
export const CONVERSATIONS: ReadonlyMap<string, Conversation> = new Map([
  ['PERSON', { kind: 'conversation.message', type: 'direct' }],
  ['TEAM', { kind: 'conversation.message', type: 'group' }],
  ['CUSTOM_PERSON', { kind: 'notification.custom', type: 'direct' }],
  ['CUSTOM_TEAM', { kind: 'notification.custom', type: 'group' }],
]);

/** `msgType` of PERSON and TEAM; `NETCALL_VEDIO` is the vendor's spelling. Source: message copy, eventType 1. */
const CONTENT_TYPES: ReadonlyMap<string, ContentType> = new Map([
  ['TEXT', 'text'],
  ['TIPS', 'text'],
  ['PICTURE', 'image'],
  ['AUDIO', 'audio'],
  ['VIDEO', 'video'],
  ['FILE', 'file'],
  ['LOCATION', 'location'],
  ['CUSTOM', 'custom'],
  // Facts about teams and calls: nothing to read out.
  ['NOTIFICATION', 'custom'],
  ['NETCALL_AUDIO', 'custom'],
  ['NETCALL_VEDIO', 'custom'],
  ['DATATUNNEL_NEW', 'custom'],
]);

export function contentTypeOf(msgType: string, { kind }: Conversation): ContentType {
  return kind === 'notification.custom' ? 'custom' : (CONTENT_TYPES.get(msgType) ?? 'unknown');
}

/** `attach` of media: JSON inside a string. Empty for other content. */
export function readAttach(copy: NimCopy): Readonly<Record<string, unknown>> {
  const attach = isRecord(copy.attach) ? copy.attach : parseExactJson(textOf(copy.attach) ?? '');
  return isRecord(attach) ? attach : {};
}

/** Accounts of a team message: a list, or JSON of one inside a string. Undefined for other shapes. */
export function readMembers({ tMembers }: NimCopy): string[] | undefined {
  const list = Array.isArray(tMembers) ? tMembers : parseExactJson(textOf(tMembers) ?? '');
  return Array.isArray(list) ? list.map(textOf).filter((accid) => accid !== undefined) : undefined;
}

const CLIENTS: ReadonlyMap<string, ClientType> = new Map([
  ['IOS', 'mobile'],
  ['AOS', 'mobile'],
  ['PC', 'desktop'],
  ['WEB', 'desktop'],
  ['MAC', 'desktop'],
]);

export function clientTypeOf(clientType = ''): ClientType {
  return CLIENTS.get(clientType.toUpperCase()) ?? 'unknown';
}

/** `logOutReason`: 1 logged out, 2 connection lost, 3 kicked by the person, 4 by the rule on several logins. */
const LOGOUT_STATES: ReadonlyMap<string, SessionState> = new Map([
  ['1', 'loggedOut'],
  ['2', 'offline'],
  ['3', 'kicked'],
  ['4', 'kicked'],
]);

/** A reason that nobody documented leaves pushes on, like a lost connection. */
export function logoutStateOf(logOutReason: unknown): SessionState {
  return LOGOUT_STATES.get(textOf(logOutReason) ?? '') ?? 'offline';
}
