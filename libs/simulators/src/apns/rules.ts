import type { IncomingHttpHeaders } from 'node:http2';
import { environmentOfToken, type ApnsReason } from './behaviour.js';

export interface ApnsRules {
  /** Bundle ids that the key may send to; undefined: every one. */
  readonly topics?: readonly string[];
  /** Refuses tokens of the other environment; undefined: takes both. */
  readonly environment?: 'production' | 'sandbox';
}

const DEVICE_PATH = '/3/device/';
const TOKEN = /^(?:[0-9a-f]{2}){32,100}$/i;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Well-formed and certainly nobody's. */
const NOBODY = /^0+$/;
const PUSH_TYPES = new Set([
  'alert',
  'background',
  'complication',
  'controls',
  'fileprovider',
  'liveactivity',
  'location',
  'mdm',
  'pushtotalk',
  'voip',
  'widgets',
]);

/** The token in a path; undefined when the path is no device's. */
export function tokenOf(path: string): string | undefined {
  return path.startsWith(DEVICE_PATH) ? path.slice(DEVICE_PATH.length) : undefined;
}

/** The first documented rule that a request breaks, apart from its credentials. */
export function brokenRule(headers: IncomingHttpHeaders, bytes: number, rules: ApnsRules): ApnsReason | undefined {
  return (
    brokenRoute(headers) ??
    brokenHeaders(headers, rules) ??
    brokenPayload(headers, bytes) ??
    brokenToken(headers, rules)
  );
}

function brokenRoute(headers: IncomingHttpHeaders): ApnsReason | undefined {
  if (headers[':method'] !== 'POST') return 'MethodNotAllowed';
  const token = tokenOf(headers[':path'] ?? '');
  if (token === undefined || /[/?#.]/.test(token)) return 'BadPath';
  return token === '' ? 'MissingDeviceToken' : undefined;
}

function brokenHeaders(headers: IncomingHttpHeaders, rules: ApnsRules): ApnsReason | undefined {
  const topic = text(headers['apns-topic']);
  if (!topic) return 'MissingTopic';
  if (rules.topics && !rules.topics.includes(topic)) return 'TopicDisallowed';
  const id = text(headers['apns-id']);
  if (id !== undefined && !UUID.test(id)) return 'BadMessageId';
  const expiration = text(headers['apns-expiration']);
  if (expiration !== undefined && !/^\d+$/.test(expiration)) return 'BadExpirationDate';
  if (Buffer.byteLength(text(headers['apns-collapse-id']) ?? '') > 64) return 'BadCollapseId';
  return brokenPriority(text(headers['apns-push-type']) ?? 'alert', text(headers['apns-priority']) ?? '10');
}

function brokenPriority(pushType: string, priority: string): ApnsReason | undefined {
  if (!PUSH_TYPES.has(pushType)) return 'InvalidPushType';
  const known = priority === '1' || priority === '5' || priority === '10';
  return !known || (pushType === 'background' && priority === '10') ? 'BadPriority' : undefined;
}

function brokenPayload(headers: IncomingHttpHeaders, bytes: number): ApnsReason | undefined {
  if (bytes === 0) return 'PayloadEmpty';
  return bytes > (headers['apns-push-type'] === 'voip' ? 5120 : 4096) ? 'PayloadTooLarge' : undefined;
}

function brokenToken(headers: IncomingHttpHeaders, rules: ApnsRules): ApnsReason | undefined {
  const token = tokenOf(headers[':path'] ?? '') ?? '';
  const foreign = rules.environment !== undefined && environmentOfToken(token) !== rules.environment;
  return foreign || !TOKEN.test(token) || NOBODY.test(token) ? 'BadDeviceToken' : undefined;
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
