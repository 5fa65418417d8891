import { createHash } from 'node:crypto';
import { type Control, startControl } from '../control.js';
import { Journal } from '../journal.js';
import { json, type ScriptedAnswer, scripted } from '../plain-answers.js';
import { type PlainAnswer, PlainEndpoint, type PlainFault, type PlainRequest } from '../plain-endpoint.js';
import { IssuedTokens } from './access-tokens.js';
import { type EchatKeys, memberOf } from './meta-data.js';

export interface EchatApiAccount extends EchatKeys {
  /** Signs `getToken`. */
  readonly token: string;
  readonly companyId: string;
}

export type EchatApiStep = 'ok' | PlainFault | ScriptedAnswer;

export interface EchatUnread {
  /** Id of a member, or the `visitorId` or `encryptVId` of a guest. */
  readonly visitor: string;
  readonly count: number;
  readonly lastMsgContent?: string;
}

/** Body of `POST /rules` of the control endpoint. */
export interface EchatApiControlRules {
  /** How the next calls end, in order. */
  readonly steps?: readonly EchatApiStep[];
  readonly unread?: readonly EchatUnread[];
  /** Every access token handed out so far becomes unknown. */
  readonly revoke?: boolean;
}

export interface EchatApiSimulatorOptions {
  /** Default: {@link echatApiTestAccount}. */
  readonly account?: EchatApiAccount;
  /** Default: any free port. */
  readonly port?: number;
  /** Seconds an access token lives. Default 7200. */
  readonly tokenLifetime?: number;
  /** Port of the control endpoint, 0 for any; absent: none. */
  readonly controlPort?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A call as it arrived, and how it ended. */
export interface EchatApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly at: Date;
  /** HTTP status, with `errcode` where there is one (`200 40001`), or the name of a fault. */
  readonly answer: string;
}

/** Account of the simulator unless it is told another. */
export function echatApiTestAccount(): EchatApiAccount {
  return {
    appId: 'ECHATAPP0001',
    token: 'echat-test-token-01',
    encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
    companyId: '60',
  };
}

/** Calls that are kept, the latest ones. */
const RECORD = 1000;
const NOT_FOUND: PlainAnswer = { status: 404, headers: { 'content-type': 'text/html' }, body: '<h1>404</h1>' };

/** Echat's open API on loopback, as far as its form is public: access tokens and unread counts. The codes are made up. */
export class EchatApiSimulator {
  readonly account: EchatApiAccount;
  /** URL of the control endpoint, if there is one. */
  controlUrl: string | undefined;
  readonly #endpoint: PlainEndpoint;
  readonly #now: () => number;
  readonly #tokens: IssuedTokens;
  readonly #unread = new Map<string, EchatUnread>();
  readonly #journal = new Journal<EchatApiRequest>(RECORD);
  #steps: EchatApiStep[] = [];
  #control: Control | undefined;

  /** Use {@link startEchatApiSimulator}. */
  constructor(private readonly options: EchatApiSimulatorOptions) {
    this.account = options.account ?? echatApiTestAccount();
    this.#now = options.now ?? Date.now;
    this.#tokens = new IssuedTokens(options.tokenLifetime ?? 7200, this.#now);
    this.#endpoint = new PlainEndpoint((request) => this.#answer(request), options.port);
  }

  /** `http://127.0.0.1:port`, the channel's `apiServer`. */
  get url(): string {
    return this.#endpoint.url;
  }

  /** Settings of a channel that leads here. */
  channelConfig(): Readonly<Record<string, string>> {
    const { appId, token, encodingAesKey } = this.account;
    return { appId, token, encodingAesKey, apiServer: this.url };
  }

  /** The latest calls, oldest first. */
  get requests(): readonly EchatApiRequest[] {
    return this.#journal.requests;
  }

