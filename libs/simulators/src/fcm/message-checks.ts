import { type Answer, fieldViolation, invalidToken, tooBig } from './vocabulary.js';

/** A `messages:send` body as far as the checks have proved it. */
export interface WireMessage {
  readonly token?: string;
  readonly fid?: string;
  readonly topic?: string;
  readonly condition?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly notification?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

export interface SendBody {
  readonly message: WireMessage;
  readonly validateOnly: boolean;
}

const TARGETS = ['token', 'fid', 'topic', 'condition'] as const;
const RESERVED = /^(from$|message_type$|google|gcm)/;
const DEVICE_LIMIT = 4096;
const TOPIC_LIMIT = 2048;

/** The body of a send, or the answer that refuses it. Rules: fcm.googleapis.com REST reference, "Message". */
export function readSendBody(text: string): SendBody | Answer {
  const body = parse(text);
  if (!isObject(body?.message)) return fieldViolation('message', 'Message is required.');
  const message = body.message as WireMessage;
  return fault(message) ?? { message, validateOnly: body.validate_only === true };
}

function fault(message: WireMessage): Answer | undefined {
  return faultOfTarget(message) ?? faultOfData(message.data) ?? faultOfSize(message);
}

function faultOfTarget(message: WireMessage): Answer | undefined {
  const named = TARGETS.filter((name) => message[name] !== undefined);
  if (named.length !== 1) return fieldViolation('message', 'Exactly one of token, fid, topic, condition is required.');
  const value = message[named[0]!];
  return typeof value === 'string' && /^[^\s"']+$/.test(value) ? undefined : invalidToken();
}

function faultOfData(data: unknown): Answer | undefined {
  if (data === undefined) return undefined;
  if (!isObject(data)) return fieldViolation('message.data', 'Data must be an object.');
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string') return fieldViolation(`message.data[${key}]`, 'Data must hold strings only.');
    if (RESERVED.test(key)) return fieldViolation(`message.data[${key}]`, 'Data holds a reserved key.');
  }
  return undefined;
}

function faultOfSize(message: WireMessage): Answer | undefined {
  const limit = (message.topic ?? message.condition) ? TOPIC_LIMIT : DEVICE_LIMIT;
  return bytesOf(message.data) + bytesOf(message.notification) > limit ? tooBig() : undefined;
}

/** Bytes of all keys and texts. */
function bytesOf(record: Readonly<Record<string, unknown>> = {}): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(record)) bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  return bytes;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
