import type { DeviceTarget, Environment, SendItem, Target } from '@bellhop/contracts';
import { DEVICE_TOKEN } from './apns.manifest.js';
import { type ApnsPayload, type ApnsRefusal, payloadOf, withReceipt } from './apns.payload.js';

/** An item that may leave. */
export interface ReadyItem {
  /** Sent as `apns-id`, the same on every attempt. */
  readonly id: string;
  readonly payload: ApnsPayload;
  /** The body of the request. */
  readonly json: string;
  /** Lower case, checked: the library puts it into the path as it is. */
  readonly token: string;
  readonly environment: Environment;
}

/** What the library asks a notification that it sends, and nothing else. Source: lib/provider.js of 8.1.0. */
export interface ApnsNotification {
  headers(): Readonly<Record<string, string>>;
  /** The body. */
  compile(): string;
}

const UNSUPPORTED: ApnsRefusal = {
  outcome: { kind: 'rejected', reason: 'target.unsupported' },
  issues: [{ field: '/audience', message: 'APNs reaches devices of iOS by their token, and nobody else' }],
};
const MALFORMED: ApnsRefusal = {
  outcome: { kind: 'invalidTarget', reason: 'token.malformed' },
  issues: [{ field: '/audience/devices', message: 'a device has a token that APNs never issued' }],
};

/** The request for an item, or why there is none. */
export function readyItem({ id, target, message, receipt }: SendItem): ReadyItem | { readonly refusal: ApnsRefusal } {
  if (!isApple(target)) return { refusal: UNSUPPORTED };
  if (!DEVICE_TOKEN.test(target.token)) return { refusal: MALFORMED };
  const payload = payloadOf(message);
  if ('outcome' in payload) return { refusal: payload };
  return {
    id: id.toLowerCase(),
    payload,
    json: withReceipt(payload.json, receipt),
    token: target.token.toLowerCase(),
    environment: target.environment,
  };
}

/**
 * The request as the library asks for it. A notification of its own would be built for every device, field by field, to
 * end as the headers and the text that are the same for all of them.
 * @param headers of the message: {@link headersOf}.
 */
export function notificationOf({ id, json }: ReadyItem, headers: Readonly<Record<string, string>>): ApnsNotification {
  return { headers: () => ({ ...headers, 'apns-id': id }), compile: () => json };
}

/** The headers that depend on the message. */
export function headersOf({ payload }: Pick<ReadyItem, 'payload'>, topic: string): Record<string, string> {
  const { pushType, priority, expiry, collapseId } = payload;
  return {
    'apns-push-type': pushType,
    'apns-priority': String(priority),
    'apns-topic': topic,
    'apns-expiration': String(expiry),
    ...(collapseId !== undefined && { 'apns-collapse-id': collapseId }),
  };
}

function isApple(target: Target): target is DeviceTarget {
  return target.kind === 'device' && target.platform === 'ios' && target.identifier === 'token';
}
