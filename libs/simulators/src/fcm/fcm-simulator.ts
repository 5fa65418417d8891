import { Arrivals } from '../arrivals.js';
import { Scripts } from '../scripts.js';
import { type Authority, createAuthority } from '../tls.js';
import { type Control, startControl } from '../control.js';
import type { FcmControlRules } from './control-rules.js';
import type { Exchange } from './exchange.js';
import { type FcmCounters, type FcmRequest, Ledger } from './ledger.js';
import { readSendBody, type SendBody } from './message-checks.js';
import { QuotaBucket } from './quota.js';
import { type FcmScript, type ReadStep, readSteps } from './script.js';
import { fcmTestServiceAccount, type FcmServiceAccount, knownAccounts } from './service-account.js';
import { TlsEndpoint } from './tls-endpoint.js';
import { isTokenWord, TokenEndpoint } from './token-endpoint.js';
import {
  type Answer,
  googleError,
  json,
  permissionDenied,
  projectQuota,
  type Reply,
  replyOf,
  unauthenticated,
  type Word,
  wordOfToken,
} from './vocabulary.js';

export interface FcmSimulatorOptions {
  /** Whose assertions and projects are taken. Default: `fcmTestServiceAccount()`. */
  readonly serviceAccounts?: readonly FcmServiceAccount[];
  /** Default: any free port. */
  readonly port?: number;
  /** Default: a fresh one. */
  readonly authority?: Authority;
  /** Milliseconds before each answer of a send. Default 0. */
  readonly latencyMs?: number;
  /** Announced per connection. Default 100, as Google does. */
  readonly maxConcurrentStreams?: number;
  /** Streams above which a connection gets GOAWAY, whatever was announced. Default: `maxConcurrentStreams`. */
  readonly streamsBeforeGoaway?: number;
  /** Sends that are kept, the latest ones. Default 1,000; 0 keeps none. */
  readonly record?: number;
  /** Ends a connection by FIN after so many of its requests, before they are answered. */
  readonly dropEvery?: number;
  /** Messages before 429. Default: any number. */
  readonly quotaPerMinute?: number;
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
  /** Milliseconds since 1970; the clock of access tokens and the quota. */
  readonly now?: () => number;
}

/** A send while it is being served. */
interface Call {
  readonly exchange: Exchange;
  readonly project: string;
  /** Undefined when the body was refused. */
  readonly body: SendBody | undefined;
  /** Empty when the body was refused. */
  readonly token: string;
}

type ScriptOptions = Pick<FcmScript, 'repeatLast'>;

const SEND = /^\/v1\/projects\/([^/]+)\/messages:send$/;
const ACCEPTED: Word = { word: 'accepted', number: undefined };

/** FCM v1 and Google's token endpoint on loopback: TLS, HTTP/2 and HTTP/1.1, the documented rules and every way they can fail. */
export class FcmSimulator {
  readonly caPem: string;
  /** The first account whose assertions are taken. */
  readonly serviceAccount: FcmServiceAccount;
  controlUrl: string | undefined;
  latencyMs: number;
  readonly #options: FcmSimulatorOptions;
  readonly #now: () => number;
  readonly #ledger: Ledger;
  readonly #scripts = new Scripts<ReadStep>();
  readonly #oauthScripts = new Scripts<ReadStep>();
  readonly #arrivals = new Arrivals();
  readonly #tokens: TokenEndpoint;
  readonly #quota: QuotaBucket;
  readonly #failures = new Map<string, number>();
  #endpoint: TlsEndpoint;
  #control: Control | undefined;

  constructor(options: FcmSimulatorOptions, authority: Authority) {
    const accounts = options.serviceAccounts ?? [fcmTestServiceAccount()];
    this.#options = options;
    this.caPem = authority.caPem;
    this.serviceAccount = accounts[0]!;
    this.latencyMs = options.latencyMs ?? 0;
    this.#now = options.now ?? Date.now;
    this.#ledger = new Ledger(options.record ?? 1000);
    this.#tokens = new TokenEndpoint(knownAccounts(accounts), this.#now, () => this.tokenUrl, this.#ledger);
    this.#quota = new QuotaBucket(options.quotaPerMinute ?? Infinity, this.#now);
  }

  /** `https://127.0.0.1:port`, the channel's `baseUrl`. */
  get url(): string {
    return `https://127.0.0.1:${this.#endpoint.port}`;
  }

