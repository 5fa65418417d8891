import { randomInt, randomUUID } from 'node:crypto';
import type { Callback } from './callback.js';
import { hexDigest, signature, type SigningOptions } from './signing.js';

export interface NimApp {
  readonly appKey: string;
  readonly appSecret: string;
}

export interface NimMessage {
  readonly fromAccount: string;
  readonly fromNick?: string;
  /** Account, or team with a TEAM `convType`. */
  readonly to: string;
  /** Default `PERSON`. */
  readonly convType?: string;
  /** Default `TEXT`. */
  readonly msgType?: string;
  readonly body?: string;
  /** JSON text. */
  readonly attach?: string;
  /** Default: a random number. */
  readonly msgidServer?: string;
  /** Default: a new UUID. */
  readonly msgidClient?: string;
  /** Push text of a custom notification. */
  readonly customApnsText?: string;
  readonly tMembers?: readonly string[];
}

/** Copy of a message or, with a CUSTOM `convType`, of a custom notification. */
export function nimMessage(app: NimApp, { tMembers, ...message }: NimMessage, options: SigningOptions): Callback {
  const defaults = {
    eventType: '1',
    convType: 'PERSON',
    fromClientType: 'IOS',
    fromDeviceId: 'device-1',
    msgTimestamp: String(options.now.getTime()),
    msgType: 'TEXT',
    body: '',
    attach: '',
    msgidClient: randomUUID(),
    msgidServer: String(randomInt(1_000_000_000, 100_000_000_000)),
    resendFlag: '0',
  };
  const members = tMembers && { tMembers: JSON.stringify(tMembers) };
  return nimCopy(app, { ...defaults, ...message, ...members }, options);
}

export interface NimSession {
  readonly accid: string;
  /** AOS, IOS, PC, WEB or MAC. */
  readonly clientType: string;
  readonly deviceId: string;
}

export function nimLogin(app: NimApp, session: NimSession, options: SigningOptions): Callback {
  return nimCopy(app, sessionCopy('2', session, options), options);
}

/** @param session with `reason`: 1 logged out, 2 connection lost, 3 and 4 kicked. */
export function nimLogout(
  app: NimApp,
  { reason, ...session }: NimSession & { readonly reason: '1' | '2' | '3' | '4' | (string & {}) },
  options: SigningOptions,
): Callback {
  return nimCopy(app, { ...sessionCopy('3', session, options), logOutReason: reason }, options);
}

function sessionCopy(eventType: string, session: NimSession, { now }: SigningOptions): object {
  return { eventType, clientIp: '203.0.113.9', code: '200', ...session, timestamp: String(now.getTime()) };
}

/** Any copy, signed. */
export function nimCopy({ appKey, appSecret }: NimApp, copy: object, options: SigningOptions): Callback {
  const body = JSON.stringify(copy);
  const curTime = String(options.now.getTime());
  const md5 = hexDigest('md5', body);
  const headers = {
    'content-type': 'application/json',
    AppKey: appKey,
    CurTime: curTime,
    MD5: md5,
    CheckSum: signature(appSecret + md5 + curTime, options),
  };
  return { method: 'POST', path: '', query: {}, headers, body };
}
