import {
  clipBytes,
  escapePointer,
  type FieldIssue,
  type Platform,
  type PushMessage,
  RECEIPT_KEY,
  RECEIPT_LENGTH,
  type SendOutcome,
  sha256Hex,
} from '@bellhop/contracts';

export type AndroidStyle = 'notification' | 'data';

/** A message in the words of FCM v1, without target and time to live. Source: REST reference, "Message". */
export interface FcmBody {
  readonly notification?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly android?: Readonly<Record<string, unknown>>;
  readonly apns?: Readonly<Record<string, unknown>>;
}

/** What all devices of one platform get; the size leaves room for a receipt. */
export interface FcmPayload {
  readonly body: FcmBody;
  /** `body.data` as JSON without its braces: the receipt of a device joins it. */
  readonly data: string;
  /** The rest of `body` in the same form; for Android, `android` comes last and is left open for the time to live. */
  readonly members: string;
  /** The text was cut to fit. */
  readonly shortened: boolean;
  /** Present for Android: the time to live counts from the moment of sending. */
  readonly expiresAt: Date | undefined;
}

export type FcmTarget = { readonly token: string } | { readonly fid: string } | { readonly topic: string };

export interface FcmMessage {
  readonly target: FcmTarget;
  readonly payload: FcmPayload;
  readonly receipt?: string;
}

/** Why a message can never be sent: as the outcome of a call that was not made, and in the words of our API. */
export interface FcmRefusal {
  readonly outcome: Extract<SendOutcome, { kind: 'rejected' }>;
  readonly issues: readonly FieldIssue[];
}

/** Bytes of a device message. Source: "FCM error codes". */
const LIMIT = 4096;
/** Four weeks, in seconds. */
const LONGEST_TTL = 2_419_200;
/** Keys that FCM keeps for itself. Source: REST reference, "Message.data". */
const RESERVED = /^(?:from$|message_type$|google|gcm)/;
const PLACEHOLDER = '-'.repeat(RECEIPT_LENGTH);
/** Values that an HTTP header carries unchanged; APNs takes 64 bytes. */
const PLAIN_COLLAPSE_ID = /^[\x21-\x7e]{1,64}$/;

/** Builds each message once per platform. */
export class FcmPayloads {
  readonly #built: Readonly<Record<Platform, WeakMap<PushMessage, FcmPayload | FcmRefusal>>> = {
    android: new WeakMap(),
    ios: new WeakMap(),
  };

  constructor(private readonly style: AndroidStyle) {}

  /** The payload, or why the message can never be sent. */
  of(message: PushMessage, platform: Platform): FcmPayload | FcmRefusal {
    let built = this.#built[platform].get(message);
    if (!built) {
      built = build(message, platform, this.style);
      this.#built[platform].set(message, built);
    }
    return built;
  }
}

/** Validated and delivered to nobody: what the connection test sends. */
export function probePayload(): FcmPayload {
  return finish({ data: { bellhop: 'check' } }, { shortened: false, expiresAt: undefined });
}

/** Seconds that FCM keeps the message for an Android device that is away. */
export function ttlSeconds(expiresAt: Date, now: number): number {
  return Math.min(LONGEST_TTL, Math.max(0, Math.floor((expiresAt.getTime() - now) / 1000)));
}

/** The body of `messages:send`. */
export function renderJson(message: FcmMessage, now: number, validateOnly: boolean): string {
  const [[field, value]] = Object.entries(message.target) as [[string, string]];
  const flag = validateOnly ? ',"validate_only":true' : '';
  return `{"message":{"${field}":${JSON.stringify(value)},${renderMembers(message, now)}}${flag}}`;
}

/** A message without its target, as JSON without braces. */
export function renderMembers({ payload, receipt }: Omit<FcmMessage, 'target'>, now: number): string {
  const { data, members, expiresAt } = payload;
  const texts = joined(data, receipt === undefined ? '' : `"${RECEIPT_KEY}":${JSON.stringify(receipt)}`);
  const ttl = expiresAt ? `,"ttl":"${ttlSeconds(expiresAt, now)}s"}` : '';
  return joined(texts && `"data":{${texts}}`, members + ttl);
}