  get tokenUrl(): string {
    return `${this.url}/token`;
  }

  /** The latest sends, oldest first. */
  get requests(): readonly FcmRequest[] {
    return this.#ledger.latest;
  }

  get counters(): FcmCounters {
    return { requests: this.#arrivals.count, ...this.#ledger.counters };
  }

  /** How often each token was accepted. Empty when nothing is recorded. */
  get acceptedByToken(): ReadonlyMap<string, number> {
    return this.#ledger.acceptedByToken;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#endpoint.open;
  }

  /** Settings of a channel that leads here. */
  channelConfig(): Readonly<Record<string, string>> {
    return {
      serviceAccount: JSON.stringify(this.serviceAccount),
      transport: 'http',
      baseUrl: this.url,
      tokenUrl: this.tokenUrl,
      certificateAuthority: this.caPem,
    };
  }

  async start(authority: Authority): Promise<void> {
    const { port = 0, controlPort, maxConcurrentStreams = 100, streamsBeforeGoaway } = this.#options;
    this.#endpoint = await TlsEndpoint.start({
      identity: await authority.issue(),
      port,
      maxConcurrentStreams,
      streamsBeforeGoaway: streamsBeforeGoaway ?? maxConcurrentStreams,
      ledger: this.#ledger,
      handle: (exchange) => this.#receive(exchange),
    });
    if (controlPort === undefined) return;
    this.#control = await startControl(this, controlPort);
    this.controlUrl = this.#control.url;
  }

  /** Prescribes how the next sends to a token end; `*` stands for all tokens. */
  script(token: string, steps: FcmScript['steps'], options: ScriptOptions = {}): void {
    this.#scripts.set(token, readSteps(steps), options);
  }

  /** Prescribes how the next requests of the token endpoint end. */
  scriptOAuth(steps: FcmScript['steps'], options: ScriptOptions = {}): void {
    this.#oauthScripts.set('*', readSteps(steps, isTokenWord), options);
  }

  /** From now on sends are taken in and answered only after {@link release}. */
  hold(): void {
    this.#arrivals.hold();
  }

  release(): void {
    this.#arrivals.release();
  }

  /** Resolves once `count` sends have come in completely since the start or the last reset. */
  received(count: number, withinMs?: number): Promise<void> {
    return this.#arrivals.reach(count, withinMs);
  }

  /** Makes every access token handed out so far unknown: sends with it get 401. */
  revokeTokens(): void {
    this.#tokens.revoke();
  }

  /** What the control endpoint is told. */
  apply({ scripts = [], oauth, latencyMs, goaway, drop }: FcmControlRules): void {
    for (const { token, steps, ...options } of scripts) this.script(token, steps, options);
    if (oauth) this.scriptOAuth(oauth.steps, oauth);
    if (latencyMs !== undefined) this.latencyMs = latencyMs;
    if (goaway) this.goaway();
    if (drop) this.drop();
  }

  /** GOAWAY on every connection. */
  goaway(): void {
    this.#endpoint.goaway();
  }

  /** Destroys every connection. */
  drop(): void {
    this.#endpoint.drop();
  }

  /** Refuses connections, and destroys those that are open, until {@link resume}. */
  refuse(): Promise<void> {
    return this.#endpoint.refuse();
  }

  resume(): Promise<void> {
    return this.#endpoint.resume();
  }

  /** Forgets scripts, requests, counters, quota, held answers and latency. Connections and access tokens stay. */
  reset(): void {
    this.#arrivals.reset();
    this.#scripts.clear();
    this.#oauthScripts.clear();
    this.#ledger.reset();
    this.#failures.clear();
    this.#quota.reset();
    this.latencyMs = this.#options.latencyMs ?? 0;
  }

  async close(): Promise<void> {
    await this.#control?.close();
    await this.#endpoint.refuse();
  }

  #receive(exchange: Exchange): void {
    const project = SEND.exec(exchange.path)?.[1];
    if (exchange.method === 'POST' && project) this.#takeIn(exchange, decodeURIComponent(project));
    else if (exchange.method === 'POST' && exchange.path === '/token') this.#grant(exchange);
    else exchange.answer(googleError(404, 'NOT_FOUND', 'The requested URL was not found on this server.'));
  }

  #grant(exchange: Exchange): void {
    this.#ledger.tokenRequests++;
    const step = this.#oauthScripts.next();
    const reply = this.#tokens.reply(exchange.body, step);
    if ('fault' in reply) exchange.fail(reply.fault, json(200, {}));
    else later(reply.delayMs ?? 0, () => exchange.answer(reply));
  }

  #takeIn(exchange: Exchange, project: string): void {
    this.#ledger.bearers.add(exchange.authorization);
    this.#arrivals.take(() => this.#serve(exchange, project));
  }

  #serve(exchange: Exchange, project: string): void {
    const read = readSendBody(exchange.body);
    const refused = 'status' in read ? read : undefined;
    const body = 'status' in read ? undefined : read;
    const call = { exchange, project, body, token: body ? targetOf(body) : '' };
    this.#conclude(call, this.#dropped(call) ?? this.#gate(call) ?? refused ?? this.#decide(call));
  }

  #dropped({ exchange }: Call): Reply | undefined {
    const { dropEvery } = this.#options;
    return dropEvery && exchange.link.requests % dropEvery === 0 ? { fault: 'fin' } : undefined;
  }

  /** What refuses every message alike. */
  #gate({ exchange, project }: Call): Answer | undefined {
    const granted = this.#tokens.projectOf(exchange.authorization);
    if (granted === undefined) return unauthenticated();
    if (granted !== project) return permissionDenied();
    return this.#quota.take() ? undefined : projectQuota();
  }

  #decide(call: Call): Reply {
    const step = this.#scripts.next(call.token) ?? wordOfToken(call.token) ?? ACCEPTED;
    return 'status' in step ? step : this.#say(call, this.#afterFailures(call.token, step));
  }

  #say({ project, exchange, token }: Call, { word, number }: Word): Reply {
    return replyOf(word, { number, project, token, bearer: exchange.authorization, now: this.#now() });
  }

  /** `fail` turns into `accepted` once the token has failed often enough. */
  #afterFailures(token: string, word: Word): Word {
    if (word.word !== 'fail') return word;
    const failed = this.#failures.get(token) ?? 0;
    this.#failures.set(token, failed + 1);
    return failed < (word.number ?? 1) ? word : ACCEPTED;
  }

  #conclude(call: Call, reply: Reply): void {
    this.#ledger.write(nameOf(reply), () => this.#describe(call));
    if ('fault' in reply) this.#fail(call, reply.fault);
    else this.#answer(call, reply);
  }

  #describe({ exchange, project, body, token }: Call): Omit<FcmRequest, 'answer'> {
    const { number: connection, protocol } = exchange.link;
    const validateOnly = body?.validateOnly ?? false;
    return { connection, protocol, project, token, message: body?.message, validateOnly, at: new Date(this.#now()) };
  }

  #fail(call: Call, fault: Extract<Reply, { fault: unknown }>['fault']): void {
    if (fault === 'drain') this.#ledger.deliver(call.token);
    call.exchange.fail(fault, this.#say(call, ACCEPTED) as Answer);
  }

  #answer(call: Call, answer: Answer): void {
    const final = answer.status === 200 ? this.#take(call, answer) : answer;
    later((answer.delayMs ?? 0) + this.latencyMs, () => call.exchange.answer(final));
  }

  /** Counts a message that FCM takes; a `validate_only` one is answered with the fixed name and delivered to nobody. */
  #take(call: Call, answer: Answer): Answer {
    if (!call.body?.validateOnly) {
      this.#ledger.deliver(call.token);
      return answer;
    }
    this.#ledger.validated++;
    return json(200, { name: `projects/${call.project}/messages/fake_message_id` });
  }
}

/** Starts FCM and a token endpoint that know `options.serviceAccounts`. */
export async function startFcmSimulator(options: FcmSimulatorOptions = {}): Promise<FcmSimulator> {
  const authority = options.authority ?? (await createAuthority());
  const simulator = new FcmSimulator(options, authority);
  await simulator.start(authority);
  return simulator;
}

function targetOf({ message: { token, fid, topic, condition } }: SendBody): string {
  return token ?? fid ?? topic ?? condition ?? '';
}

function nameOf(reply: Reply): string {
  if ('fault' in reply) return reply.fault;
  return reply.code ? `${reply.status} ${reply.code}` : String(reply.status);
}

function later(ms: number, action: () => void): void {
  if (ms === 0) action();
  else setTimeout(action, ms);
}
