import {
  callHttp,
  type ChannelContext,
  type Egress,
  EgressRefusedError,
  type HttpCall,
  type HttpResult,
  type SharedState,
} from '@bellhop/contracts';

/** What a channel is opened with in tests: the system clock, state in memory, and calls that reach loopback. */
export function testContext(overrides: Partial<ChannelContext> = {}): ChannelContext {
  const now = overrides.now ?? (() => new Date());
  return {
    integrationId: '01890000-0000-7000-8000-000000000001',
    shared: new MemoryState(now),
    egress: new OpenEgress(),
    ...overrides,
    now,
  };
}

interface Cached {
  readonly value: string;
  readonly expiresAt: Date;
}

/** State of one process; several contexts that are given the same one stand for several processes. */
export class MemoryState implements SharedState {
  private readonly values = new Map<string, Promise<Cached>>();
  private readonly nextSlots = new Map<string, number>();

  constructor(private readonly now: () => Date = () => new Date()) {}

  async cached(key: string, fetch: () => Promise<Cached>, refresh?: { readonly stale: string }): Promise<string> {
    const current = this.values.get(key);
    const known = await current;
    if (known && known.expiresAt > this.now() && known.value !== refresh?.stale) return known.value;
    // Somebody may have begun to replace it while this caller looked at it.
    if (this.values.get(key) !== current) return this.cached(key, fetch, refresh);
    const fetching = fetch();
    this.values.set(key, fetching);
    fetching.catch(() => this.values.delete(key));
    return (await fetching).value;
  }

  async takeSlot(bucket: string, everyMs: number): Promise<number> {
    const now = this.now().getTime();
    const next = this.nextSlots.get(bucket) ?? now;
    if (next > now) return next - now;
    this.nextSlots.set(bucket, now + everyMs);
    return 0;
  }
}

/** Refuses nothing. */
export class OpenEgress implements Egress {
  readonly call = callHttp;

  refusal(): undefined {
    return undefined;
  }
}

/** Refuses some addresses. */
export class PickyEgress implements Egress {
  /** @param refuses told the address of a call, or the beginning of one. */
  constructor(private readonly refuses: (url: string) => boolean) {}

  async call(url: string, call: HttpCall): Promise<HttpResult> {
    if (this.refuses(url)) throw new EgressRefusedError(WHY);
    return callHttp(url, call);
  }

  refusal(url: string): string | undefined {
    return this.refuses(url) ? WHY : undefined;
  }
}

const WHY = 'must not be called here';
