import { clipBytes, sha256Hex, type PushMessage } from '@bellhop/contracts';

/** Bytes of JSON that APNs takes. Source: "Generating a remote notification". */
const LIMIT = 4096;
/** Values that a header carries unchanged: visible ASCII, at most 64 bytes. */
const PLAIN_COLLAPSE_ID = /^[\x21-\x7e]{1,64}$/;

/** The body of a request, as a value and as text. */
export interface ApnsContent {
  readonly value: object;
  readonly json: string;
}

/** A message as APNs takes it: everything but the device, the topic and the id. */
export interface ApnsPayload {
  /** Undefined: it does not fit, however short the body. */
  readonly content: ApnsContent | undefined;
  readonly pushType: 'alert' | 'background';
  /** 10: now. 5: when it suits the battery, and the only one that background pushes may have. */
  readonly priority: 5 | 10;
  /** Seconds since 1970, after which the gateway drops it. */
  readonly expiry: number;
  readonly collapseId: string | undefined;
}

const payloads = new WeakMap<PushMessage, ApnsPayload>();

/** The payload of a message, built once per object. */
export function payloadOf(message: PushMessage): ApnsPayload {
  let payload = payloads.get(message);
  if (!payload) {
    payload = build(message);
    payloads.set(message, payload);
  }
  return payload;
}

function build(message: PushMessage): ApnsPayload {
  return {
    content: fit(message),
    pushType: message.silent ? 'background' : 'alert',
    priority: message.silent || message.priority === 'normal' ? 5 : 10,
    expiry: Math.max(0, Math.floor(message.expiresAt.getTime() / 1000)),
    collapseId: collapseIdOf(message.collapseId),
  };
}

/** Content within the limit, shortened at the body alone: extras steer the app. */
function fit(message: PushMessage): ApnsContent | undefined {
  let { body } = message;
  for (;;) {
    const content = contentOf({ ...message, body });
    const excess = Buffer.byteLength(content.json) - LIMIT;
    if (excess <= 0) return content;
    if (!body || message.silent) return undefined;
    body = shorten(body, excess);
  }
}

/** Takes off what makes up `excess` bytes of JSON, where quotation marks and control characters are longer than in text. */
function shorten(text: string, excess: number): string {
  const bytes = Buffer.byteLength(text);
  return clipBytes(text, bytes - Math.ceil((excess * bytes) / Buffer.byteLength(JSON.stringify(text))));
}

function contentOf(message: PushMessage): ApnsContent {
  const value = valueOf(message);
  return { value, json: JSON.stringify(value) };
}

function valueOf(message: PushMessage): object {
  return {
    aps: message.silent ? { 'content-available': 1 } : apsOf(message),
    ...(Object.keys(message.extras).length > 0 && { extras: message.extras }),
    ...(message.deepLink && { deepLink: message.deepLink }),
    ...(message.imageUrl && !message.silent && { imageUrl: message.imageUrl }),
  };
}

/** Properties that are undefined vanish in JSON. */
function apsOf(message: PushMessage): object {
  const { title, subtitle, body } = message;
  return {
    ...((title || subtitle || body) && { alert: { title, subtitle, body } }),
    badge: message.badge,
    sound: message.sound,
    category: message.category,
    'thread-id': message.threadId,
    // The app's notification service extension runs, and fetches the picture.
    ...(message.imageUrl && { 'mutable-content': 1 }),
  };
}

/** Longer ids are hashed, and so are those that a header would garble. */
function collapseIdOf(id: string | undefined): string | undefined {
  if (!id || PLAIN_COLLAPSE_ID.test(id)) return id || undefined;
  return sha256Hex(id).slice(0, 32);
}
