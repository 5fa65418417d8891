import { hash, randomBytes } from 'node:crypto';

const TOKEN = /^[\w-]{43}$/;

/** A token for a cookie or a link, and the digest that is stored in its place. */
export interface SecretToken {
  /** 256 random bits in base64url. */
  readonly token: string;
  readonly digest: Buffer;
}

export function newSecretToken(): SecretToken {
  const token = randomBytes(32).toString('base64url');
  return { token, digest: digestOf(token) };
}

/** The digest under which a token may be found; undefined for what cannot be one. */
export function digestIn(token: string | undefined): Buffer | undefined {
  return token !== undefined && TOKEN.test(token) ? digestOf(token) : undefined;
}

const digestOf = (token: string): Buffer => hash('sha256', token, 'buffer');
