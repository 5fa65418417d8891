import { type Control, startControl } from '../control.js';
import { type PlainAnswer, PlainEndpoint, type PlainFault, type PlainRequest } from '../plain-endpoint.js';
import { Scripts } from '../scripts.js';
import type { NimApp } from '../senders/nim.js';
import type { NimControlRules } from './control-rules.js';
import { Gatekeeper } from './gatekeeper.js';
import { Ledger, type NimCounters, type NimPush, type NimRequest } from './ledger.js';
import type { NimRefusal, NimScript, NimStep } from './script.js';
import { type Accepted, type Call, Service } from './service.js';

export interface NimSimulatorOptions extends NimApp {
  /** Registered accounts; more can be added later. */
  readonly accounts?: Iterable<string>;
  /** Members by team. */
  readonly teams?: Readonly<Record<string, readonly string[]>>;
  /** Default: any free port. */
  readonly port?: number;
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
  /** Milliseconds before each answer. Default 0. */
  readonly latencyMs?: number;
  /** Requests, and pushes, that are kept, the latest ones. Default 10,000. */
  readonly record?: number;
  /** `sendMsg` calls a second before 416 and a pause of 10 s. Default: any number. */
  readonly ratePerSecond?: number;
  /** Answers 431 to a nonce that was used before. Default false. */
  readonly refuseReusedNonces?: boolean;
  /** `unregister` comes as JSON inside a string, as some editions send it. Default false. */
  readonly unregisterAsText?: boolean;
  /** Milliseconds since 1970; the clock of checksums, rate and Date header. */
  readonly now?: () => number;
}

const KEPT_HEADERS = new Set(['appkey', 'nonce', 'curtime', 'checksum', 'content-type']);
/** Characters of the name of a push certificate. Source: set-up of offline push. */
const MAX_CERTIFICATE_NAME = 32;
const WORDS = { v1: 'desc', v2: 'msg' } as const;
const FAULTS = { drop: 'drop', lost: 'drop', silent: 'silence' } as const;

type Fault = keyof typeof FAULTS;

interface Reply {
  readonly status: number;
  readonly body: string;
  /** For the record. */
  readonly name: string;
}

/** The server API of NIM on loopback: v1 forms and v2 JSON, credentials, limits, accounts, and every way a call can fail. */
export class NimSimulator {
  controlUrl: string | undefined;
  latencyMs: number;
  readonly #now: () => number;
  readonly #ledger: Ledger;
  readonly #gate: Gatekeeper;
  readonly #service: Service;
  readonly #scripts = new Scripts<NimStep>();
  readonly #endpoint: PlainEndpoint;
  #control: Control | undefined;

