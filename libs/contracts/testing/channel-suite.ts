import {
  type ChannelClient,
  type ChannelContext,
  type ChannelManifest,
  configSchema,
  type IdentityRef,
  MESSAGE_FIELDS,
  type OutboundChannel,
  type OutcomeKind,
  readConfig,
  secretFields,
  type SendItem,
  type SendOutcome,
  type TagReplacement,
} from '@bellhop/contracts';
import { testContext } from './context.js';

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
  /**
   * What the stub answers to each item. At least two kinds, so that the order shows; at least one `accepted`.
   * Required when the channel sends.
   */
  readonly cases?: readonly { readonly item: SendItem; readonly outcome: OutcomeKind }[];
  readonly stub: ChannelStub;
  /** Handed over in one call. Required when the channel declares tags; at least one is `accepted`. */
  readonly tags?: readonly { readonly replacement: TagReplacement; readonly outcome: OutcomeKind }[];
  /** Required when the channel declares a push switch. */
  readonly pushSwitch?: { readonly user: IdentityRef; readonly outcome: OutcomeKind };
  /** An input for each declared action, and whether it succeeds. */
  readonly actions?: Readonly<Record<string, { readonly input: object; readonly ok: boolean }>>;
  /** What each client is opened with. Default: {@link testContext}. */
  readonly context?: () => ChannelContext;
}

const NEVER = new AbortController().signal;
/** Milliseconds; a guard against hanging, not a measurement. */
const PATIENCE = 15_000;
/** What may become of a message that would have been accepted. */
const UNDECIDED: ReadonlySet<OutcomeKind> = new Set(['transient', 'unknown']);

/** The conformance suite of channels: what the core relies on whatever the gateway. */
export function describeChannel<C extends object>(channel: OutboundChannel<C>, suite: ChannelSuite<C>): void {
  const { manifest } = channel;
  const { stub } = suite;
  const probe = new Probe(channel, suite);

  describe(`${manifest.id} as a channel`, () => {
    beforeAll(() => stub.start());
    afterEach(() => probe.closeAll());
    afterAll(() => stub.stop());

    describeManifest(manifest);

    it('has a facet for each capability, an action for each declared one, and no other', async () => {
      const { sender, tags, pushSwitch, actions = {} } = await probe.open();
      const facets = { send: sender, tags, pushSwitch };
      const present = Object.entries(facets).filter(([, facet]) => facet !== undefined);
      expect(present.map(([name]) => name).sort()).toEqual(Object.keys(manifest.capabilities).sort());
      expect(Object.keys(actions).sort()).toEqual((manifest.actions ?? []).map(({ id }) => id).sort());
    });

    if (manifest.capabilities.send) describeSending(probe, suite);
    if (channel.inspect) describeInspection(probe, suite);
    describeFacets(probe, suite);

    it('tests its connection', async () => {
      const client = await probe.open();
      const result = await within(client.check(NEVER), 'check() did not settle');
      expect(result).toMatchObject({ ok: true });
      expect(await within(client.check(AbortSignal.abort()), 'check() did not settle')).toMatchObject({ ok: false });
      probe.keepsConfidence(result);
    });

    it('reports a gateway that is gone', async () => {
      const client = await probe.open();
      await stub.stop();
      expect((await probe.wouldBeAccepted(client, NEVER)).filter((kind) => !UNDECIDED.has(kind))).toEqual([]);
      const result = await within(client.check(NEVER), 'check() did not settle');
      expect(result).toMatchObject({ ok: false });
      probe.keepsConfidence(result);
    });
  });
}

