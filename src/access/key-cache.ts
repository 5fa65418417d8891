import type { Caller } from './caller.js';

/** Other processes keep honouring a key that was revoked or rotated for at most this long. */
const LIFETIME_MS = 10_000;
const CAPACITY = 10_000;

/** Spares the database a look-up per request. Only keys that exist are kept, so guesses cannot fill it. */
export class KeyCache {
  private readonly entries = new Map<string, { readonly caller: Caller; readonly until: number }>();

  get(digest: string, now: Date): Caller | undefined {
    const entry = this.entries.get(digest);
    if (entry && entry.until > now.getTime()) return entry.caller;
    this.entries.delete(digest);
    return undefined;
  }

  set(digest: string, caller: Caller, now: Date): void {
    const [oldest] = this.entries.keys();
    if (this.entries.size >= CAPACITY && oldest !== undefined) this.entries.delete(oldest);
    this.entries.set(digest, { caller, until: now.getTime() + LIFETIME_MS });
  }

  clear(): void {
    this.entries.clear();
  }
}
