import {
  type ChannelClient,
  configSchema,
  MESSAGE_FIELDS,
  type OutboundChannel,
  type OutcomeKind,
  secretFields,
  type SendItem,
  type SendOutcome,
} from '@bellhop/contracts';

/** The vendor's side, under the suite's control. A simulator with a few lines around it. */
export interface ChannelStub {
  /** Listens; the suite asks for the settings afterwards. */
  start(): Promise<void>;
  /** Stops listening and cuts every connection. May be called again. */
  stop(): Promise<void>;
  /** From now on calls are taken in and answered only after `release`. */
  hold(): HeldCalls;
}

export interface HeldCalls {
  /** Resolves once a call is being held. */
  arrived(): Promise<unknown>;
  /** Answers what is held, and everything later at once. */
  release(): void;
}

export interface ChannelSuite<C extends object> {
  /** Settings that reach the stub; read after it has started. */
  readonly config: () => C;
  /** What the stub answers to each item. At least two kinds, so that the order shows; at least one `accepted`. */
  readonly cases: readonly { readonly item: SendItem; readonly outcome: OutcomeKind }[];
  readonly stub: ChannelStub;
  /** Required when the channel declares tags. */
  readonly tags?: { readonly userId: string; readonly tags: readonly string[]; readonly outcome: OutcomeKind };
  /** Required when the channel declares a push switch. */
  readonly pushSwitch?: { readonly userId: string; readonly outcome: OutcomeKind };
}

const NEVER = new AbortController().signal;
/** Milliseconds; a guard against hanging, not a measurement. */
const PATIENCE = 15_000;
/** What may become of a message that would have been accepted. */
const UNDECIDED: ReadonlySet<OutcomeKind> = new Set(['transient', 'unknown']);

/** The conformance suite of channels: what the core relies on whatever the gateway. */
export function describeChannel<C extends object>(channel: OutboundChannel<C>, suite: ChannelSuite<C>): void {
  const { manifest } = channel;
  const { stub, cases } = suite;
  const items = cases.map(({ item }) => item);
  const kinds = cases.map(({ outcome }) => outcome);
  const probe = new Probe(channel, suite);

  describe(`${manifest.id} as a channel`, () => {
    beforeAll(() => stub.start());
    afterEach(() => probe.closeAll());
    afterAll(() => stub.stop());

    it('says who it is and what it can do', () => {
      expect(manifest.id).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(URL.parse(manifest.documentation)?.protocol).toBe('https:');
      expect([manifest.name, manifest.summary, manifest.setup].filter((text) => text.trim() === '')).toEqual([]);
      const { send } = manifest.capabilities;
      expect(send?.targets).not.toHaveLength(0);
      expect(send?.fields.filter((field) => !MESSAGE_FIELDS.includes(field))).toEqual(send && []);
      expect(send?.maxItemsPerCall ?? 1).toBeGreaterThan(0);
      expect(manifest.gateway !== undefined).toBe(send?.targets.includes('device') ?? false);
    });

    it('describes its settings', () => {
      const properties = configSchema(manifest.config).properties as Record<string, { title?: string }>;
      expect(Object.entries(properties).filter(([, { title }]) => !title)).toEqual([]);
      expect(Object.keys(properties)).toEqual(expect.arrayContaining([...secretFields(manifest.config)]));
    });

    it('knows the device tokens of its own gateway', () => {
      for (const { target } of items) {
        if (target.kind !== 'device') continue;
        const shape = manifest.gateway?.identifiers[target.identifier];
        expect(shape?.source).toMatch(/^\^.*\$$/s);
        expect(shape?.test(target.token)).toBe(true);
        const normal = manifest.gateway?.normalize(target.token) ?? '';
        expect(manifest.gateway?.normalize(normal)).toBe(normal);
      }
    });

    it('has a facet for each capability, and no other', async () => {
      const { sender, tags, pushSwitch } = await probe.open();
      const facets = { send: sender, tags, pushSwitch };
      const present = Object.entries(facets).filter(([, facet]) => facet !== undefined);
      expect(present.map(([name]) => name).sort()).toEqual(Object.keys(manifest.capabilities).sort());
    });

    it('is tested with more than one kind of outcome', () => {
      expect(new Set(kinds).size).toBeGreaterThan(1);
      expect(kinds).toContain('accepted');
      const targets = manifest.capabilities.send?.targets;
      expect(items.filter(({ target }) => !targets?.includes(target.kind))).toEqual([]);
    });

    it('answers with one outcome per item, in order', async () => {
      const client = await probe.open();
      expect(await probe.kindsOf(client, items)).toEqual(kinds);
      expect(await probe.kindsOf(client, items.toReversed())).toEqual(kinds.toReversed());
      expect(await probe.kindsOf(client, [])).toEqual([]);
    });

    it('serves several callers at once', async () => {
      const client = await probe.open();
      const rounds = Array.from({ length: 8 }, () => probe.kindsOf(client, items));
      expect(await Promise.all(rounds)).toEqual(rounds.map(() => kinds));
    });

    it('sends nothing for a call that is already aborted', async () => {
      const client = await probe.open();
      const outcomes = await probe.send(client, items, AbortSignal.abort());
      expect(outcomes).toHaveLength(items.length);
      expect(outcomes.filter(({ kind }) => kind === 'accepted' || kind === 'unknown')).toEqual([]);
    });

    it('settles promptly when the call is aborted', async () => {
      const client = await probe.open();
      const abort = new AbortController();
      const held = stub.hold();
      const sending = probe.send(client, items, abort.signal);
      await within(held.arrived(), 'no call reached the stub');
      abort.abort();
      const outcomes = await sending;
      held.release();
      const accepted = outcomes.filter((_, index) => kinds[index] === 'accepted');
      expect(outcomes).toHaveLength(items.length);
      expect(accepted.filter(({ kind }) => !UNDECIDED.has(kind))).toEqual([]);
      expect(outcomes.map(({ kind }) => kind)).toContain('unknown');
    });

    it('finishes what is in flight before it closes', async () => {
      const client = await probe.open();
      const held = stub.hold();
      const sending = probe.kindsOf(client, items);
      await within(held.arrived(), 'no call reached the stub');
      const closing = client.close();
      held.release();
      expect(await sending).toEqual(kinds);
      await within(closing, 'close() did not settle');
    });

    it('tests its connection', async () => {
      const client = await probe.open();
      const result = await within(client.check(NEVER), 'check() did not settle');
      expect(result).toMatchObject({ ok: true });
      expect(await within(client.check(AbortSignal.abort()), 'check() did not settle')).toMatchObject({ ok: false });
      probe.keepsConfidence(result);
    });

    it('replaces tags and sets the switch where it says so', async () => {
      const { tags, pushSwitch } = manifest.capabilities;
      expect([suite.tags !== undefined, suite.pushSwitch !== undefined]).toEqual([
        tags !== undefined,
        pushSwitch !== undefined,
      ]);
      expect(await probe.facetKinds()).toEqual(
        [suite.tags?.outcome, suite.pushSwitch?.outcome, suite.pushSwitch?.outcome].filter(Boolean),
      );
    });

    it('reports a gateway that is gone', async () => {
      const client = await probe.open();
      await stub.stop();
      const outcomes = await probe.send(client, items, NEVER);
      const accepted = outcomes.filter((_, index) => kinds[index] === 'accepted');
      expect(accepted.filter(({ kind }) => !UNDECIDED.has(kind))).toEqual([]);
      const result = await within(client.check(NEVER), 'check() did not settle');
      expect(result).toMatchObject({ ok: false });
      probe.keepsConfidence(result);
    });
  });
}

