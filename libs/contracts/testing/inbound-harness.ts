import {
  type Acknowledgement,
  CommandRejectedError,
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

/** What an adapter is told of a callback. The default request is an empty one at the base address. */
export function acknowledgement(
  result: Acknowledgement['result'],
  more: Partial<Acknowledgement> = {},
): Acknowledgement {
  const request = rawRequest({ method: 'POST', path: '', query: {}, headers: {}, body: '' });
  return { result, request, eventIds: [], ...more };
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
    if (!urlSecretValid) return this.#refuse(request, `${this.adapter.manifest.id}.url_secret_invalid`);
    const greeting = this.adapter.handshake?.(request, this.config, now);
    if (greeting && 'status' in greeting) return { outcome: 'handshake', reply: greeting, events: [] };
    if (greeting) return this.#refuse(request, greeting.code);
    if (!this.adapter.manifest.methods.includes(request.method)) {
      return { outcome: 'rejected', code: 'method_not_allowed', reply: { status: 405 }, events: [] };
    }
    const verdict = this.adapter.verify(request, this.config, now);
    if (!verdict.ok) return this.#refuse(request, verdict.code);
    if (this.#isReused(verdict.proof, request.body)) {
      return this.#quarantine(request, verdict.proof.reusedCode, 'refused');
    }
    return this.#read(request, verdict, now);
  }

  #refuse(request: RawRequest, code: string): Received {
    const reply = this.adapter.acknowledge(acknowledgement('refused', { request, code }));
    return { outcome: 'rejected', code, reply, events: [] };
  }

  #quarantine(request: RawRequest, code: string, result: 'refused' | 'malformed'): Received {
    const reply = this.adapter.acknowledge(acknowledgement(result, { request, code }));
    return { outcome: 'quarantined', code, reply, events: [] };
  }

  /** A proof covers one body; the same body again is an ordinary redelivery. */
  #isReused(proof: Proof | undefined, body: Buffer): proof is Proof {
    if (!proof) return false;
    const digest = sha256Hex(body);
    const first = this.#proofs.get(proof.key) ?? digest;
    this.#proofs.set(proof.key, first);
    return first !== digest;
  }

  #read(request: RawRequest, verdict: Extract<Verdict, { ok: true }>, now: Date): Received {
    try {
      return this.#store(request, this.adapter.parse(verdict.request, this.config), now);
    } catch (error) {
      if (error instanceof MalformedPayloadError) return this.#quarantine(request, error.code, 'malformed');
      if (!(error instanceof CommandRejectedError)) throw error;
      const { code, message: detail } = error;
      const reply = this.adapter.acknowledge(acknowledgement('rejected', { request, code, detail }));
      return { outcome: 'rejected', code, reply, events: [] };
    }
  }

  #store(request: RawRequest, { events, skipped, parseMode }: ParsedInbound, now: Date): Received {
    const fresh = events.filter((event) => this.#isNew(event, now.getTime()));
    const result = { events: fresh, parseMode };
    const eventIds = fresh.map((_, index) => `evt_${index.toString(16).padStart(32, '0')}`);
    const stored = this.adapter.acknowledge(acknowledgement('stored', { request, eventIds }));
    if (fresh.length > 0) {
      return { outcome: fresh.every(namesNobody) ? 'unroutable' : 'accepted', reply: stored, ...result };
    }
    if (events.length > 0) {
      const reply = this.adapter.acknowledge(acknowledgement('duplicate', { request }));
      return { outcome: 'duplicate', reply, ...result };
    }
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

function namesNobody({ push, recipient, request }: InboundEvent): boolean {
  return push.notify && !request && recipient.identities.length === 0 && recipient.devices.length === 0;
}
