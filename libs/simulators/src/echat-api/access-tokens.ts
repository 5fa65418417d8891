import { randomBytes } from 'node:crypto';

/** For so long the token before is still good beside its successor. */
const OVERLAP = 5 * 60_000;

/** Access tokens as Echat keeps them: one is good, and for a while the one before it. */
export class IssuedTokens {
  /** Token → milliseconds since 1970 from which it is refused. */
  readonly #goodUntil = new Map<string, number>();
  #issued = 0;

  constructor(
    private readonly lifetimeSeconds: number,
    private readonly now: () => number,
  ) {}

  get issued(): number {
    return this.#issued;
  }

  /** A new token; those before it end soon. */
  issue(): { readonly accessToken: string; readonly expire_in: number } {
    const now = this.now();
    for (const [token, end] of this.#goodUntil) this.#goodUntil.set(token, Math.min(end, now + OVERLAP));
    const accessToken = randomBytes(50).toString('hex');
    this.#goodUntil.set(accessToken, now + this.lifetimeSeconds * 1000);
    this.#issued++;
    return { accessToken, expire_in: this.lifetimeSeconds };
  }

  accepts(token: string): boolean {
    return (this.#goodUntil.get(token) ?? 0) > this.now();
  }

  revoke(): void {
    this.#goodUntil.clear();
  }

  reset(): void {
    this.revoke();
    this.#issued = 0;
  }
}