/** Opens clients, closes them all, and looks for secrets and device tokens in whatever they say. */
class Probe<C extends object> {
  private readonly clients: ChannelClient[] = [];

  constructor(
    private readonly channel: OutboundChannel<C>,
    private readonly suite: ChannelSuite<C>,
  ) {}

  async open(): Promise<ChannelClient> {
    const client = await this.channel.open(this.suite.config());
    this.clients.push(client);
    return client;
  }

  async closeAll(): Promise<void> {
    const closing = this.clients.splice(0).map((client) => client.close());
    await within(Promise.all(closing), 'close() did not settle');
  }

  async send(client: ChannelClient, items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const sending = client.sender?.send(items, signal) ?? Promise.resolve([]);
    const outcomes = await within(sending, 'send() did not settle');
    this.keepsConfidence(outcomes);
    return outcomes;
  }

  async kindsOf(client: ChannelClient, items: readonly SendItem[]): Promise<readonly OutcomeKind[]> {
    return (await this.send(client, items, NEVER)).map(({ kind }) => kind);
  }

  /** Outcomes of the facets besides `sender`: tags, switch off, switch on. */
  async facetKinds(): Promise<readonly OutcomeKind[]> {
    const client = await this.open();
    const { tags, pushSwitch } = this.suite;
    const outcomes = [
      tags && (await client.tags?.replace(tags.userId, tags.tags, NEVER)),
      pushSwitch && (await client.pushSwitch?.set(pushSwitch.userId, false, NEVER)),
      pushSwitch && (await client.pushSwitch?.set(pushSwitch.userId, true, NEVER)),
    ].filter((outcome) => outcome !== undefined);
    this.keepsConfidence(outcomes);
    return outcomes.map(({ kind }) => kind);
  }

  /** @throws {Error} when `words` quote a secret setting or a device token. The error does not. */
  keepsConfidence(words: unknown): void {
    const text = JSON.stringify(words);
    if (this.confidential().some((secret) => text.includes(secret))) {
      throw new Error('an outcome quotes a secret or a device token');
    }
  }

  private confidential(): readonly string[] {
    const config = Object.entries(this.suite.config());
    const names = secretFields(this.channel.manifest.config);
    const secrets = config.flatMap(([name, value]) => (names.includes(name) ? textsOf(value) : []));
    const tokens = this.suite.cases.flatMap(({ item: { target } }) => (target.kind === 'device' ? [target.token] : []));
    return [...secrets, ...tokens].filter((text) => text.length >= 8 && !text.startsWith('-----'));
  }
}

/** A secret of several lines is compared line by line: words are JSON, where line breaks look different. */
function textsOf(value: unknown): readonly string[] {
  return typeof value === 'string' ? value.split('\n') : [];
}

/** The value of `work`, or an error where a test would otherwise hang. */
async function within<T>(work: Promise<T>, complaint: string): Promise<T> {
  const guard = new AbortController();
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(complaint)), PATIENCE);
    guard.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  return Promise.race([work, late]).finally(() => guard.abort());
}
