import type { SendItem } from '@bellhop/contracts';
import type { FcmMessage, FcmPayloads, FcmRefusal, FcmTarget } from './fcm.payload.js';

const UNSUPPORTED: FcmRefusal = {
  outcome: { kind: 'rejected', reason: 'target.unsupported' },
  issues: [{ field: '/audience', message: 'FCM is given devices, one by one' }],
};

/** The message for an item, or why there is none. */
export function messageFor({ message, target, receipt }: SendItem, payloads: FcmPayloads): FcmMessage | FcmRefusal {
  if (target.kind !== 'device') return UNSUPPORTED;
  const payload = payloads.of(message, target.platform);
  if ('outcome' in payload) return payload;
  const address: FcmTarget = target.identifier === 'fid' ? { fid: target.token } : { token: target.token };
  return { target: address, payload, receipt };
}
