import {
  type ActionResult,
  callHttp,
  type ChannelClient,
  type ChannelManifest,
  ConfigField,
  HttpFailure,
  type HttpResult,
  type IdentityRef,
  Inbound,
  type InboundAdapter,
  type InboundManifest,
  Outbound,
  type OutboundChannel,
  outcomeOfFailure,
  refuse,
  retryAfterMs,
  type SendOutcome,
  type TagReplacement,
} from '@bellhop/contracts';
import { Module } from '@nestjs/common';
import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import { type PlainAnswer, PlainEndpoint, type PlainFault } from '../../libs/simulators/src/plain-endpoint.js';

class PeopleConfig {
  @ConfigField({ title: 'Address' })
  @IsString()
  baseUrl!: string;

  @ConfigField({ title: 'Secret', secret: true })
  @IsString()
  secret!: string;
}

class GreetInput {
  @ConfigField({ title: 'Name' })
  @IsString()
  @Length(1, 10)
  name!: string;

  @ConfigField({ title: 'Times' })
  @IsInt()
  @Min(1)
  @Max(3)
  times = 1;
}

class NoInput {}

/** What the fake channel makes of an answer: 2xx with the ids that are refused, or the class of a status. */
const BY_STATUS: Readonly<Record<number, SendOutcome>> = {
  401: { kind: 'misconfigured', reason: 'auth.refused', field: 'secret', vendorCode: '1004' },
  402: { kind: 'quotaExhausted', reason: 'quota.exhausted' },
  404: { kind: 'invalidTarget', reason: 'user.unknown' },
  409: { kind: 'wrongBinding', reason: 'user.elsewhere' },
  422: { kind: 'rejected', reason: 'request.refused', detail: 'No such thing.' },
  500: { kind: 'unknown', reason: 'server.fault' },
  503: { kind: 'transient', reason: 'server.busy' },
};

const identity = {
  id: 'people',
  name: 'People',
  summary: 'A vendor of the tests that knows people, keeps tags and does this and that.',
  documentation: 'https://example.com',
  setup: '1. Nothing.',
  config: PeopleConfig,
};

const MANIFEST: ChannelManifest<PeopleConfig> = {
  ...identity,
  capabilities: { tags: { maxPerUser: 3, maxBytes: 20, maxUsersPerCall: 1_000 }, pushSwitch: {} },
  addresses: { identity: 'people.user_id', direct: true },
  actions: [
    { id: 'greet', summary: 'Say hello', input: GreetInput, scope: 'read' },
    { id: 'call', summary: 'Ask the vendor', input: NoInput, scope: 'send' },
    { id: 'purge', summary: 'Forget everything', input: NoInput, scope: 'admin' },
    { id: 'break', summary: 'Fail', input: NoInput, scope: 'read' },
    { id: 'absent', summary: 'Declared, and not there', input: NoInput, scope: 'read' },
  ],
};

/** Makes one HTTP call per facet call, to the address in its settings. */
class PeopleClient implements ChannelClient {
  constructor(private readonly config: PeopleConfig) {}

  readonly tags = {
    replace: async (replacements: readonly TagReplacement[], signal: AbortSignal): Promise<SendOutcome[]> => {
      const answer = await this.ask('/tags', replacements, signal);
      if ('kind' in answer) return replacements.map(() => answer);
      const { refused = [] } = JSON.parse(answer.body || '{}') as { refused?: string[] };
      return replacements.map(({ userId }): SendOutcome => {
        return refused.includes(userId) ? { kind: 'rejected', reason: 'tags.refused' } : { kind: 'accepted' };
      });
    },
  };

  readonly pushSwitch = {
    set: async (user: IdentityRef, on: boolean, signal: AbortSignal): Promise<SendOutcome> => {
      const answer = await this.ask('/switch', { ...user, on }, signal);
      return 'kind' in answer ? answer : { kind: 'accepted' };
    },
  };

  readonly actions = {
    greet: async (input: object): Promise<ActionResult> => {
      const { name, times } = input as GreetInput;
      return { ok: true, data: { greeting: Array.from({ length: times }, () => `Hello ${name}`).join(' ') } };
    },
    call: async (input: object, signal: AbortSignal): Promise<ActionResult> => {
      const answer = await this.ask('/call', input, signal);
      if (!('kind' in answer)) return { ok: true, data: { said: answer.body } };
      return answer.kind === 'accepted' ? { ok: true, data: {} } : { ok: false, outcome: answer };
    },
    purge: async (): Promise<ActionResult> => ({ ok: true, data: { purged: true } }),
    break: (): Promise<ActionResult> => Promise.reject(new Error(`It broke over ${this.config.secret}.`)),
  };

