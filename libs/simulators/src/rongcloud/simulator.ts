import { randomBytes } from 'node:crypto';
import { type Control, startControl } from '../control.js';
import { type PlainAnswer, PlainEndpoint, type PlainFault, type PlainRequest } from '../plain-endpoint.js';
import type { RongCloudApp } from '../senders/rongcloud.js';
import type { RongCloudCommand, RongCloudPushCommand } from './commands.js';
import type { RongCloudControlRules } from './control-rules.js';
import { RongCloudDirectory } from './directory.js';
import { PARAMETER, Refused } from './fields.js';
import { appKeyOf, Gate, knownHeaders } from './gate.js';
import { Ledger, type RongCloudCounters, type RongCloudPush, type RongCloudRequest } from './ledger.js';
import { Quota, Rate } from './quota.js';
import { parseJson, READERS, readQuery } from './rules.js';
import {
  answerOf,
  readStep,
  type RongCloudAnswer,
  type RongCloudStep,
  type Verdict,
  WEB_PAGE,
  type Word,
  wordOfUser,
} from './vocabulary.js';

export interface RongCloudSimulatorOptions extends RongCloudApp {
  /** Default: any free port. */
  readonly port?: number;
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
  /** The clock of the quotas and rates. Default: the system's. */
  readonly now?: () => Date;
  /** Pushes and broadcasts together in any 60 minutes. Default 2. */
  readonly quotaPerHour?: number;
  /** Pushes and broadcasts together in a calendar day. Default 3. */
  readonly quotaPerDay?: number;
  /** Default `Asia/Shanghai`. */
  readonly quotaTimeZone?: string;
  /** Calls of `/user/tag/set` and `/user/tag/batch/set` in any second (the vendor: 100 and 10). Default: any number. */
  readonly tagRates?: { readonly single: number; readonly batch: number };
  /** Refuses a nonce that was used before. Default false. */
  readonly strictNonce?: boolean;
  /** Takes `harmonyOS` as a third platform. Default false. */
  readonly harmonyOs?: boolean;
  /** Calls and pushes that are kept, the latest ones. Default 1,000. */
  readonly record?: number;
  /** Milliseconds before each answer. Default 0. */
  readonly latencyMs?: number;
}

const TOO_LARGE = 1508;
const NO_BODY = 1003;
const OVER_LIMIT = 1008;
/** Bytes. Source: the vendor's list of error codes. */
const BODY_LIMIT = 102_400;
const FORMAT = /\.(?:json|xml)$/;
const QUERY_PATH = '/user/tags/get';
const OK: Word = { word: 'ok', number: undefined };

/** RongCloud's Server API for pushes and tags on loopback: signature, rules, quotas, and who gets what. */
export class RongCloudSimulator {
  readonly directory = new RongCloudDirectory();
  controlUrl: string | undefined;
  latencyMs: number;
  readonly #options: RongCloudSimulatorOptions;
  readonly #now: () => Date;
  readonly #gate: Gate;
  /** By App Key. */
  readonly #quotas = new Map<string, Quota>();
  readonly #rates: Readonly<Record<string, Rate>>;
  readonly #ledger: Ledger;
  readonly #endpoint: PlainEndpoint;
  #steps: (Word | RongCloudAnswer)[] = [];
  #control: Control | undefined;