  /** `answers`: calls per answer, in the words of {@link EchatApiRequest.answer}. */
  get counters(): {
    readonly requests: number;
    readonly tokensIssued: number;
    readonly answers: Readonly<Record<string, number>>;
  } {
    const { issued: tokensIssued } = this.#tokens;
    return { requests: this.#endpoint.count, tokensIssued, answers: this.#journal.answers };
  }

  setUnread(unread: EchatUnread): void {
    this.#unread.set(unread.visitor, unread);
  }

  /** Whether a business call with this access token would be served now. */
  accepts(accessToken: string): boolean {
    return this.#tokens.accepts(accessToken);
  }

  /** Every access token handed out so far becomes unknown. */
  revokeTokens(): void {
    this.#tokens.revoke();
  }

  /** Prescribes how the next calls end; then the rules decide again. */
  script(steps: readonly EchatApiStep[]): void {
    this.#steps = [...steps];
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
  apply({ steps, unread = [], revoke }: EchatApiControlRules): void {
    if (steps) this.script(steps);
    for (const each of unread) this.setUnread(each);
    if (revoke) this.revokeTokens();
  }

  /** Answers what is held, then forgets everything. */
  reset(): void {
    this.#endpoint.reset();
    this.#tokens.reset();
    this.#unread.clear();
    this.#journal.clear();
    this.#steps = [];
  }

  async listen(): Promise<void> {
    await this.#endpoint.listen();
    if (this.options.controlPort === undefined || this.#control) return;
    this.#control = await startControl(this, this.options.controlPort);
    this.controlUrl = this.#control.url;
  }

  async close(): Promise<void> {
    await this.#control?.close();
    await this.#endpoint.close();
  }

  #answer(request: PlainRequest): PlainAnswer | PlainFault {
    const answer = this.#decide(request);
    const { method, path, query } = request;
    this.#journal.write({ method, path, query, at: new Date(this.#now()), answer: nameOf(answer) });
    return answer;
  }

  #decide(request: PlainRequest): PlainAnswer | PlainFault {
    const step = this.#steps.shift() ?? 'ok';
    if (typeof step === 'object') return scripted(step);
    if (step !== 'ok') return step;
    const { method, path, query } = request;
    const appId = /^\/getToken\/([^/]+)$/.exec(path)?.[1];
    if (method === 'GET' && appId) return this.#grant(decodeURIComponent(appId), query);
    if (method === 'GET' && path === '/getVisitorUnReadMsgCount/1.1') return this.#count(query);
    return NOT_FOUND;
  }

  #grant(appId: string, { timestamp = '', nonce = '', signature }: PlainRequest['query']): PlainAnswer {
    if (appId !== this.account.appId) return refusal(40_013, 'invalid appId');
    const signed = [this.account.token, timestamp, nonce].sort().join('');
    const expected = createHash('sha1').update(signed).digest('hex');
    return timestamp && nonce && signature === expected
      ? json(this.#tokens.issue())
      : refusal(40_001, 'invalid signature');
  }

  #count(query: PlainRequest['query']): PlainAnswer {
    const { companyId, metaData, visitorId, encryptVId } = query;
    if (companyId !== this.account.companyId) return refusal(40_004, 'invalid companyId');
    const member = metaData ? memberOf(metaData, this.account) : undefined;
    if (metaData && !member) return refusal(40_002, 'invalid metaData');
    const visitor = member ?? visitorId ?? encryptVId;
    if (!visitor) return refusal(40_003, 'visitor missing');
    const { count = 0, lastMsgContent = '' } = this.#unread.get(visitor) ?? {};
    return json({ errcode: 0, unreadMsgCount: count, lastMsgContent, tm: this.#now() });
  }
}

/** Starts Echat's open API for `options.account`. */
export async function startEchatApiSimulator(options: EchatApiSimulatorOptions = {}): Promise<EchatApiSimulator> {
  const simulator = new EchatApiSimulator(options);
  await simulator.listen();
  return simulator;
}

function refusal(errcode: number, errmsg: string): PlainAnswer {
  return json({ errcode, errmsg });
}

function nameOf(answer: PlainAnswer | PlainFault): string {
  if (typeof answer === 'string') return answer;
  const code = /"errcode":(\d+)/.exec(answer.body ?? '')?.[1];
  return code === undefined ? String(answer.status) : `${answer.status} ${code}`;
}
