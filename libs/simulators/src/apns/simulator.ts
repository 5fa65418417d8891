import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Arrivals } from '../arrivals.js';
import { startControl, type Control } from '../control.js';
import { createAuthority, type Authority } from '../tls.js';
import { answerOf } from './answers.js';
import type { ApnsAnswer, ApnsFault, ApnsStep } from './behaviour.js';
import type { ApnsControlRules } from './control-rules.js';
import { Exchange, sendGoaway, type Connection, type GoawayOptions } from './exchange.js';
import { Gatekeeper, type GatekeeperOptions } from './gatekeeper.js';
import { Ledger, type ApnsCounters, type ApnsRequest } from './ledger.js';
import type { ApnsScript } from './script.js';

/** Milliseconds, fixed or drawn from a range. */
export type Latency = number | readonly [min: number, max: number];

export interface ApnsSimulatorOptions extends GatekeeperOptions {
  /** Default: any free port. */
  readonly port?: number;
  /** Default: a fresh one. */
  readonly authority?: Authority;
  /** Before each answer. Default 0. */
  readonly latencyMs?: Latency;
  /** Announced to clients. Default 1,000. */
  readonly maxConcurrentStreams?: number;
  /** Requests that are kept, the latest ones. Default 1,000; 0 keeps none. */
  readonly record?: number;
  /** Destroys a connection at every so-manieth of its requests, before that one is answered. */
  readonly dropEvery?: number;
  /** Told of every push when it is accepted; the cheap way to count what {@link record} would keep. */
  readonly onAccepted?: (token: string) => void;
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
}

/** An APNs host on loopback: HTTP/2 over TLS, provider tokens, the documented rules, and the ways in which it fails. */
export class ApnsSimulator {
  latencyMs: Latency;
  private readonly ledger: Ledger;
  private readonly gatekeeper: Gatekeeper;
  private readonly arrivals = new Arrivals();
  private readonly sessions = new Set<ServerHttp2Session>();
  private control: Control | undefined;
  private port: number;

  /** Use {@link startApnsSimulator}. */
  constructor(
    private readonly options: ApnsSimulatorOptions,
    private readonly server: Http2SecureServer,
    /** What a client has to trust. */
    readonly caPem: string,
  ) {
    this.port = options.port ?? 0;
    this.latencyMs = options.latencyMs ?? 0;
    this.ledger = new Ledger(options.record ?? 1000);
    this.gatekeeper = new Gatekeeper(options);
    server.on('session', (session) => this.welcome(session));
    server.on('tlsClientError', ignore);
    server.on('sessionError', ignore);
  }

  /** `https://127.0.0.1:port`. */
  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** `http://127.0.0.1:port` of the control endpoint, if there is one. */
  get controlUrl(): string | undefined {
    return this.control?.url;
  }

  /** The latest requests, oldest first. */
  get requests(): readonly ApnsRequest[] {
    return this.ledger.journal.requests;
  }

  /** Settings of a channel that leads here, for one app. */
  channelConfig(bundleId: string): Readonly<Record<string, string>> {
    const { keyId, teamId, p8 } = this.options.credentials;
    const { url, caPem } = this;
    return { keyId, teamId, p8, bundleId, productionUrl: url, sandboxUrl: url, certificateAuthority: caPem };
  }

  get counters(): ApnsCounters {
    const { connections, maxStreams, journal } = this.ledger;
    const { answers } = journal;
    return {
      requests: this.arrivals.count,
      accepted: answers['200'] ?? 0,
      connections,
      maxStreams,
      providerTokens: this.gatekeeper.providerTokens.count,
      answers,
    };
  }

  /** How often each token was accepted. Empty when nothing is recorded. */
  get acceptedByToken(): ReadonlyMap<string, number> {
    return this.ledger.acceptedByToken;
  }

  /** Prescribes how the next requests of a token end; `*` stands for all tokens. */
  script(token: string, steps: readonly ApnsStep[], options: Pick<ApnsScript, 'repeatLast'> = {}): void {
    this.gatekeeper.scripts.set(token, steps, options);
  }

  /** From now on requests are taken in, and decided and answered only after {@link release}. */
  hold(): void {
    this.arrivals.hold();
  }

  release(): void {
    this.arrivals.release();
  }

  /**
   * Resolves once `count` requests have come in since the start or the last reset.
   * @throws {Error} when they do not come within `withinMs`.
   */
  received(count: number, withinMs?: number): Promise<void> {
    return this.arrivals.reach(count, withinMs);
  }

