import { escapePointer, type FieldIssue, isRecord, type PushMessage, RECEIPT_KEY } from '@bellhop/contracts';
import { type NimOptions, OPTIONS_AT } from './nim.options.js';

type Payload = Readonly<Record<string, unknown>>;

/** Characters. Source: "推送 payload 配置". */
export const MAX_PAYLOAD = 2048;
/** Keys that NIM hands to one push service each. Source: the same. */
const SERVICES = [
  'apsField',
  'fcmField',
  'fcmFieldV1',
  'hwField',
  'hwPassThroughField',
  'honorField',
  'honorPassThroughField',
  'vivoField',
  'oppoField',
];
const OWN_KEYS = new Set([...SERVICES, 'pushTitle', 'deepLink', 'imageUrl', RECEIPT_KEY]);

/**
 * What NIM is to hand to the push services, without the receipt.
 * @param soundOfAps a sound for `apsField`, where the call has no field of its own for it.
 */
export function payloadOf(message: PushMessage, options: NimOptions, soundOfAps: string | undefined): Payload {
  const { title, deepLink, imageUrl, extras } = message;
  const made = {
    pushTitle: title || undefined,
    apsField: unlessEmpty(apsOf(message, soundOfAps)),
    ...androidFields(message),
  };
  return { ...merge(defined(made), options.payload), ...defined({ deepLink, imageUrl }), ...extras };
}

/** The payload with the receipt token, as text; undefined when there is nothing in it. */
export function payloadText(payload: Payload, receipt: string | undefined): string | undefined {
  const whole = receipt === undefined ? payload : { ...payload, [RECEIPT_KEY]: receipt };
  return Object.keys(whole).length > 0 ? JSON.stringify(whole) : undefined;
}

/** A payload that is not as documented may cost the push, so nothing of it is left to NIM's judgement. */
export function payloadIssues(message: PushMessage, options: NimOptions): FieldIssue[] {
  return [...shapeIssues(options.payload), ...clashes(message, options.payload)];
}

function shapeIssues(payload: Payload): FieldIssue[] {
  const misshapen = SERVICES.filter((name) => payload[name] !== undefined && !isRecord(payload[name]));
  const issues = misshapen.map((name) => ({ field: `${OPTIONS_AT}/payload/${name}`, message: 'must be an object' }));
  if (payload['pushTitle'] !== undefined && typeof payload['pushTitle'] !== 'string') {
    issues.push({ field: `${OPTIONS_AT}/payload/pushTitle`, message: 'must be a text' });
  }
  if (Object.hasOwn(payload, RECEIPT_KEY)) {
    issues.push({ field: `${OPTIONS_AT}/payload/${RECEIPT_KEY}`, message: 'is set by the platform' });
  }
  return issues;
}

/** Custom data share their names with everything else in the payload. */
function clashes({ extras }: PushMessage, payload: Payload): FieldIssue[] {
  return Object.keys(extras)
    .filter((key) => OWN_KEYS.has(key) || Object.hasOwn(payload, key))
    .map((key) => ({ field: `/content/extras/${pointer(key)}`, message: 'NIM has another use for this key' }));
}

function apsOf(message: PushMessage, sound: string | undefined): Payload {
  return defined({
    alert: alertOf(message),
    // The app's notification service extension runs, and fetches the picture.
    'mutable-content': message.imageUrl ? 1 : undefined,
    'thread-id': message.threadId,
    category: message.category,
    sound,
  });
}

/** NIM makes the alert from title and copy; it is replaced only where iPhones show something else. */
function alertOf({ title, subtitle, body, overrides }: PushMessage): Payload | undefined {
  const own = overrides?.ios;
  if (!subtitle && !own?.title && !own?.body) return undefined;
  return defined({ title: own?.title ?? title, subtitle, body: own?.body ?? body });
}

/**
 * Title and text of Android, in the words of each service. Channels of Xiaomi and OPPO have ids of their consoles, so
 * `androidChannel` does not fit there. `fcmFieldV1` holds a whole FCM message, as public clients send it.
 */
function androidFields({ overrides, androidChannel }: PushMessage): Payload {
  const { title, body } = overrides?.android ?? {};
  const huawei = unlessEmpty(defined({ title, body, channel_id: androidChannel }));
  const honor = unlessEmpty(defined({ title, body }));
  const other = unlessEmpty(defined({ title, content: body }));
  return {
    fcmFieldV1: huawei && { message: { android: { notification: huawei } } },
    hwField: huawei,
    honorField: honor && { notification: honor },
    vivoField: other,
    oppoField: other,
  };
}

/** Objects are joined member by member. */
function merge(made: Payload, own: Payload): Payload {
  const joined = Object.entries(own).map(([key, value]) => {
    const base = Object.hasOwn(made, key) ? made[key] : undefined;
    return [key, isRecord(base) && isRecord(value) ? { ...base, ...value } : value];
  });
  return { ...made, ...(Object.fromEntries(joined) as Payload) };
}

function defined(values: Payload): Payload {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function unlessEmpty(values: Payload): Payload | undefined {
  return Object.keys(values).length > 0 ? values : undefined;
}

function pointer(key: string): string {
  return escapePointer(key.slice(0, 100));
}
