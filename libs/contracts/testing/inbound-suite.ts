import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import {
  accept,
  type AppError,
  CommandRejectedError,
  configSchema,
  effectiveAudience,
  EVENT_KINDS,
  type InboundAdapter,
  type InboundEvent,
  type InboundResult,
  MalformedPayloadError,
  type ParsedInbound,
  type RawRequest,
  type ReadPort,
  secretFields,
  type VerifiedRequest,
} from '@bellhop/contracts';
import { acknowledgement } from './inbound-harness.js';
import { junkBodies, mutationsOf } from './junk.js';

/** A part of the request that the signature covers, or that carries it. */
export type SignedPart = 'body' | `query.${string}` | `header.${string}`;

export interface InboundSuite<C extends object> {
  readonly config: C;
  /** Callbacks as the vendor sends them; at least one is authentic under `config` and yields an event. */
  readonly cases: readonly { readonly id: string; readonly request: RawRequest; readonly now?: Date }[];
  /** The clock of the cases that bring none. */
  readonly now: Date;
  /** Changing or leaving out any of them must be refused. */
  readonly signedParts?: readonly SignedPart[];
  /** Set when the protocol lets a proof be used for ever. */
  readonly ageless?: boolean;
}

const YEAR_MS = 365 * 86_400_000;
const RESULTS: readonly InboundResult[] = ['stored', 'duplicate', 'rejected', 'refused', 'malformed', 'unavailable'];

/** The conformance suite of inbound adapters: what the core relies on whatever the vendor. */
export function describeInbound<C extends object>(adapter: InboundAdapter<C>, suite: InboundSuite<C>): void {
  const { manifest } = adapter;
  const probe = new Probe(adapter, suite.config);
  const cases = suite.cases.map(({ id, request, now = suite.now }) => ({ id, request, now }));
  const authentic = cases.filter(({ request, now }) => probe.verify(request, now).ok);

  describe(`${manifest.id} as an inbound adapter`, () => {
    it('says who it is', () => {
      expect(manifest.id).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(URL.parse(manifest.documentation)?.protocol).toBe('https:');
      expect([manifest.name, manifest.summary, manifest.setup].filter((text) => text.trim() === '')).toEqual([]);
      expect(manifest.methods.filter((method) => !/^[A-Z]+$/.test(method))).toEqual([]);
      expect(manifest.methods).not.toHaveLength(0);
      expect(manifest.bodyLimit ?? 1).toBeGreaterThan(0);
      expect(manifest.emits.filter((kind) => !isKind(kind, manifest.id))).toEqual([]);
      expect(manifest.identities.filter(({ kind }) => !kind.startsWith(`${manifest.id}.`))).toEqual([]);
    });

    it('describes its settings', () => {
      const properties = configSchema(manifest.config).properties as Record<string, { title?: string }>;
      expect(Object.entries(properties).filter(([, { title }]) => !title)).toEqual([]);
      expect(Object.keys(properties)).toEqual(expect.arrayContaining([...secretFields(manifest.config)]));
      expect(manifest.authenticity === 'url-secret' || secretFields(manifest.config).length > 0).toBe(true);
    });

    it('has a reply for every result', () => {
      const replies = RESULTS.map((result) => [result, adapter.acknowledge(acknowledgement(result))] as const);
      for (const [, reply] of replies) probe.holdsNoSecret(reply);
      expect(replies.filter(([, { status }]) => !(status >= 200 && status < 600))).toEqual([]);
      const { stored, duplicate, unavailable } = Object.fromEntries(replies);
      expect(duplicate).toEqual(stored);
      expect(unavailable).not.toEqual(stored);
    });

    it('reads its callbacks', () => {
      const events = authentic.flatMap(({ request, now }) => {
        const verdict = probe.verify(request, now);
        return verdict.ok ? (probe.parse(verdict.request)?.events ?? []) : [];
      });
      expect(events).not.toHaveLength(0);
    });

    it.each(junkBodies(manifest.bodyLimit ?? 262_144))('survives %s', async (_name, body) => {
      expect(cases).not.toHaveLength(0);
      for (const { request, now } of cases) await probe.receive({ ...request, body }, now);
    });

    it.each(cases)('survives what can be made of $id', async ({ request, now }) => {
      const mutants = [...mutationsOf(request)];
      expect(mutants).not.toHaveLength(0);
      for (const mutant of mutants) await probe.receive(mutant, now);
    });
  });

  if (manifest.authenticity === 'signature' && !suite.ageless) {
    describe(`${manifest.id} as a verifier`, () => {
      it('refuses a proof that is a year old', () => {
        expect(authentic).not.toHaveLength(0);
        for (const { id, request, now } of authentic) {
          const verdict = probe.verify(request, new Date(now.getTime() + YEAR_MS));
          assert(!verdict.ok && verdict.reason === 'stale', `${id} was not refused as stale`);
        }
      });
    });
  }

  const parts = suite.signedParts ?? [];
  if (parts.length === 0) return;
  describe.each(parts)(`${manifest.id} guards %s`, (part) => {
    it('refuses a changed one', () => {
      expect(authentic).not.toHaveLength(0);
      for (const { id, request, now } of authentic) {
        const forged = withPart(request, part, flipMiddle);
        assert(forged, `${id} has no ${part}`);
        assert(!probe.verify(forged, now).ok, `${id} was accepted with another ${part}`);
      }
    });

    it('refuses a missing one', () => {
      for (const { id, request, now } of authentic) {
        const forged = withPart(request, part, () => undefined);
        assert(forged && !probe.verify(forged, now).ok, `${id} was accepted without ${part}`);
      }
      expect(authentic).not.toHaveLength(0);
    });
  });
}

