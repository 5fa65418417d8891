/** How a secret that is set shows in replies and logs. */
export const REDACTED = '[redacted]';

/** Recognisable and useless: the last four characters. */
export function tail(secret: string): string {
  return secret.length < 12 ? '…' : `…${secret.slice(-4)}`;
}

/** Removes every occurrence of the given secrets from vendor words. */
export function scrub(words: string, secrets: readonly string[]): string {
  return secrets.reduce((text, secret) => (secret.length < 4 ? text : text.replaceAll(secret, REDACTED)), words);
}