  /** What the control endpoint is told. */
  apply({ scripts = [], latencyMs, goaway, drop }: ApnsControlRules): void {
    for (const { token, steps, repeatLast } of scripts) this.script(token, steps, { repeatLast });
    if (latencyMs !== undefined) this.latencyMs = latencyMs;
    if (goaway) this.goaway({ twoStep: goaway === 'twoStep' });
    if (drop) this.drop();
  }

  /** GOAWAY on every connection. */
  goaway(options: GoawayOptions = {}): void {
    for (const session of this.sessions) sendGoaway(session, options);
  }

  /** Destroys every connection. */
  drop(): void {
    for (const session of this.sessions) session.destroy();
  }

  /** Destroys every connection and refuses new ones, until {@link listen}. */
  async refuse(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.drop();
    await closed;
  }

  /** Takes connections, on the same port as before. */
  async listen(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async openControl(port: number): Promise<void> {
    this.control = await startControl(this, port);
  }

  /** Answers what is held, then forgets scripts, requests, counters and latency. Connections stay. */
  reset(): void {
    this.arrivals.reset();
    this.gatekeeper.reset();
    this.ledger.reset();
    this.latencyMs = this.options.latencyMs ?? 0;
  }

  async close(): Promise<void> {
    await this.control?.close();
    if (this.server.listening) await this.refuse();
  }

  private welcome(session: ServerHttp2Session): void {
    const connection = { number: ++this.ledger.connections, streams: 0, requests: 0, seenTokens: new Map() };
    this.sessions.add(session);
    session.on('close', () => this.sessions.delete(session));
    session.on('error', ignore);
    session.on('stream', (stream, headers) => this.receive(connection, stream, headers));
  }

  private receive(connection: Connection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const exchange = new Exchange(connection, stream, headers);
    this.ledger.maxStreams = Math.max(this.ledger.maxStreams, connection.streams);
    stream.on('error', ignore);
    stream.on('data', (chunk: Buffer) => exchange.take(chunk, this.ledger.journal.keeps));
    stream.on('end', () => this.complete(exchange));
  }

  private complete(exchange: Exchange): void {
    const { dropEvery } = this.options;
    exchange.connection.requests++;
    if (!dropEvery || exchange.connection.requests % dropEvery !== 0) {
      return this.arrivals.take(() => this.perform(exchange, this.gatekeeper.decide(exchange)));
    }
    this.arrivals.add();
    this.perform(exchange, 'drop');
  }

  private perform(exchange: Exchange, step: ApnsStep): void {
    if (typeof step === 'string') exchange.disturb(step);
    const answer = answerOf(step, this.gatekeeper.now());
    if (!answer) return this.note(exchange, step as ApnsFault);
    const delay = (answer.delayMs ?? 0) + draw(this.latencyMs);
    if (delay === 0) this.reply(exchange, answer);
    else setTimeout(() => this.reply(exchange, answer), delay);
  }

  private reply(exchange: Exchange, answer: ApnsAnswer): void {
    if (!exchange.answerable) return this.note(exchange, 'abandoned');
    this.note(exchange, answer.reason ? `${answer.status} ${answer.reason}` : String(answer.status));
    exchange.answer(answer, this.options.environment === 'sandbox' ? { 'apns-unique-id': randomUUID() } : {});
  }

  private note(exchange: Exchange, answer: string): void {
    if (answer === '200') this.options.onAccepted?.(exchange.token);
    if (!this.ledger.journal.keeps) return this.ledger.journal.count(answer);
    const { connection, token, headers, payload } = exchange;
    this.ledger.keep({ connection: connection.number, token, headers, payload, at: new Date(), answer });
  }
}

/** Starts an APNs host that answers requests signed with `options.credentials`. */
export async function startApnsSimulator(options: ApnsSimulatorOptions): Promise<ApnsSimulator> {
  const authority = options.authority ?? (await createAuthority());
  const server = createSecureServer({
    ...(await authority.issue()),
    settings: { maxConcurrentStreams: options.maxConcurrentStreams ?? 1000 },
    maxSessionMemory: 100,
  });
  const simulator = new ApnsSimulator(options, server, authority.caPem);
  await simulator.listen();
  if (options.controlPort !== undefined) await simulator.openControl(options.controlPort);
  return simulator;
}

function draw(latency: Latency): number {
  if (typeof latency === 'number') return latency;
  return latency[0] + Math.random() * (latency[1] - latency[0]);
}

function ignore(): void {
  // Broken connections are what a simulator is for.
}