  check() {
    return Promise.resolve({ ok: true as const, detail: 'Nothing was asked.' });
  }

  async close(): Promise<void> {}

  private async ask(path: string, body: unknown, signal: AbortSignal): Promise<SendOutcome | HttpResult> {
    try {
      const { baseUrl } = this.config;
      const answer = await callHttp(baseUrl + path, { method: 'POST', body: JSON.stringify(body), signal });
      if (answer.status < 300) return answer;
      if (answer.status !== 429) return BY_STATUS[answer.status] ?? { kind: 'rejected', reason: 'status' };
      const wait = retryAfterMs(answer.headers.get('retry-after'), new Date());
      return { kind: 'throttled', reason: 'rate', scope: 'channel', ...(wait !== undefined && { retryAfterMs: wait }) };
    } catch (error) {
      if (error instanceof HttpFailure) return outcomeOfFailure(error);
      throw error;
    }
  }
}

@Outbound()
export class PeopleChannel implements OutboundChannel<PeopleConfig> {
  readonly manifest = MANIFEST;

  open(config: PeopleConfig): Promise<ChannelClient> {
    return Promise.resolve(new PeopleClient(config));
  }
}

/** Callbacks that nobody sends; they are there for the kind of identity. */
@Inbound()
export class PeopleInbound implements InboundAdapter<PeopleConfig> {
  readonly manifest: InboundManifest<PeopleConfig> = {
    ...identity,
    authenticity: 'url-secret',
    methods: ['POST'],
    emits: ['conversation.message'],
    identities: [{ kind: 'people.user_id', summary: 'Number of the customer.', direct: true }],
  };

  verify() {
    return refuse('missing', 'people.unsigned');
  }

  parse() {
    return { events: [], skipped: [], parseMode: 'strict' as const };
  }

  acknowledge() {
    return { status: 200 };
  }
}

@Module({ providers: [PeopleInbound, PeopleChannel] })
export class PeopleModule {}

export interface PeopleCall {
  readonly path: string;
  readonly body: unknown;
}

/** The vendor itself, on loopback: keeps the tags that reach it, and answers as it is told. */
export class PeopleVendor {
  /** In the order in which they were answered. */
  readonly calls: PeopleCall[] = [];
  /** By the vendor's id; what came last counts. */
  readonly tags = new Map<string, readonly string[]>();
  /** Instead of success; undefined: success. */
  answer: ((call: PeopleCall) => PlainAnswer | PlainFault | undefined) | undefined;

  private readonly endpoint = new PlainEndpoint((request) => {
    const call = { path: request.path, body: JSON.parse(request.body) as unknown };
    this.calls.push(call);
    return this.answer?.(call) ?? this.take(call);
  });

  static async start(): Promise<PeopleVendor> {
    const vendor = new PeopleVendor();
    await vendor.endpoint.listen();
    return vendor;
  }

  get config(): Record<string, unknown> {
    return { baseUrl: this.endpoint.url, secret: 'secret-of-the-vendor' };
  }

  /** The sets of tags that came with each call. */
  get replacements(): readonly (readonly TagReplacement[])[] {
    return this.calls.filter(({ path }) => path === '/tags').map(({ body }) => body as TagReplacement[]);
  }

  /** Calls come in, and are answered after {@link release}. */
  hold(): void {
    this.endpoint.hold();
  }

  release(): void {
    this.endpoint.release();
  }

  /** Resolves once so many calls have come in since the last reset. */
  received(count: number): Promise<void> {
    return this.endpoint.received(count);
  }

  reset(): void {
    this.endpoint.reset();
    this.calls.length = 0;
    this.tags.clear();
    this.answer = undefined;
  }

  /** Refuses connections until {@link comeBack}. */
  goAway(): Promise<void> {
    return this.endpoint.close();
  }

  comeBack(): Promise<void> {
    return this.endpoint.listen();
  }

  private take({ path, body }: PeopleCall): PlainAnswer {
    if (path === '/tags') for (const { userId, tags } of body as TagReplacement[]) this.tags.set(userId, tags);
    return { status: 200, body: path === '/call' ? 'yes' : '{}' };
  }
}
