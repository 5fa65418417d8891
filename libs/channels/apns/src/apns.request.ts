import type { DeviceTarget, Environment, SendItem, SendOutcome, Target } from '@bellhop/contracts';
import apn from '@parse/node-apn';
import { DEVICE_TOKEN } from './apns.manifest.js';
import { payloadOf } from './apns.payload.js';

/** An item that may leave. */
export interface ReadyItem {
  readonly notification: apn.Notification;
  /** Lower case, checked: the library puts it into the path as it is. */
  readonly token: string;
  readonly environment: Environment;
}

const UNSUPPORTED: SendOutcome = { kind: 'rejected', reason: 'target.unsupported' };
const MALFORMED: SendOutcome = { kind: 'invalidTarget', reason: 'token.malformed' };
const TOO_LARGE: SendOutcome = { kind: 'rejected', reason: 'payload.too_large' };

/** The request for an item, or why there is none. */
export function readyItem(item: SendItem, bundleId: string): ReadyItem | { readonly refusal: SendOutcome } {
  const { target, message } = item;
  if (!isApple(target)) return { refusal: UNSUPPORTED };
  if (!DEVICE_TOKEN.test(target.token)) return { refusal: MALFORMED };
  const { content, ...headers } = payloadOf(message);
  if (!content) return { refusal: TOO_LARGE };
  const notification = new apn.Notification({
    ...headers,
    topic: bundleId,
    id: item.id.toLowerCase(),
    rawPayload: content.value,
    // Where the library keeps the JSON of `rawPayload`: found there, it is not built again for every device.
    compiled: content.json,
  });
  return { notification, token: target.token.toLowerCase(), environment: target.environment };
}

function isApple(target: Target): target is DeviceTarget {
  return target.kind === 'device' && target.platform === 'ios' && target.identifier === 'token';
}
