import { randomUUID } from 'node:crypto';
import type { Callback } from './callback.js';
import { newNonce, signature, type SigningOptions } from './signing.js';

export interface RongCloudApp {
  readonly appKey: string;
  readonly appSecret: string;
}

export interface RongCloudMessage {
  readonly fromUserId: string;
  /** User, or group with `channelType: 'GROUP'`. */
  readonly toUserId: string;
  /** Content of an `RC:TxtMsg`. Default `hello`. */
  readonly text?: string;
  /** Default `RC:TxtMsg`. */
  readonly objectName?: string;
  /** Wins over `text`. */
  readonly content?: string;
  /** Default `PERSON`. */
  readonly channelType?: string;
  /** Default: a new UUID. */
  readonly msgUID?: string;
  /** Default `0`. */
  readonly sensitiveType?: string;
  /** Default `iOS`. */
  readonly source?: string;
  /** Makes a group message a directed one. */
  readonly groupUserIds?: readonly string[];
}

/** Full message routing of one message. */
export function rongCloudMessage(app: RongCloudApp, message: RongCloudMessage, options: SigningOptions): Callback {
  const { groupUserIds, text = 'hello', ...fields } = message;
  const form = new URLSearchParams({
    objectName: 'RC:TxtMsg',
    content: JSON.stringify({ content: text }),
    channelType: 'PERSON',
    msgTimestamp: String(options.now.getTime()),
    msgUID: randomUUID(),
    sensitiveType: '0',
    source: 'iOS',
    ...fields,
    ...(groupUserIds && { groupUserIds: JSON.stringify(groupUserIds) }),
  });
  return rongCloudCallback(app, 'application/x-www-form-urlencoded', form.toString(), options);
}

export interface RongCloudSession {
  readonly userid: string;
  /** 0 online, 1 offline, 2 logged out. */
  readonly status: '0' | '1' | '2';
  readonly os: string;
  /** Milliseconds. */
  readonly time: number;
  readonly sessionId: string;
}

/** Online status subscription. @param asList one edition posts a list, the other a single object. */
export function rongCloudPresence(
  app: RongCloudApp,
  sessions: readonly RongCloudSession[],
  options: SigningOptions,
  asList = true,
): Callback {
  const items = sessions.map((session) => ({ clientIp: '203.0.113.9:52114', ...session }));
  return rongCloudCallback(app, 'application/json', JSON.stringify(asList ? items : items[0]), options);
}

/** Any body, signed. */
export function rongCloudCallback(
  { appKey, appSecret }: RongCloudApp,
  contentType: string,
  body: string,
  options: SigningOptions,
): Callback {
  const { now, nonce = newNonce() } = options;
  const signTimestamp = String(now.getTime());
  const query = { appKey, signTimestamp, nonce, signature: signature(appSecret + nonce + signTimestamp, options) };
  const headers = { 'content-type': contentType, 'user-agent': 'RongCloud/1.0' };
  return { method: 'POST', path: '', query, headers, body };
}

/**
 * A command to the server API, as the vendor's SDKs send it.
 * @param path below the base address, with its format: `user/tag/set.json`.
 * @param body an object goes as JSON.
 */
export function rongCloudCommand(
  { appKey, appSecret }: RongCloudApp,
  path: string,
  body: object | URLSearchParams,
  options: SigningOptions,
): Callback {
  const { now, nonce = newNonce() } = options;
  const timestamp = String(now.getTime());
  const isForm = body instanceof URLSearchParams;
  const headers = {
    'app-key': appKey,
    nonce,
    timestamp,
    signature: signature(appSecret + nonce + timestamp, options),
    'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json',
  };
  return { method: 'POST', path, query: {}, headers, body: isForm ? body.toString() : JSON.stringify(body) };
}

/** Bodies as the vendor prints them: quotes and brackets are not escaped. */
export const rongCloudSamples = {
  messageRoute:
    'fromUserId=123&toUserId=456&objectName=RC%3ATxtMsg&content=%7B"content"%3A"hello"%7D&channelType=PERSON' +
    '&msgTimestamp=1408710653491&msgUID=596E-P5PG-4FS2-7OJK&groupUserIds=[543,567]',
} as const;