function isKind(kind: string, pluginId: string): boolean {
  return (EVENT_KINDS as readonly string[]).includes(kind) || kind.startsWith(`${pluginId}.`);
}

/** People of whom nothing is known. */
const NOBODY: ReadPort = { tagsOf: () => Promise.resolve(new Map()) };

type RefusalType = typeof MalformedPayloadError | typeof CommandRejectedError;

/** An adapter under watch: every call checks what must hold for any input. */
class Probe<C extends object> {
  readonly #secrets: readonly string[];

  constructor(
    readonly adapter: InboundAdapter<C>,
    readonly config: C,
  ) {
    const values = config as Record<string, unknown>;
    this.#secrets = secretFields(adapter.manifest.config)
      .map((name) => values[name])
      .filter((value): value is string => typeof value === 'string' && value !== '');
  }

  /** Everything a hostile request can reach. Its body is parsed as if it were proved, since a vendor may send nonsense too. */
  async receive(request: RawRequest, now: Date): Promise<void> {
    this.holdsNoSecret(this.adapter.handshake?.(request, this.config, now) ?? {});
    const verdict = this.verify(request, now);
    const proved = verdict.ok ? verdict.request : accept(request).request;
    await this.ask(proved);
    this.parse(proved);
  }

  /** A question that breaks a rule is refused, and nothing else ever. */
  async ask(request: VerifiedRequest): Promise<void> {
    try {
      this.holdsNoSecret((await this.adapter.query?.(request, this.config, NOBODY)) ?? {});
    } catch (error) {
      this.#refused(request, error, CommandRejectedError);
    }
  }

  verify(request: RawRequest, now: Date) {
    const verdict = this.adapter.verify(request, this.config, now);
    if (!verdict.ok) this.holdsNoSecret(verdict);
    return verdict;
  }