/** Joins lists of members, either of which may be empty. */
function joined(one: string, other: string): string {
  return one && other ? `${one},${other}` : one + other;
}

function build(message: PushMessage, platform: Platform, style: AndroidStyle): FcmPayload | FcmRefusal {
  const faults = faultsOfExtras(message, platform, style);
  if (faults[0]) return reserved(faults[0], faults);
  const shape = (text: PushMessage) => (platform === 'ios' ? iosBody(text) : androidBody(text, style));
  const fitting = fit(message, shape);
  if (!fitting) return tooLarge(message);
  const expiresAt = platform === 'android' ? message.expiresAt : undefined;
  return finish(clean(shape(fitting)), { shortened: fitting !== message, expiresAt });
}

function finish(body: FcmBody, rest: Pick<FcmPayload, 'shortened' | 'expiresAt'>): FcmPayload {
  const { data, ...others } = body;
  const json = JSON.stringify(others);
  return {
    body,
    data: JSON.stringify(data ?? {}).slice(1, -1),
    members: json.slice(1, rest.expiresAt ? -2 : -1),
    ...rest,
  };
}

/** Blames the field that takes the most room, of those that are never shortened. */
function tooLarge({ silent, extras, deepLink, title, subtitle, imageUrl }: PushMessage): FcmRefusal {
  const fields = { extras, deepLink, ...(!silent && { title, subtitle, imageUrl }) };
  const sizes = Object.entries(fields).map(([name, value]) => ({ name, bytes: JSON.stringify(value ?? '').length }));
  const { name } = sizes.reduce((largest, other) => (other.bytes > largest.bytes ? other : largest));
  return {
    outcome: { kind: 'rejected', reason: 'payload.too_large', detail: `more than ${LIMIT} bytes without its body` },
    issues: [{ field: `/content/${name}`, message: `leaves no room: FCM takes ${LIMIT} bytes, receipt included` }],
  };
}

interface ExtraFault {
  readonly key: string;
  readonly why: string;
}

function faultsOfExtras(message: PushMessage, platform: Platform, style: AndroidStyle): ExtraFault[] {
  const own = platform === 'android' && style === 'data' ? dataFields(message) : linkOf(message);
  return Object.keys(message.extras).flatMap((key) => {
    if (RESERVED.test(key)) return { key, why: 'FCM keeps this key for itself' };
    if (key === RECEIPT_KEY) return { key, why: 'the receipt has this name' };
    return Object.hasOwn(own, key) && own[key] !== undefined
      ? { key, why: 'a field of the message has this name' }
      : [];
  });
}

function reserved(first: ExtraFault, faults: readonly ExtraFault[]): FcmRefusal {
  const detail = `extras.${first.key.slice(0, 60)}: ${first.why}`;
  return {
    outcome: { kind: 'rejected', reason: 'payload.reserved_key', detail },
    issues: faults.map(({ key, why }) => ({ field: `/content/extras/${escapePointer(key)}`, message: why })),
  };
}

/** The message within the limit, shortened at the body alone: extras steer the app. */
function fit(message: PushMessage, shape: (message: PushMessage) => FcmBody): PushMessage | undefined {
  const excess = sizeOf(shape(message)) - LIMIT;
  if (excess <= 0) return message;
  if (!message.body || message.silent) return undefined;
  const body = clipJson(message.body, jsonBytes(message.body) - excess);
  return body ? { ...message, body } : undefined;
}

/** Cuts to at most `room` bytes of JSON, where a character may take more of them than in the text. */
function clipJson(text: string, room: number): string {
  for (let limit = room; limit > 0;) {
    const cut = clipBytes(text, limit);
    const bytes = jsonBytes(cut);
    if (bytes <= room) return cut;
    limit = Math.floor((limit * room) / bytes);
  }
  return '';
}

const QUOTES = 2;

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - QUOTES;
}

