import { createDecipheriv } from 'node:crypto';

/** App ID and key of an Echat account. */
export interface EchatKeys {
  readonly appId: string;
  /** 43 characters. */
  readonly encodingAesKey: string;
}

const HEAD = 20;
const BLOCK = 32;

/** The `uid` in a `metaData` value; undefined when it was not made with these keys. */
export function memberOf(metaData: string, keys: EchatKeys): string | undefined {
  const plain = decrypt(metaData, Buffer.from(keys.encodingAesKey, 'base64'));
  const end = plain.length < HEAD ? HEAD : HEAD + plain.readUInt32BE(16);
  if (end > plain.length || plain.toString('utf8', end) !== keys.appId) return undefined;
  return /<uid>(?:<!\[CDATA\[)?([^<\]]+)/.exec(plain.toString('utf8', HEAD, end))?.[1];
}

/** Empty when the padding is wrong. */
function decrypt(base64: string, key: Buffer): Buffer {
  const ciphertext = Buffer.from(base64, 'base64');
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0) return Buffer.alloc(0);
  const cipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([cipher.update(ciphertext), cipher.final()]);
  const pad = padded.at(-1) ?? 0;
  const isPadding = pad > 0 && pad <= BLOCK && padded.subarray(-pad).every((byte) => byte === pad);
  return isPadding ? padded.subarray(0, -pad) : Buffer.alloc(0);
}
