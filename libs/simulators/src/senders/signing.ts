import { createHash, randomInt } from 'node:crypto';

/** How a callback is signed. */
export interface SigningOptions {
  /** The clock of the vendor. */
  readonly now: Date;
  /** Default: a new random number. */
  readonly nonce?: string;
  /** Spoils the signature. */
  readonly forged?: boolean;
}

export const newNonce = (): string => String(randomInt(100_000_000, 1_000_000_000));

export function hexDigest(algorithm: 'md5' | 'sha1', text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

/** SHA-1 in lower-case hex; its last digit is changed in a forged one. */
export function signature(text: string, { forged }: SigningOptions): string {
  const digest = hexDigest('sha1', text);
  if (!forged) return digest;
  return digest.slice(0, -1) + (digest.endsWith('0') ? '1' : '0');
}
