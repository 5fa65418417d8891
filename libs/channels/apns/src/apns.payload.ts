import {
  clipBytes,
  type FieldIssue,
  type PushMessage,
  RECEIPT_KEY,
  RECEIPT_LENGTH,
  type SendOutcome,
  sha256Hex,
} from '@bellhop/contracts';

/** Bytes of JSON that APNs takes. Source: "Generating a remote notification". */
const LIMIT = 4096;
/** What stands in the JSON before a receipt. */
const RECEIPT_MEMBER = `,"${RECEIPT_KEY}":`;
const ROOM_FOR_RECEIPT = Buffer.byteLength(`${RECEIPT_MEMBER}""`) + RECEIPT_LENGTH;
/** Values that a header carries unchanged: visible ASCII, at most 64 bytes. */
const PLAIN_COLLAPSE_ID = /^[\x21-\x7e]{1,64}$/;

/** A message as APNs takes it: everything but the device, the topic, the id and the receipt. */
export interface ApnsPayload {
  /** Leaves room for the receipt, which {@link withReceipt} puts in. */
  readonly json: string;
  /** The body was cut to fit. */
  readonly shortened: boolean;
  readonly pushType: 'alert' | 'background';
  /** 10: now. 5: when it suits the battery, and the only one that background pushes may have. */
  readonly priority: 5 | 10;
  /** Seconds since 1970, after which the gateway drops it. */
  readonly expiry: number;
  readonly collapseId: string | undefined;
}

/** Why a message can never be sent: as the outcome of a call that was not made, and in the words of our API. */
export interface ApnsRefusal {
  readonly outcome: Extract<SendOutcome, { kind: 'rejected' | 'invalidTarget' }>;
  readonly issues: readonly FieldIssue[];
}

const RESERVED: ApnsRefusal = {
  outcome: { kind: 'rejected', reason: 'payload.reserved_key', detail: `extras.${RECEIPT_KEY}` },
  issues: [{ field: `/content/extras/${RECEIPT_KEY}`, message: 'is the name of the receipt' }],
};

const payloads = new WeakMap<PushMessage, ApnsPayload | ApnsRefusal>();

/** The payload of a message, built once per object. */
export function payloadOf(message: PushMessage): ApnsPayload | ApnsRefusal {
  let payload = payloads.get(message);
  if (!payload) {
    payload = build(message);
    payloads.set(message, payload);
  }
  return payload;
}

/** The JSON for one device. The text is continued: hundreds of devices share it. */
export function withReceipt(json: string, receipt: string | undefined): string {
  return receipt === undefined ? json : `${json.slice(0, -1)}${RECEIPT_MEMBER}${JSON.stringify(receipt)}}`;
}

function build(message: PushMessage): ApnsPayload | ApnsRefusal {
  if (Object.hasOwn(message.extras, RECEIPT_KEY)) return RESERVED;
  const content = fit(message);
  if (!content) return tooLarge(message);
  return {
    ...content,
    pushType: message.silent ? 'background' : 'alert',
    priority: message.silent || message.priority === 'normal' ? 5 : 10,
    expiry: Math.max(0, Math.floor(message.expiresAt.getTime() / 1000)),
    collapseId: collapseIdOf(message.collapseId),
  };
}

/** JSON within the limit, shortened at the body alone: extras steer the app. Undefined: however short the body. */
function fit(message: PushMessage): Pick<ApnsPayload, 'json' | 'shortened'> | undefined {
  let { body } = message;
  for (;;) {
    const json = JSON.stringify(valueOf({ ...message, body }));
    const excess = Buffer.byteLength(json) + ROOM_FOR_RECEIPT - LIMIT;
    if (excess <= 0) return { json, shortened: body !== message.body };
    if (!body || message.silent) return undefined;
    body = shorten(body, excess);
  }
}

/** Takes off what makes up `excess` bytes of JSON, where quotation marks and control characters are longer than in text. */
function shorten(text: string, excess: number): string {
  const bytes = Buffer.byteLength(text);
  return clipBytes(text, bytes - Math.ceil((excess * bytes) / Buffer.byteLength(JSON.stringify(text))));
}

/** Blames the field that takes the most room, of those that are never shortened. */
function tooLarge({ silent, extras, deepLink, title, subtitle, imageUrl, threadId }: PushMessage): ApnsRefusal {
  const fields = { extras, deepLink, ...(!silent && { title, subtitle, imageUrl, threadId }) };
  const sizes = Object.entries(fields).map(([name, value]) => ({ name, bytes: JSON.stringify(value ?? '').length }));
  const { name } = sizes.reduce((largest, other) => (other.bytes > largest.bytes ? other : largest));
  return {
    outcome: { kind: 'rejected', reason: 'payload.too_large', detail: `more than ${LIMIT} bytes without its body` },
    issues: [{ field: `/content/${name}`, message: `leaves no room: APNs takes ${LIMIT} bytes, receipt included` }],
  };
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
  // A changeable alert runs the app's notification service extension, which fetches the picture and tells that the
  // push was delivered.
  return {
    ...((title || subtitle || body) && { alert: { title, subtitle, body }, 'mutable-content': 1 }),
    badge: message.badge,
    sound: message.sound,
    category: message.category,
    'thread-id': message.threadId,
  };
}

/** Longer ids are hashed, and so are those that a header would garble. */
function collapseIdOf(id: string | undefined): string | undefined {
  if (!id || PLAIN_COLLAPSE_ID.test(id)) return id || undefined;
  return sha256Hex(id).slice(0, 32);
}