  /** @returns undefined for a payload that is refused as malformed. */
  parse(request: VerifiedRequest): ParsedInbound | undefined {
    const startedAt = performance.now();
    const first = this.#attempt(request);
    assert(performance.now() - startedAt < 1000, 'parse took more than a second');
    assert(isDeepStrictEqual(first, this.#attempt(request)), 'parse gave two answers to one request');
    if (typeof first === 'string') return undefined;
    assert.deepEqual(JSON.parse(JSON.stringify(first)), withoutAbsent(first), 'the result is no plain JSON');
    for (const event of first.events) this.#check(event);
    return first;
  }

  #attempt(request: VerifiedRequest): ParsedInbound | string {
    try {
      return this.adapter.parse(request, this.config);
    } catch (error) {
      return this.#refused(request, error, MalformedPayloadError, CommandRejectedError);
    }
  }

  /** @returns the code of a refusal that the contract knows. */
  #refused(request: RawRequest, error: unknown, ...known: readonly RefusalType[]): string {
    const refusal = known.some((type) => error instanceof type) ? (error as AppError) : undefined;
    assert(refusal, error instanceof Error ? error : new Error(String(error)));
    const { code, message: detail, cause } = refusal;
    this.holdsNoSecret({ code, detail, cause: String(cause) });
    const result = refusal instanceof CommandRejectedError ? 'rejected' : 'malformed';
    this.holdsNoSecret(this.adapter.acknowledge(acknowledgement(result, { request, code, detail })));
    return code;
  }

  #check(event: InboundEvent): void {
    const { kind, key, aliasKey = '', dedupeWindowMs = 0, occurredAt, recipient, push } = event;
    const { emits, carriesDevices } = this.adapter.manifest;
    assert(emits.includes(kind), `${kind} is not among the kinds of the manifest`);
    assert(key !== '' && key.length <= 512 && aliasKey.length <= 512, `the key is empty or too long: ${key.length}`);
    assert(dedupeWindowMs >= 0, 'dedupeWindowMs is negative');
    assert(!occurredAt || new Date(occurredAt).toISOString() === occurredAt, `${occurredAt} is not ISO 8601 UTC`);
    for (const identity of recipient.identities) {
      this.#checkIdentityKind(identity.kind);
      assert(identity.value !== '', `${identity.kind} is empty`);
    }
    this.#checkCommand(event);
    assert(recipient.devices.length === 0 || carriesDevices, 'devices come without carriesDevices');
    assert(Buffer.byteLength(push.collapseId ?? '') <= 64, 'the collapse id has more than 64 bytes');
    assert(!/^\/|^[a-z][a-z\d+.-]*:/i.test(push.deepLink ?? ''), 'the deep link is no relative path');
  }

  #checkCommand({ kind, request, tags }: InboundEvent): void {
    assert((kind === 'push.requested') === (request !== undefined), 'a request comes with push.requested alone');
    assert((kind === 'tags.replaced') === (tags !== undefined), 'tags come with tags.replaced alone');
    if (request) assert(effectiveAudience(request.audience), 'the audience of a request has no condition');
    if (tags) assert(!tags.users.includes('') && !tags.tags.includes(''), 'a user or a tag is empty');
    for (const command of [request, tags]) if (command) this.#checkIdentityKind(command.identityKind);
  }

  #checkIdentityKind(kind: string): void {
    const known = this.adapter.manifest.identities.some((identity) => identity.kind === kind);
    assert(known, `${kind} is not among the identities`);
  }

  holdsNoSecret(words: object): void {
    const text = JSON.stringify(words);
    assert(!this.#secrets.some((secret) => text.includes(secret)), 'a secret shows in an error or a reply');
  }
}

/** Members that are undefined do not survive JSON and are not meant to. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, withoutAbsent(member)]),
  );
}

/** The request with one part changed, or left out where `change` gives nothing; undefined when it has no such part. */
function withPart(
  request: RawRequest,
  part: SignedPart,
  change: (bytes: Buffer) => Buffer | undefined,
): RawRequest | undefined {
  if (part === 'body') return { ...request, body: change(request.body) ?? Buffer.alloc(0) };
  const [place, name] = part.split(/\.(.*)/s) as ['query' | 'header', string];
  const group = place === 'query' ? 'query' : 'headers';
  const { [name]: value, ...others } = request[group];
  if (value === undefined) return undefined;
  const changed = change(Buffer.from(value))?.toString();
  return { ...request, [group]: changed === undefined ? others : { ...others, [name]: changed } };
}

/** The lowest bit of the byte in the middle: neither a change of case nor of padding. */
function flipMiddle(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  const middle = bytes.length >> 1;
  flipped[middle] = (flipped[middle] ?? 0) ^ 1;
  return flipped;
}
