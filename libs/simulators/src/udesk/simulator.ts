import { type Control, startControl } from '../control.js';
import { Journal } from '../journal.js';
import { type ScriptedAnswer, scripted } from '../plain-answers.js';
import { type PlainAnswer, PlainEndpoint, type PlainFault, type PlainRequest } from '../plain-endpoint.js';
import { Scripts } from '../scripts.js';
import { NO_PAGE, parameterMissing, refusal, success, switchState } from './answers.js';
import { type UdeskCustomer, Customers, tokensOf, type UdeskTokens } from './customers.js';
import { Gate, type UdeskAccount } from './gate.js';

export type { UdeskAccount, UdeskCustomer, UdeskTokens };

/** How one call ends once it has passed signature, nonce and limit. */
export type UdeskStep = 'ok' | PlainFault | ScriptedAnswer;

export interface UdeskScript {
  /** `im/h5push`, `im/sessions/survey`, `im/customer_status`, or `*` for each that has no script of its own. */
  readonly path: string;
  /** One step per call, in order; then the rules decide again. */
  readonly steps: readonly UdeskStep[];
  /** Default false. */
  readonly repeatLast?: boolean;
}

/** Body of `POST /rules` of the control endpoint. */
export interface UdeskControlRules {
  readonly customers?: readonly UdeskTokens[];
  readonly scripts?: readonly UdeskScript[];
  /** Conversations that have ended and may be rated, with the ids of the options. */
  readonly closed?: readonly { readonly conversation: number; readonly options: readonly number[] }[];
}

export interface UdeskSimulatorOptions {
  /** Default: {@link udeskTestAccount}. */
  readonly account?: UdeskAccount;
  /** Default: any free port. */
  readonly port?: number;
  /** Default 60, over all APIs. */
  readonly callsPerMinute?: number;
  /** Default `v2`. */
  readonly signVersion?: 'v1' | 'v2';
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
  /** Milliseconds since 1970; the clock of signatures, nonces and the limit. */
  readonly now?: () => number;
}

/** A call as it arrived, and how it ended. */
export interface UdeskRequest {
  readonly method: string;
  /** Below `/open_api_v1/`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined when there is none. */
  readonly body: unknown;
  readonly at: Date;
  /** HTTP status, with the code of the body where there is one (`200 2059`), or the name of a fault. */
  readonly answer: string;
}

export interface UdeskSurvey {
  readonly conversation: number;
  readonly option: number;
  readonly remark?: string;
}

/** Account of the simulator unless it is told another. */
export function udeskTestAccount(): UdeskAccount {
  return { email: 'admin@example.com', apiToken: '5f6a7b8c-9d0e-4f1a-8b2c-3d4e5f607182' };
}

const ROOT = '/open_api_v1/';
/** Calls that are kept, the latest ones. */
const RECORD = 1000;

