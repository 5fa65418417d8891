import { sameHex, sha1Hex, unixMillis } from '@bellhop/contracts';
import type { Proof } from './rongcloud.wire.js';

const MAX_NONCE = 64;

/**
 * SHA-1 of App Secret, nonce and timestamp in a row, hex. The body is not covered.
 * The shapes are part of the proof: a digit moved from the timestamp to the nonce leaves the digest as it was.
 */
export function isProved({ timestamp, nonce, signature }: Proof, appSecret: string): boolean {
  if (unixMillis(timestamp) === undefined || nonce.length > MAX_NONCE) return false;
  return sameHex(signature, sha1Hex(appSecret, nonce, timestamp));
}
