import { sha1Hex } from '@bellhop/contracts';
import type { Callback } from '@bellhop/simulators';

export const RONGCLOUD_APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };

/** A signed call of RongCloud's server API, as any HTTP client would make it. */
export function commandOf(address: string, body: unknown): Callback {
  const [Nonce, Timestamp] = ['14314', '1408710653'];
  const Signature = sha1Hex(RONGCLOUD_APP.appSecret, Nonce, Timestamp);
  return {
    method: 'POST',
    path: address,
    query: {},
    headers: { 'App-Key': RONGCLOUD_APP.appKey, Nonce, Timestamp, Signature, 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}
