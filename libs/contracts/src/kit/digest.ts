import { createHash, createHmac, hash as hashOnce, timingSafeEqual } from 'node:crypto';

type Part = string | Uint8Array;

function hash(algorithm: 'md5' | 'sha1' | 'sha256', parts: readonly Part[]): string {
  const [only, ...others] = parts;
  // In one call, which takes a fraction of the time that setting up a digest takes.
  if (only !== undefined && others.length === 0) return hashOnce(algorithm, only, 'hex');
  const digest = createHash(algorithm);
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

/** Lower-case hex MD5 of the parts in a row. */
export const md5Hex = (...parts: Part[]): string => hash('md5', parts);
/** Lower-case hex SHA-1 of the parts in a row. */
export const sha1Hex = (...parts: Part[]): string => hash('sha1', parts);
/** Lower-case hex SHA-256 of the parts in a row. */
export const sha256Hex = (...parts: Part[]): string => hash('sha256', parts);

export function hmacSha256(key: Part, ...parts: Part[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** Compares two texts in a time that does not tell where they differ. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The same for hexadecimal digests, whose letters may come in either case. */
export function sameHex(a: string, b: string): boolean {
  return sameText(a.toLowerCase(), b.toLowerCase());
}

/** An event key as it is, or a digest of it where it would exceed the 512 characters of the contract. */
export function boundedKey(key: string): string {
  return key.length <= 512 ? key : `sha256:${sha256Hex(key)}`;
}