/** Bytes of JSON of what reaches the device, with its receipt: never less than FCM's own count of keys and values. */
function sizeOf({ notification, data, android, apns }: FcmBody): number {
  const texts = { ...data, [RECEIPT_KEY]: PLACEHOLDER };
  return Buffer.byteLength(JSON.stringify([notification, texts, android?.['notification'], apns?.['payload']]));
}

/** Without the members that are undefined: the SDK takes them for malformed. */
function clean(body: FcmBody): FcmBody {
  return JSON.parse(JSON.stringify(body)) as FcmBody;
}

function androidBody(message: PushMessage, style: AndroidStyle): FcmBody {
  if (message.silent) return { data: dataOf(message, linkOf(message)), android: androidConfig(message) };
  if (style === 'data') return { data: dataOf(message, dataFields(message)), android: androidConfig(message) };
  return {
    notification: textsOf({ title: message.title, body: message.body, image: message.imageUrl }),
    data: dataOf(message, linkOf(message)),
    android: { ...androidConfig(message), notification: androidNotification(message) },
  };
}

function androidConfig({ silent, priority, collapseId }: PushMessage): Record<string, unknown> {
  // Only what is shown may be urgent: FCM slows down apps that wake devices for nothing.
  return { priority: silent ? 'normal' : priority, collapse_key: collapseId };
}

function androidNotification(message: PushMessage): Record<string, unknown> {
  return {
    channel_id: message.androidChannel,
    tag: message.collapseId,
    sound: message.sound,
    // Zero would mean "count one up" to Android, not "clear".
    notification_count: message.badge || undefined,
  };
}

/** For apps that show the message themselves. */
function dataFields(message: PushMessage): Record<string, string | undefined> {
  return {
    ...linkOf(message),
    title: message.title,
    subtitle: message.subtitle,
    body: message.body,
    imageUrl: message.imageUrl,
    sound: message.sound,
    badge: message.badge?.toString(),
    category: message.category,
    threadId: message.threadId,
    collapseId: message.collapseId,
    androidChannel: message.androidChannel,
  };
}

function linkOf({ deepLink }: PushMessage): Record<string, string | undefined> {
  return { deepLink };
}

function dataOf(message: PushMessage, fields: Record<string, string | undefined>): FcmBody['data'] {
  return textsOf({ ...message.extras, ...given(fields) });
}

/** Undefined instead of an object without members. */
function textsOf(fields: Record<string, string | undefined>): Record<string, string> | undefined {
  const texts = given(fields);
  return Object.keys(texts).length > 0 ? texts : undefined;
}

function given(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function iosBody(message: PushMessage): FcmBody {
  return {
    data: dataOf(message, linkOf(message)),
    apns: {
      headers: apnsHeaders(message),
      payload: { aps: message.silent ? { 'content-available': 1 } : apsOf(message) },
      fcm_options: message.imageUrl && !message.silent ? { image: message.imageUrl } : undefined,
    },
  };
}

function apnsHeaders({ silent, priority, expiresAt, collapseId }: PushMessage): Record<string, string | undefined> {
  return {
    'apns-push-type': silent ? 'background' : 'alert',
    // Apple refuses background pushes that ask for 10.
    'apns-priority': silent || priority === 'normal' ? '5' : '10',
    'apns-expiration': String(Math.max(0, Math.floor(expiresAt.getTime() / 1000))),
    'apns-collapse-id': apnsCollapseId(collapseId),
  };
}

function apnsCollapseId(id: string | undefined): string | undefined {
  if (!id || PLAIN_COLLAPSE_ID.test(id)) return id || undefined;
  return sha256Hex(id).slice(0, 32);
}

function apsOf(message: PushMessage): Record<string, unknown> {
  const alert = textsOf({ title: message.title, subtitle: message.subtitle, body: message.body });
  return {
    alert,
    badge: message.badge,
    sound: message.sound,
    category: message.category,
    'thread-id': message.threadId,
    // The app's notification service extension runs: it fetches the picture and tells that the push was delivered.
    'mutable-content': alert && 1,
  };
}
