import {
  type HttpReply,
  type InboundAdapter,
  type InboundEvent,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  sha256Hex,
  type Verdict,
} from '@bellhop/contracts';

/** A request in the form that adapters get, from one as a sender or a file has it. */
export function rawRequest(source: {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}): RawRequest {
  const headers = Object.entries(source.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    method: source.method.toUpperCase(),
    path: source.path,
    query: Object.assign(Object.create(null), source.query) as Record<string, string>,
    headers: Object.fromEntries(headers),
    body: Buffer.from(source.body as string),
  };
}

/** What became of one request. */
export interface Received {
  /** `nothing`: neither an event nor anything skipped. `unroutable`: stored, and nobody is named who could be told. */
  readonly outcome:
    'handshake' | 'accepted' | 'duplicate' | 'ignored' | 'nothing' | 'unroutable' | 'quarantined' | 'rejected';
  /** Why it was rejected, quarantined or ignored. */
  readonly code?: string;
  readonly reply: HttpReply;
  /** The new ones only. */
  readonly events: readonly InboundEvent[];
  /** Absent when the body was not read. */
  readonly parseMode?: ParsedInbound['parseMode'];
}

/** The core's receive flow in memory, for one adapter under one configuration: what it answers and what it would store. */
export class InboundHarness<C extends object> {
  /** Event key or alias → milliseconds at which it was stored. */
  readonly #stored = new Map<string, number>();
  /** Proof key → digest of the body it was used for. */
  readonly #proofs = new Map<string, string>();

  constructor(
    readonly adapter: InboundAdapter<C>,
    readonly config: C,
  ) {}

  /** @param urlSecretValid whether the address carried the integration's secret, which the core checks first. */
  receive(request: RawRequest, now: Date, urlSecretValid = true): Received {
    if (!urlSecretValid) return this.#reject(`${this.adapter.manifest.id}.url_secret_invalid`);
    const greeting = this.adapter.handshake?.(request, this.config, now);
    if (greeting && 'status' in greeting) return { outcome: 'handshake', reply: greeting, events: [] };
    if (greeting) return this.#reject(greeting.code);
    if (!this.adapter.manifest.methods.includes(request.method)) {
      return { outcome: 'rejected', code: 'method_not_allowed', reply: { status: 405 }, events: [] };
    }
    const verdict = this.adapter.verify(request, this.config, now);
    if (!verdict.ok) return this.#reject(verdict.code);
    if (this.#isReused(verdict.proof, request.body)) return this.#quarantine(verdict.proof.reusedCode, 'refused');
    return this.#read(verdict, now);
  }

  #reject(code: string): Received {
    return { outcome: 'rejected', code, reply: this.adapter.acknowledge('refused'), events: [] };
  }

  #quarantine(code: string, result: 'refused' | 'malformed'): Received {
    return { outcome: 'quarantined', code, reply: this.adapter.acknowledge(result), events: [] };
  }

  /** A proof covers one body; the same body again is an ordinary redelivery. */
  #isReused(proof: Proof | undefined, body: Buffer): proof is Proof {
    if (!proof) return false;
    const digest = sha256Hex(body);
    const first = this.#proofs.get(proof.key) ?? digest;
    this.#proofs.set(proof.key, first);
    return first !== digest;
  }

  #read(verdict: Extract<Verdict, { ok: true }>, now: Date): Received {
    try {
      return this.#store(this.adapter.parse(verdict.request, this.config), now);
    } catch (error) {
      if (error instanceof MalformedPayloadError) return this.#quarantine(error.code, 'malformed');
      throw error;
    }
  }

  #store({ events, skipped, parseMode }: ParsedInbound, now: Date): Received {
    const fresh = events.filter((event) => this.#isNew(event, now.getTime()));
    const result = { events: fresh, parseMode };
    const stored = this.adapter.acknowledge('stored');
    if (fresh.length > 0) {
      return { outcome: fresh.every(namesNobody) ? 'unroutable' : 'accepted', reply: stored, ...result };
    }
    if (events.length > 0) return { outcome: 'duplicate', reply: this.adapter.acknowledge('duplicate'), ...result };
    const [reason] = skipped;
    return reason
      ? { outcome: 'ignored', code: reason.code, reply: stored, ...result }
      : { outcome: 'nothing', reply: stored, ...result };
  }

  #isNew(event: InboundEvent, now: number): boolean {
    const names = [`key ${event.key}`, ...(event.aliasKey ? [`alias ${event.aliasKey}`] : [])];
    const window = event.dedupeWindowMs ?? Infinity;
    const known = names.some((name) => now - (this.#stored.get(name) ?? -Infinity) < window);
    if (!known) for (const name of names) this.#stored.set(name, now);
    return !known;
  }
}

type Proof = NonNullable<Extract<Verdict, { ok: true }>['proof']>;

function namesNobody({ push, recipient }: InboundEvent): boolean {
  return push.notify && recipient.identities.length === 0 && recipient.devices.length === 0;
}
