import { randomBytes } from 'node:crypto';
import {
  type ChannelContext,
  HttpFailure,
  type HttpResult,
  outcomeOfError,
  type SendFailure,
  sha1Hex,
} from '@bellhop/contracts';
import type { NimConfig } from './nim.manifest.js';
import { ABORTED, BAD_REQUEST, type NimReply, readAnswer } from './nim.outcomes.js';
import type { NimRequest } from './nim.request.js';

export type ApiSettings = Pick<NimConfig, 'appKey' | 'appSecret' | 'baseUrls' | 'v2BaseUrl' | 'deadlineMs'>;

/** Milliseconds around NIM's time that a checksum is good for. */
const WINDOW_MS = 5 * 60_000;
const CONTENT_TYPES = { v1: 'application/x-www-form-urlencoded;charset=utf-8', v2: 'application/json' } as const;

/** Lower-case hex SHA-1 of App Secret, nonce and time in a row. @param curTime seconds since 1970. */
export function checkSum(appSecret: string, nonce: string, curTime: string): string {
  return sha1Hex(appSecret, nonce, curTime);
}

/** One attempt: what it means, and the server's clock. */
interface Attempt {
  readonly reply: NimReply;
  /** Milliseconds that our clock is ahead of the server's; undefined when it did not tell. */
  readonly aheadMs?: number;
}

/** Signed calls to one of several addresses. */
export class NimApi {
  /** The address that worked last. */
  #current = 0;
  readonly #baseUrls: readonly string[];

  constructor(
    private readonly settings: ApiSettings,
    private readonly context: Pick<ChannelContext, 'now' | 'egress'>,
  ) {
    // A backup that may not be called would only turn an outage into a fault of the settings.
    const allowed = settings.baseUrls.filter((url) => context.egress.refusal(url) === undefined);
    this.#baseUrls = allowed.length > 0 ? allowed : settings.baseUrls;
  }

  /** Repeats a call once under a fresh checksum when NIM may have disliked the first one. */
  async call(request: NimRequest, signal: AbortSignal): Promise<NimReply> {
    const first = await this.#attempt(request, signal);
    if (first.reply.ok || first.reply.outcome.vendorCode !== BAD_REQUEST) return first.reply;
    const { aheadMs = 0 } = first;
    if (Math.abs(aheadMs) > WINDOW_MS) return { ok: false, outcome: clockFault(aheadMs) };
    return (await this.#attempt(request, signal)).reply;
  }

  async #attempt(request: NimRequest, signal: AbortSignal): Promise<Attempt> {
    if (signal.aborted) return { reply: { ok: false, outcome: ABORTED } };
    const used = this.#current;
    try {
      const answer = await this.#send(request, used, signal);
      if (answer.status === 502) this.#leave(request, used);
      return { reply: readAnswer(answer, [this.settings.appSecret]), aheadMs: this.#ahead(answer) };
    } catch (error) {
      if (error instanceof HttpFailure && !error.sent) this.#leave(request, used);
      const field = request.api === 'v1' ? 'baseUrls' : 'v2BaseUrl';
      return { reply: { ok: false, outcome: outcomeOfError(error, field) } };
    }
  }

  #send(request: NimRequest, used: number, signal: AbortSignal): Promise<HttpResult> {
    const { v2BaseUrl, deadlineMs } = this.settings;
    const base = request.api === 'v1' ? this.#baseUrls[used % this.#baseUrls.length]! : v2BaseUrl;
    return this.context.egress.call(base.replace(/\/+$/, '') + request.path, {
      method: request.method,
      headers: { ...this.#credentials(), 'Content-Type': CONTENT_TYPES[request.api] },
      body: request.body,
      deadlineMs,
      signal,
    });
  }

  #credentials(): Record<string, string> {
    const { appKey, appSecret } = this.settings;
    const nonce = randomBytes(16).toString('hex');
    const curTime = String(Math.floor(this.context.now().getTime() / 1000));
    return { AppKey: appKey, Nonce: nonce, CurTime: curTime, CheckSum: checkSum(appSecret, nonce, curTime) };
  }

  /** The next call goes to the next address, unless another one has left this one already. */
  #leave({ api }: NimRequest, used: number): void {
    if (api === 'v1' && this.#current === used) this.#current = used + 1;
  }

  #ahead({ headers }: HttpResult): number | undefined {
    const theirs = Date.parse(headers.get('date') ?? '');
    return Number.isNaN(theirs) ? undefined : this.context.now().getTime() - theirs;
  }
}

function clockFault(aheadMs: number): SendFailure {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const detail = `our clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} NIM's`;
  return { kind: 'misconfigured', reason: 'clock.skewed', vendorCode: BAD_REQUEST, detail };
}
