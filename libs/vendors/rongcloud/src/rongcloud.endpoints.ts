const QUIET_MS = 30_000;

/**
 * The addresses of a data centre, one of which is in use.
 * Source: the vendor's server SDKs, which go back and forth at most once in 30 seconds.
 */
export class Endpoints {
  private index = 0;
  private leftAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly urls: readonly string[],
    private readonly now: () => Date,
  ) {}

  get current(): string {
    return this.urls[this.index]!;
  }

  /** Turns to the next address unless that has just been done. True when another one than `failed` is in use now. */
  leave(failed: string): boolean {
    const now = this.now().getTime();
    if (this.current === failed && this.urls.length > 1 && now - this.leftAt >= QUIET_MS) {
      this.index = (this.index + 1) % this.urls.length;
      this.leftAt = now;
    }
    return this.current !== failed;
  }
}
