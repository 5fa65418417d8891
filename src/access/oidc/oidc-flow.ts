import { createHmac, randomBytes } from 'node:crypto';

/** How long somebody may take at the provider. */
export const FLOW_MS = 10 * 60_000;
/** How far the clocks of two processes may be apart. */
const SKEW_MS = 60_000;

/** 256 random bits, and the second of the beginning in base 36. */
const COOKIE = /^[\w-]{43}\.([0-9a-z]{1,9})$/;

/** One attempt to sign in, from leaving for the provider to coming back. */
export interface OidcFlow {
  /** Known to the browser alone. Everything else is derived from it, so that nothing has to be kept here. */
  readonly cookie: string;
  /** What the provider brings back: it fits this browser, and no other. */
  readonly state: string;
  /** What the ID token names: it was made for this attempt. */
  readonly nonce: string;
  /** Of PKCE: whoever intercepts the code cannot use it. */
  readonly verifier: string;
}

export function newFlow(now: Date): OidcFlow {
  const begun = Math.floor(now.getTime() / 1000).toString(36);
  return flowOf(`${randomBytes(32).toString('base64url')}.${begun}`);
}

/** The attempt that a browser has begun; undefined when it has begun none, or too long ago. */
export function flowIn(cookie: string | undefined, now: Date): OidcFlow | undefined {
  const [, begun] = COOKIE.exec(cookie ?? '') ?? [];
  if (cookie === undefined || begun === undefined) return undefined;
  const age = now.getTime() - Number.parseInt(begun, 36) * 1000;
  return age >= -SKEW_MS && age <= FLOW_MS ? flowOf(cookie) : undefined;
}

/** The time is part of what is derived from: another one has another state. */
function flowOf(cookie: string): OidcFlow {
  const derive = (what: string): string => createHmac('sha256', cookie).update(what).digest('base64url');
  return { cookie, state: derive('state'), nonce: derive('nonce'), verifier: derive('verifier') };
}