/** Udesk's Open API v2 on loopback, as far as H5 push needs it: signatures, single nonces, 60 calls a minute, the switch. */
export class UdeskSimulator {
  readonly account: UdeskAccount;
  /** Ratings that were taken. */
  readonly surveys: UdeskSurvey[] = [];
  /** URL of the control endpoint, if there is one. */
  controlUrl: string | undefined;
  readonly #endpoint: PlainEndpoint;
  readonly #gate: Gate;
  readonly #now: () => number;
  readonly #customers = new Customers();
  readonly #scripts = new Scripts<UdeskStep>();
  /** Conversation → options of its survey. */
  readonly #closed = new Map<number, readonly number[]>();
  readonly #journal = new Journal<UdeskRequest>(RECORD);
  readonly #routes: Readonly<Record<string, (request: PlainRequest, body: unknown) => PlainAnswer>> = {
    'POST im/h5push': (_request, body) => this.#switch(asRecord(body)),
    'POST im/sessions/survey': (_request, body) => this.#rate(asRecord(body)),
    'GET im/customer_status': ({ query }) => this.#status(query),
  };
  #control: Control | undefined;

  /** Use {@link startUdeskSimulator}. */
  constructor(private readonly options: UdeskSimulatorOptions) {
    const { account = udeskTestAccount(), callsPerMinute = 60, signVersion = 'v2', now = Date.now } = options;
    this.account = account;
    this.#now = now;
    this.#gate = new Gate({ account, callsPerMinute, signVersion, now });
    this.#endpoint = new PlainEndpoint((request) => this.#answer(request), options.port);
  }

  /** `http://127.0.0.1:port`, the channel's `baseUrl`. */
  get url(): string {
    return this.#endpoint.url;
  }

  /** Settings of a channel that leads here. */
  channelConfig(): Readonly<Record<string, string>> {
    return { ...this.account, baseUrl: this.url };
  }

  /** The latest calls, oldest first. */
  get requests(): readonly UdeskRequest[] {
    return this.#journal.requests;
  }

  /** `answers`: calls per answer, in the words of {@link UdeskRequest.answer}. */
  get counters(): { readonly requests: number; readonly answers: Readonly<Record<string, number>> } {
    return { requests: this.#endpoint.count, answers: this.#journal.answers };
  }

  /** Makes somebody known who has been in the chat before; others are "invalid". */
  addCustomer(tokens: UdeskTokens, status?: UdeskCustomer['status']): UdeskCustomer {
    return this.#customers.add(tokens, status);
  }

  /** Ends a conversation: from now on it can be rated with one of `options`. */
  closeConversation(conversation: number, options: readonly number[]): void {
    this.#closed.set(conversation, options);
  }

  script(path: string, steps: readonly UdeskStep[], options: Pick<UdeskScript, 'repeatLast'> = {}): void {
    this.#scripts.set(path, steps, options);
  }

  /** From now on calls are taken in, and decided and answered only after {@link release}. */
  hold(): void {
    this.#endpoint.hold();
  }

  release(): void {
    this.#endpoint.release();
  }

  /** @throws {Error} when fewer than `count` calls come within `withinMs`. */
  received(count: number, withinMs?: number): Promise<void> {
    return this.#endpoint.received(count, withinMs);
  }

  /** What the control endpoint is told. */
  apply({ customers = [], scripts = [], closed = [] }: UdeskControlRules): void {
    for (const tokens of customers) this.addCustomer(tokens);
    for (const { path, steps, ...options } of scripts) this.script(path, steps, options);
    for (const { conversation, options } of closed) this.closeConversation(conversation, options);
  }

  /** Answers what is held, then forgets everything: calls, customers, conversations, scripts, nonces, the limit. */
  reset(): void {
    this.#endpoint.reset();
    this.#gate.reset();
    this.#customers.reset();
    this.#scripts.clear();
    this.#closed.clear();
    this.#journal.clear();
    this.surveys.length = 0;
  }

  async listen(): Promise<void> {
    await this.#endpoint.listen();
    if (this.options.controlPort === undefined || this.#control) return;
    this.#control = await startControl(this, this.options.controlPort);
    this.controlUrl = this.#control.url;
  }

  /** Destroys every connection and refuses new ones, until {@link listen}. */
  refuse(): Promise<void> {
    return this.#endpoint.close();
  }

  async close(): Promise<void> {
    await this.#control?.close();
    await this.#endpoint.close();
  }

  #answer(request: PlainRequest): PlainAnswer | PlainFault {
    const path = request.path.startsWith(ROOT) ? request.path.slice(ROOT.length) : '';
    const isJson = /^application\/json\b/.test(request.headers['content-type'] ?? '');
    const body = isJson ? parse(request.body) : undefined;
    const answer = this.#decide(request, path, body);
    const { method, query } = request;
    this.#journal.write({ method, path, query, body, at: new Date(this.#now()), answer: nameOf(answer) });
    return answer;
  }

  #decide(request: PlainRequest, path: string, body: unknown): PlainAnswer | PlainFault {
    const route = this.#routes[`${request.method} ${path}`];
    if (!route) return NO_PAGE;
    const refused = this.#gate.refuse(request);
    if (refused) return refused;
    const step = this.#scripts.next(path) ?? 'ok';
    if (step === 'ok') return route(request, body);
    return typeof step === 'string' ? step : scripted(step);
  }

  #switch(body: Readonly<Record<string, unknown>>): PlainAnswer {
    const tokens = tokensOf(body);
    const [token] = tokens;
    if (!token || tokens.length > 1) return refusal(2062, '用户唯一标识有且只有一个');
    if (!body.im_web_plugin_id) return parameterMissing('im_web_plugin_id');
    const customer = this.#customers.find(token);
    if (!customer) return switchState('invalid');
    if (typeof body.h5push === 'boolean') customer.pushing = body.h5push;
    return switchState(customer.pushing ? 'on' : 'off');
  }

  #rate(body: Readonly<Record<string, unknown>>): PlainAnswer {
    const { im_sub_session_id: conversation, option_id: option, remark } = body;
    if (!conversation) return parameterMissing('im_sub_session_id');
    const options = this.#closed.get(Number(conversation));
    if (!options) return refusal(9200, '会话不存在/会话已关闭');
    if (!options.includes(Number(option))) return parameterMissing('option_id');
    this.surveys.push({
      conversation: Number(conversation),
      option: Number(option),
      ...(typeof remark === 'string' && { remark }),
    });
    return success();
  }

  #status(query: PlainRequest['query']): PlainAnswer {
    const [token] = tokensOf(query);
    if (!token) return parameterMissing('customer_token');
    return success({ status_code: this.#customers.find(token)?.status ?? 3 });
  }
}

/** Starts Udesk's Open API for `options.account`. */
export async function startUdeskSimulator(options: UdeskSimulatorOptions = {}): Promise<UdeskSimulator> {
  const simulator = new UdeskSimulator(options);
  await simulator.listen();
  return simulator;
}

function nameOf(answer: PlainAnswer | PlainFault): string {
  if (typeof answer === 'string') return answer;
  const { code } = asRecord(parse(answer.body ?? ''));
  const isCode = typeof code === 'number' || typeof code === 'string';
  return isCode ? `${answer.status} ${code}` : String(answer.status);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
