import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { hmacSha256, sameText, sha1Hex } from '@bellhop/contracts';

/**
 * Lower-case hex SHA-1 of all parts, sorted by code unit and joined: token, timestamp, nonce (and the ciphertext for
 * `msg_signature`). Neither the body nor the other parameters are covered. Source: "身份验证".
 */
export function signEchat(...parts: string[]): string {
  return sha1Hex([...parts].sort().join(''));
}

/** Block of the padding in bytes; the cipher's own block is 16. */
const PAD_BLOCK = 32;
const RANDOM_BYTES = 16;
/** The random bytes and the length of the message, big-endian. */
const HEAD_BYTES = RANDOM_BYTES + 4;

/** 32 bytes of an EncodingAESKey of 43 characters; the first 16 are the initialisation vector too. */
export function aesKeyOf(encodingAesKey: string): Buffer {
  return Buffer.from(`${encodingAesKey}=`, 'base64');
}

/**
 * AES-256-CBC of `16 random bytes · length · message · appId`, as base64: the form of secure callbacks and of `metaData`.
 * Source: the vendor's JavaScript SDK, AesUtils.
 */
export function encryptEchat(encodingAesKey: string, appId: string, message: string, random?: Buffer): string {
  const key = aesKeyOf(encodingAesKey);
  const text = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  const plain = Buffer.concat([random ?? randomBytes(RANDOM_BYTES), length, text, Buffer.from(appId)]);
  const pad = PAD_BLOCK - (plain.length % PAD_BLOCK);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(pad, pad)), cipher.final()]).toString(
    'base64',
  );
}

export type Decrypted =
  | { readonly ok: true; readonly message: Buffer }
  | { readonly ok: false; readonly code: 'echat.decrypt_failed' | 'echat.appid_mismatch' };

/** Opens what {@link encryptEchat} makes. The base64 may lack its padding and contain line breaks. */
export function decryptEchat(encodingAesKey: string, appId: string, base64: string): Decrypted {
  const plain = unpad(decipher(aesKeyOf(encodingAesKey), Buffer.from(base64, 'base64')));
  const end = plain && plain.length >= HEAD_BYTES ? HEAD_BYTES + plain.readUInt32BE(RANDOM_BYTES) : Infinity;
  if (!plain || end > plain.length) return { ok: false, code: 'echat.decrypt_failed' };
  if (!sameText(plain.toString('utf8', end), appId)) return { ok: false, code: 'echat.appid_mismatch' };
  return { ok: true, message: plain.subarray(HEAD_BYTES, end) };
}

function decipher(key: Buffer, ciphertext: Buffer): Buffer {
  if (ciphertext.length % 16 !== 0) return Buffer.alloc(0);
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

function unpad(padded: Buffer): Buffer | undefined {
  const pad = padded.at(-1) ?? 0;
  if (pad < 1 || pad > PAD_BLOCK || pad > padded.length) return undefined;
  const end = padded.length - pad;
  return padded.subarray(end).every((byte) => byte === pad) ? padded.subarray(0, end) : undefined;
}

const PREFIX = 'np1.';
/** Characters that Echat keeps of a pushInfo. */
const PUSH_INFO_LIMIT = 255;

/**
 * A pushInfo that names a user of ours and that visitors cannot change: `np1.{user id}.{16 bytes of HMAC-SHA256}`,
 * both base64url, bound to one integration. Must be URL-encoded where it travels in an address.
 * @throws {RangeError} for user ids of more than 171 bytes.
 */
export function issuePushInfo(key: string, integrationId: string, userId: string): string {
  const head = PREFIX + Buffer.from(userId).toString('base64url');
  const pushInfo = `${head}.${pushInfoTag(key, integrationId, head)}`;
  if (pushInfo.length > PUSH_INFO_LIMIT) throw new RangeError('userId must have at most 171 bytes');
  return pushInfo;
}

/** The user id of a pushInfo that {@link issuePushInfo} made for this integration, or undefined. */
export function openPushInfo(key: string, integrationId: string, pushInfo: string): string | undefined {
  const dot = pushInfo.lastIndexOf('.');
  const head = pushInfo.slice(0, dot);
  if (!head.startsWith(PREFIX) || head === PREFIX) return undefined;
  if (!sameText(pushInfo.slice(dot + 1), pushInfoTag(key, integrationId, head))) return undefined;
  return Buffer.from(head.slice(PREFIX.length), 'base64url').toString();
}

function pushInfoTag(key: string, integrationId: string, head: string): string {
  return hmacSha256(key, `${integrationId}.${head}`).subarray(0, 16).toString('base64url');
}