  constructor(options: RongCloudSimulatorOptions) {
    const { tagRates } = options;
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#gate = new Gate({ ...options, strictNonce: options.strictNonce ?? false });
    this.#rates = {
      '/user/tag/set': new Rate(tagRates?.single ?? Infinity),
      '/user/tag/batch/set': new Rate(tagRates?.batch ?? Infinity),
    };
    this.#ledger = new Ledger(options.record ?? 1000);
    this.latencyMs = options.latencyMs ?? 0;
    this.#endpoint = new PlainEndpoint((request) => this.#serve(request), options.port);
  }

  /** `http://127.0.0.1:port`, one of the channel's `baseUrls`. */
  get url(): string {
    return this.#endpoint.url;
  }

  /** Settings of a channel that leads here. */
  channelConfig(): Readonly<Record<string, unknown>> {
    const { appKey, appSecret } = this.#options;
    return { appKey, appSecret, baseUrls: [this.url] };
  }

  /** The latest calls, oldest first. */
  get requests(): readonly RongCloudRequest[] {
    return this.#ledger.requests;
  }

  /** The latest pushes and broadcasts that were taken, with the devices that they reached. */
  get pushes(): readonly RongCloudPush[] {
    return this.#ledger.pushes;
  }

  get counters(): RongCloudCounters {
    const { count: requests, connections } = this.#endpoint;
    return { requests, connections, ...this.#ledger.counters };
  }

  async start(): Promise<void> {
    const { controlPort } = this.#options;
    await this.#endpoint.listen();
    if (controlPort === undefined) return;
    this.#control = await startControl(this, controlPort);
    this.controlUrl = this.#control.url;
  }

  /** Serves another app as well. It has a quota of its own; people, devices and tags are the same for all. */
  addApp(app: RongCloudApp): void {
    this.#gate.admit(app);
  }

  /**
   * Prescribes how the next calls end that break no rule, one step each.
   * @throws {RangeError} when a step is not in the vocabulary.
   */
  script(steps: readonly RongCloudStep[]): void {
    this.#steps.push(...steps.map(readStep));
  }

  /** From now on calls are taken in and answered only after {@link release}. */
  hold(): void {
    this.#endpoint.hold();
  }

  release(): void {
    this.#endpoint.release();
  }

  /** Resolves once `count` calls have come in completely since the start or the last reset. */
  received(count: number, withinMs?: number): Promise<void> {
    return this.#endpoint.received(count, withinMs);
  }

  /** What the control endpoint is told. */
  apply({ steps = [], apps = [], devices = [], tags = {}, latencyMs, drop }: RongCloudControlRules): void {
    this.script(steps);
    for (const app of apps) this.addApp(app);
    this.directory.addDevices(devices);
    for (const [userId, set] of Object.entries(tags)) this.directory.setTags([userId], set);
    if (latencyMs !== undefined) this.latencyMs = latencyMs;
    if (drop) this.drop();
  }

  /** Destroys every connection. */
  drop(): void {
    this.#endpoint.drop();
  }

  /** Forgets steps, calls, pushes, counters, quotas, nonces, held answers and latency. Apps, people and devices stay. */
  reset(): void {
    this.#endpoint.reset();
    this.#steps = [];
    this.#ledger.reset();
    this.#quotas.clear();
    this.#gate.reset();
    for (const rate of Object.values(this.#rates)) rate.reset();
    this.latencyMs = this.#options.latencyMs ?? 0;
  }

  /** May be called again. */
  async close(): Promise<void> {
    await this.#control?.close();
    this.#control = undefined;
    await this.#endpoint.close();
  }

  #serve(request: PlainRequest): PlainAnswer | PlainFault {
    let command: RongCloudCommand | undefined;
    try {
      command = this.#read(request);
      return this.#conclude(request, command, this.#steps.shift() ?? wordOf(command));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.#answer(request, command, answerOf({ code: error.code, message: error.message }, request.path));
    }
  }

  /** @throws {Refused} */
  #read({ method, path, headers, body }: PlainRequest): RongCloudCommand {
    const name = path.replace(FORMAT, '');
    const read = READERS[name];
    const isKnown = FORMAT.test(path) && (read !== undefined || path === `${QUERY_PATH}.json`);
    if (!isKnown) throw new Refused(404, 'unknown path');
    if (method !== 'POST') throw new Refused(405, 'method not allowed');
    this.#gate.check(headers);
    if (Buffer.byteLength(body) >= BODY_LIMIT) throw new Refused(TOO_LARGE, 'the body is too large');
    if (body === '') throw new Refused(NO_BODY, 'no POST data');
    if (!read) return readQuery(formOf(body));
    const isJson = headers['content-type']?.startsWith('application/json') ?? false;
    if (!isJson) throw new Refused(PARAMETER, 'Content-Type is not application/json');
    return read(parseJson(body), { harmonyOs: this.#options.harmonyOs ?? false });
  }

  #conclude(request: PlainRequest, command: RongCloudCommand, step: Word | RongCloudAnswer): PlainAnswer | PlainFault {
    if ('status' in step) return this.#answer(request, command, step);
    switch (step.word) {
      case 'code':
        return this.#answer(request, command, answerOf({ code: step.number ?? 1000 }, request.path));
      case 'http':
        return this.#answer(request, command, { status: step.number ?? 500, body: '' });
      case 'html':
        return this.#answer(request, command, WEB_PAGE);
      case 'fin':
        return this.#fail(request, command, 'fin');
      case 'lost':
      case 'silent':
        this.#perform(request, command);
        return this.#fail(request, command, step.word);
      default: {
        const delayMs = step.word === 'slow' ? (step.number ?? 100) : 0;
        return this.#answer(request, command, answerOf(this.#perform(request, command), request.path), delayMs);
      }
    }
  }

  /** @throws {Refused} when a limit is used up. */
  #perform({ path, headers }: PlainRequest, command: RongCloudCommand): Verdict {
    const now = this.#now();
    switch (command.kind) {
      case 'query':
        return { code: 200, result: this.#tagsOf(command.userIds) };
      case 'tags':
        if (!this.#rates[path.replace(FORMAT, '')]?.take(now.getTime())) throw new Refused(OVER_LIMIT, 'over limit');
        this.directory.setTags(command.userIds, command.tags);
        return { code: 200 };
      case 'push':
        if (!this.#quotaOf(appKeyOf(headers)).take(now.getTime()))
          throw new Refused(OVER_LIMIT, 'over frequency limit');
        return { code: 200, id: this.#deliver(command, now) };
    }
  }

  #quotaOf(appKey: string): Quota {
    const { quotaPerHour = 2, quotaPerDay = 3, quotaTimeZone = 'Asia/Shanghai' } = this.#options;
    const limits = { perHour: quotaPerHour, perDay: quotaPerDay, timeZone: quotaTimeZone };
    const quota = this.#quotas.get(appKey) ?? new Quota(limits);
    this.#quotas.set(appKey, quota);
    return quota;
  }

  #tagsOf(userIds: readonly string[]): Record<string, readonly string[]> {
    return Object.fromEntries(userIds.map((userId) => [userId, this.directory.tagsOf(userId)]));
  }

  #deliver(command: RongCloudPushCommand, at: Date): string {
    const { shown } = command;
    const id = randomBytes(16).toString('base64url');
    const devices = shown ? this.directory.reached(command) : [];
    const arrivals = devices.map(({ id: deviceId, userId, platform }) => ({
      deviceId,
      userId,
      platform,
      ...shown![platform],
    }));
    this.#ledger.take({ id, at, command, arrivals });
    return id;
  }

  #answer(
    request: PlainRequest,
    command: RongCloudCommand | undefined,
    answer: RongCloudAnswer,
    delayMs = 0,
  ): PlainAnswer {
    this.#write(request, command, nameOf(answer));
    return { ...answer, delayMs: delayMs + this.latencyMs };
  }

  #fail(request: PlainRequest, command: RongCloudCommand, fault: 'fin' | 'lost' | 'silent'): PlainFault {
    this.#write(request, command, fault);
    return fault === 'silent' ? 'silence' : 'drop';
  }

  #write({ method, path, headers, body }: PlainRequest, command: RongCloudCommand | undefined, answer: string): void {
    this.#ledger.write({
      at: this.#now(),
      method,
      path,
      headers: knownHeaders(headers),
      body: bodyOf(body),
      command,
      answer,
    });
  }
}

/** Starts the Server API of one app. */
export async function startRongCloudSimulator(options: RongCloudSimulatorOptions): Promise<RongCloudSimulator> {
  const simulator = new RongCloudSimulator(options);
  await simulator.start();
  return simulator;
}

/** The word of the first user that a command names. */
function wordOf(command: RongCloudCommand): Word {
  const audience = command.kind === 'push' ? command.audience : command;
  const first = 'userIds' in audience ? audience.userIds[0] : undefined;
  return (first === undefined ? undefined : wordOfUser(first)) ?? OK;
}

function formOf(body: string): Record<string, string[]> {
  const form = new URLSearchParams(body);
  return Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name)]));
}

function bodyOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body.includes('=') ? formOf(body) : undefined;
  }
}

/** HTTP status, and the vendor's code where it says more. */
function nameOf({ status, body }: RongCloudAnswer): string {
  const [, code] = /"code":(\d+)|<code>(\d+)<\/code>/.exec(body)?.filter(Boolean) ?? [];
  return code === undefined || code === String(status) ? String(status) : `${status} ${code}`;
}