  constructor(private readonly options: NimSimulatorOptions) {
    const { now = Date.now, ratePerSecond = Infinity, refuseReusedNonces = false, unregisterAsText = false } = options;
    this.latencyMs = options.latencyMs ?? 0;
    this.#now = now;
    this.#ledger = new Ledger(options.record ?? 10_000);
    this.#gate = new Gatekeeper(options, { now, ratePerSecond, refuseReusedNonces });
    const traces = { now, push: (push: NimPush) => this.#ledger.push(push) };
    this.#service = new Service(traces, options.teams ?? {}, unregisterAsText);
    this.#endpoint = new PlainEndpoint((request) => this.#decide(request), options.port);
    for (const accid of options.accounts ?? []) this.register(accid);
  }

  /** The channel's `v2BaseUrl`. */
  get url(): string {
    return this.#endpoint.url;
  }

  /** One of the channel's `baseUrls`. */
  get baseUrl(): string {
    return `${this.url}/nimserver`;
  }

  /** Settings of a channel that leads here. @param sender account that messages come from. */
  channelConfig(sender: string): Readonly<Record<string, unknown>> {
    const { appKey, appSecret } = this.options;
    return { appKey, appSecret, sender, baseUrls: [this.baseUrl], v2BaseUrl: this.url };
  }

  /** The latest requests, oldest first. */
  get requests(): readonly NimRequest[] {
    return this.#ledger.requests;
  }

  /** What accounts that are away were pushed, oldest first. */
  get pushes(): readonly NimPush[] {
    return this.#ledger.pushes;
  }

  get counters(): NimCounters {
    return { requests: this.#endpoint.count, ...this.#ledger.counters };
  }

  /** By account: whether the phone is pushed to while a desktop client is online. Absent: nobody said. */
  get pushWhenDesktopOnline(): ReadonlyMap<string, boolean> {
    return this.#service.pushWhenDesktopOnline;
  }

  async start(): Promise<void> {
    await this.#endpoint.listen();
    if (this.options.controlPort === undefined) return;
    this.#control = await startControl(this, this.options.controlPort);
    this.controlUrl = this.#control.url;
  }

  register(...accounts: readonly string[]): void {
    for (const accid of accounts) this.#service.accounts.add(accid);
  }

  /** What the login of a client that names this push certificate is answered. */
  login(accid: string, apnsCername: string): 200 | 404 | 500 {
    if (!this.#service.accounts.has(accid)) return 404;
    return apnsCername.length > MAX_CERTIFICATE_NAME ? 500 : 200;
  }

  pushesTo(accid: string): readonly NimPush[] {
    return this.pushes.filter((push) => push.accid === accid);
  }

  /** Prescribes how the next requests that name an account or team end; `*` stands for all. */
  script(to: string, steps: readonly NimStep[], options: Pick<NimScript, 'repeatLast'> = {}): void {
    this.#scripts.set(to, steps, options);
  }

  /** From now on requests are taken in and answered only after {@link release}. */
  hold(): void {
    this.#endpoint.hold();
  }

  release(): void {
    this.#endpoint.release();
  }

  /** Resolves once `count` requests have come in completely since the start or the last reset. */
  received(count: number, withinMs?: number): Promise<void> {
    return this.#endpoint.received(count, withinMs);
  }

  /** What the control endpoint is told. */
  apply({ scripts = [], accounts = [], latencyMs }: NimControlRules): void {
    for (const { to, steps, ...options } of scripts) this.script(to, steps, options);
    this.register(...accounts);
    if (latencyMs !== undefined) this.latencyMs = latencyMs;
  }

  /** Refuses connections, and destroys those that are open, until {@link resume}. */
  refuse(): Promise<void> {
    return this.#endpoint.close();
  }

  resume(): Promise<void> {
    return this.#endpoint.listen();
  }

  /** Forgets scripts, requests, pushes, counters, nonces, held answers and latency. Accounts stay. */
  reset(): void {
    this.#endpoint.reset();
    this.#scripts.clear();
    this.#ledger.reset();
    this.#gate.reset();
    this.#service.pushWhenDesktopOnline.clear();
    this.latencyMs = this.options.latencyMs ?? 0;
  }

  async close(): Promise<void> {
    await this.#control?.close();
    await this.#endpoint.close();
  }

  #decide(request: PlainRequest): PlainAnswer | PlainFault {
    const call = this.#service.call(request.method, request.path, request.body);
    const reply = call ? this.#serve(request, call) : { status: 404, body: 'Not Found', name: 'HTTP 404' };
    this.#write(request, call, typeof reply === 'string' ? reply : reply.name);
    return typeof reply === 'string' ? FAULTS[reply] : this.#answerOf(reply);
  }

  #serve(request: PlainRequest, call: Call): Reply | Fault {
    const judged = this.#judge(request, call);
    if ('code' in judged) return refusal(judged, call);
    const step = this.#scripts.next(...judged.targets);
    if (step === undefined || step === 'antispam') return success(judged.perform(step === 'antispam'));
    if (step === 'lost') judged.perform(false);
    if (typeof step === 'string') return step;
    if (typeof step === 'number') return refusal({ code: step, desc: 'as scripted' }, call);
    return 'code' in step ? refusal(step, call) : { ...step, name: `HTTP ${step.status}` };
  }

  #judge({ headers }: PlainRequest, call: Call): NimRefusal | Accepted {
    const fault = this.#gate.credentialFault(headers) ?? (call.limited ? this.#gate.rateFault() : undefined);
    return fault ?? call.judge();
  }

  #answerOf({ status, body }: Reply): PlainAnswer {
    // The simulator's clock, not the machine's.
    const headers = { 'content-type': 'application/json;charset=utf-8', date: new Date(this.#now()).toUTCString() };
    return { status, headers, body, delayMs: this.latencyMs };
  }

  #write({ method, path, headers, body }: PlainRequest, call: Call | undefined, answer: string): void {
    const kept = Object.entries(headers).filter(([name]) => KEPT_HEADERS.has(name));
    this.#ledger.write({
      method,
      path,
      headers: Object.fromEntries(kept) as Record<string, string>,
      bodyRaw: body,
      params: call?.params,
      at: new Date(this.#now()),
      answer,
    });
  }
}

function success(members: object): Reply {
  return { status: 200, body: JSON.stringify({ code: 200, ...members }), name: '200' };
}

function refusal({ code, desc }: NimRefusal, { api }: Call): Reply {
  return { status: 200, body: JSON.stringify({ code, [WORDS[api]]: desc }), name: String(code) };
}

/** Starts a NIM that knows one app and its accounts. */
export async function startNimSimulator(options: NimSimulatorOptions): Promise<NimSimulator> {
  const simulator = new NimSimulator(options);
  await simulator.start();
  return simulator;
}
