import type { Clock } from './clock.js';

/** Changes made by another process are seen after this time at the latest. */
const FRESH_MS = 2_000;
const MOST = 10_000;

interface Entry<T> {
  readonly loadedAt: number;
  readonly value: Promise<T>;
}

/** Values that are loaded once for all who ask, and kept for {@link FRESH_MS}. */
export class FreshCache<T> {
  private readonly entries = new Map<string, Entry<T>>();

  constructor(private readonly clock: Clock) {}

  get(key: string, load: () => Promise<T>): Promise<T> {
    const now = this.clock.now().getTime();
    const known = this.entries.get(key);
    if (known && Math.abs(now - known.loadedAt) < FRESH_MS) return known.value;
    const entry = { loadedAt: now, value: load() };
    if (this.entries.size >= MOST) this.entries.clear();
    this.entries.set(key, entry);
    entry.value.catch(() => this.drop(key, entry));
    return entry.value;
  }

  forget(key: string): void {
    this.entries.delete(key);
  }

  /** What failed is loaded again; what somebody has loaded since stays. */
  private drop(key: string, entry: Entry<T>): void {
    if (this.entries.get(key) === entry) this.entries.delete(key);
  }
}