function describeManifest<C extends object>(manifest: ChannelManifest<C>): void {
  it('says who it is and what it can do', () => {
    expect(manifest.id).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(URL.parse(manifest.documentation)?.protocol).toBe('https:');
    expect([manifest.name, manifest.summary, manifest.setup].filter((text) => text.trim() === '')).toEqual([]);
    const { send } = manifest.capabilities;
    if (send) expect(send.targets).not.toHaveLength(0);
    expect(send?.fields.filter((field) => !MESSAGE_FIELDS.includes(field))).toEqual(send && []);
    expect(send?.maxItemsPerCall ?? 1).toBeGreaterThan(0);
    expect(manifest.gateway !== undefined).toBe(send?.targets.includes('device') ?? false);
    expect(send?.audiences !== undefined).toBe(send?.targets.includes('audience') ?? false);
    if (send?.targets.includes('vendorUser')) expect(manifest.addresses).toBeDefined();
  });

  it('describes its settings and the input of its actions', () => {
    const inputs = (manifest.actions ?? []).map(({ input }) => input);
    for (const type of [manifest.config, ...inputs]) {
      const properties = configSchema(type).properties as Record<string, { title?: string }>;
      expect(Object.entries(properties).filter(([, { title }]) => !title)).toEqual([]);
      expect(Object.keys(properties)).toEqual(expect.arrayContaining([...secretFields(type)]));
    }
    expect(inputs.flatMap(secretFields)).toEqual([]);
    const ids = (manifest.actions ?? []).map(({ id }) => id);
    expect(ids.filter((id) => !/^[a-z][a-z0-9-]*$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
  });
}

function describeSending<C extends object>(probe: Probe<C>, { stub, cases = [] }: ChannelSuite<C>): void {
  const { manifest } = probe.channel;
  const items = cases.map(({ item }) => item);
  const kinds = cases.map(({ outcome }) => outcome);

  it('knows the device tokens of its own gateway', () => {
    const { identifiers, sampleToken = '' } = manifest.gateway ?? {};
    if (identifiers) expect(identifiers.token?.test(sampleToken)).toBe(true);
    for (const { target } of items) {
      if (target.kind !== 'device') continue;
      const shape = manifest.gateway?.identifiers[target.identifier];
      expect(shape?.source).toMatch(/^\^.*\$$/s);
      expect(shape?.test(target.token)).toBe(true);
      const normal = manifest.gateway?.normalize(target.token) ?? '';
      expect(manifest.gateway?.normalize(normal)).toBe(normal);
    }
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
}

/** An accepted item has no issues; whatever has none is rendered, and always alike. */
function describeInspection<C extends object>(probe: Probe<C>, { cases = [], config }: ChannelSuite<C>): void {
  it('inspects an item without sending it', () => {
    const now = new Date();
    for (const { item, outcome } of cases) {
      const inspection = probe.channel.inspect!(item, config(), now);
      probe.keepsConfidence(inspection);
      expect(probe.channel.inspect!(item, config(), now)).toEqual(inspection);
      if (outcome === 'accepted') expect(inspection.issues).toEqual([]);
      if (inspection.issues.length > 0) expect(inspection.rendered).toBeUndefined();
      else expect(inspection.rendered).toMatchObject({ payload: expect.anything() as unknown });
      expect(inspection.rendered?.bytes ?? 1).toBeGreaterThan(0);
    }
  });
}

function describeFacets<C extends object>(probe: Probe<C>, { tags, pushSwitch, actions = {} }: ChannelSuite<C>): void {
  const { capabilities, actions: declared = [] } = probe.channel.manifest;

  it('replaces tags and sets the switch where it says so', async () => {
    expect([tags !== undefined, pushSwitch !== undefined]).toEqual([
      capabilities.tags !== undefined,
      capabilities.pushSwitch !== undefined,
    ]);
    const client = await probe.open();
    expect(await probe.tagKinds(client, NEVER)).toEqual((tags ?? []).map(({ outcome }) => outcome));
    expect(await probe.switchKinds(client, NEVER)).toEqual(pushSwitch ? [pushSwitch.outcome, pushSwitch.outcome] : []);
  });

  it('changes nothing for a call that is already aborted', async () => {
    const client = await probe.open();
    const aborted = AbortSignal.abort();
    const kinds = [...(await probe.tagKinds(client, aborted)), ...(await probe.switchKinds(client, aborted))];
    expect(kinds.filter((kind) => kind === 'accepted' || kind === 'unknown')).toEqual([]);
  });

  it('performs each of its actions', async () => {
    expect(Object.keys(actions).sort()).toEqual(declared.map(({ id }) => id).sort());
    const client = await probe.open();
    for (const { id, input: type } of declared) {
      const { input, ok } = actions[id]!;
      const perform = client.actions?.[id] ?? fail(`no action ${id}`);
      const result = await within(perform(readConfig(type, input), NEVER), `${id} did not settle`);
      expect({ id, ok: result.ok }).toEqual({ id, ok });
      probe.keepsConfidence(result);
    }
  });
}

function fail(complaint: string): never {
  throw new Error(complaint);
}

/** Opens clients, closes them all, and looks for secrets and device tokens in whatever they say. */
class Probe<C extends object> {
  private readonly clients: ChannelClient[] = [];

  constructor(
    readonly channel: OutboundChannel<C>,
    private readonly suite: ChannelSuite<C>,
  ) {}

  async open(): Promise<ChannelClient> {
    const context = this.suite.context?.() ?? testContext();
    const client = await this.channel.open(this.suite.config(), context);
    this.clients.push(client);
    return client;
  }

  async closeAll(): Promise<void> {
    const closing = this.clients.splice(0).map((client) => client.close());
    await within(Promise.all(closing), 'close() did not settle');
  }

  async send(client: ChannelClient, items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const sending = client.sender?.send(items, signal) ?? Promise.resolve([]);
    return this.heard(await within(sending, 'send() did not settle'));
  }

  async kindsOf(client: ChannelClient, items: readonly SendItem[]): Promise<readonly OutcomeKind[]> {
    return (await this.send(client, items, NEVER)).map(({ kind }) => kind);
  }

  async tagKinds(client: ChannelClient, signal: AbortSignal): Promise<readonly OutcomeKind[]> {
    const { tags } = this.suite;
    if (!tags || !client.tags) return [];
    const replacing = client.tags.replace(
      tags.map(({ replacement }) => replacement),
      signal,
    );
    return this.heard(await within(replacing, 'replace() did not settle')).map(({ kind }) => kind);
  }

  /** Off, then on. */
  async switchKinds(client: ChannelClient, signal: AbortSignal): Promise<readonly OutcomeKind[]> {
    const { pushSwitch } = this.suite;
    if (!pushSwitch || !client.pushSwitch) return [];
    const outcomes: SendOutcome[] = [];
    for (const on of [false, true]) {
      outcomes.push(await within(client.pushSwitch.set(pushSwitch.user, on, signal), 'set() did not settle'));
    }
    return this.heard(outcomes).map(({ kind }) => kind);
  }

  /** What becomes now of everything that the suite expects to be accepted. */
  async wouldBeAccepted(client: ChannelClient, signal: AbortSignal): Promise<readonly OutcomeKind[]> {
    const { cases = [], tags = [], pushSwitch } = this.suite;
    const items = cases.filter(({ outcome }) => outcome === 'accepted').map(({ item }) => item);
    const sent = (await this.send(client, items, signal)).map(({ kind }) => kind);
    const tagged = await this.tagKinds(client, signal);
    const switched = pushSwitch?.outcome === 'accepted' ? await this.switchKinds(client, signal) : [];
    return [...sent, ...tagged.filter((_, index) => tags[index]?.outcome === 'accepted'), ...switched];
  }

  /** @throws {Error} when `words` quote a secret setting or a device token. The error does not. */
  keepsConfidence(words: unknown): void {
    const text = JSON.stringify(words);
    if (this.confidential().some((secret) => text.includes(secret))) {
      throw new Error('an outcome quotes a secret or a device token');
    }
  }

  private heard(outcomes: readonly SendOutcome[]): readonly SendOutcome[] {
    this.keepsConfidence(outcomes);
    return outcomes;
  }

  private confidential(): readonly string[] {
    const config = Object.entries(this.suite.config());
    const names = secretFields(this.channel.manifest.config);
    const secrets = config.flatMap(([name, value]) => (names.includes(name) ? textsOf(value) : []));
    const { cases = [] } = this.suite;
    const tokens = cases.flatMap(({ item: { target } }) => (target.kind === 'device' ? [target.token] : []));
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
