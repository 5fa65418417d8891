import {
  type ChannelContext,
  EgressRefusedError,
  HttpFailure,
  type HttpResult,
  outcomeOfError,
  type SendOutcome,
  sha1Hex,
} from '@bellhop/contracts';
import { randomInt } from 'node:crypto';
import { Endpoints } from './rongcloud.endpoints.js';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import { type CallKind, outcomeOf } from './rongcloud.outcomes.js';

export interface ServerCall {
  readonly kind: CallKind;
  /** `/push.json` */
  readonly path: string;
  readonly contentType: 'application/json' | 'application/x-www-form-urlencoded';
  readonly body: string;
  /** At most 36 characters; RongCloud's support finds the call by it. */
  readonly requestId: string;
}

export const ABORTED = { kind: 'transient', reason: 'send.aborted' } as const;

/** The headers that prove who calls. @param nonce fresh for each call. Source: "API 调用签名". */
export function signedHeaders(
  { appKey, appSecret }: Pick<RongCloudConfig, 'appKey' | 'appSecret'>,
  nonce: string,
  now: Date,
): Record<string, string> {
  const timestamp = String(now.getTime());
  return {
    'App-Key': appKey,
    Nonce: nonce,
    Timestamp: timestamp,
    Signature: sha1Hex(appSecret, nonce, timestamp),
  };
}

/** Of a call that brought no answer. */
type Silence = HttpFailure | EgressRefusedError;

/** RongCloud's Server API, at whichever address answers. */
export class RongCloudServer {
  private readonly endpoints: Endpoints;

  constructor(
    private readonly config: RongCloudConfig,
    private readonly context: ChannelContext,
  ) {
    // A backup that may not be called would only turn an outage into a fault of the settings.
    const allowed = config.baseUrls.filter((url) => context.egress.refusal(url) === undefined);
    this.endpoints = new Endpoints(allowed.length > 0 ? allowed : config.baseUrls, () => context.now());
  }

  /**
   * One call, and for tags once more at the next address. A push is never repeated, whatever became of it: RongCloud
   * has nothing to recognise it by, and nobody wants everyone told twice.
   */
  async call(call: ServerCall, signal: AbortSignal): Promise<SendOutcome> {
    if (signal.aborted) return ABORTED;
    const address = this.endpoints.current;
    const first = await this.attempt(address, call, signal);
    if (!hasFailed(first) || signal.aborted) return this.judge(first, call, signal);
    const moved = this.endpoints.leave(address);
    const isFinal = !moved || call.kind === 'push';
    return this.judge(isFinal ? first : await this.attempt(this.endpoints.current, call, signal), call, signal);
  }

  private async attempt(address: string, call: ServerCall, signal: AbortSignal): Promise<HttpResult | Silence> {
    const nonce = String(randomInt(100_000_000, 2 ** 47));
    const headers = {
      ...signedHeaders(this.config, nonce, this.context.now()),
      'Content-Type': call.contentType,
      'X-Request-ID': call.requestId,
      // The vendor advises against kept connections; one that it has just closed would leave a push's fate unknown.
      Connection: 'close',
    };
    const { deadlineMs } = this.config;
    try {
      return await this.context.egress.call(address.replace(/\/$/, '') + call.path, {
        method: 'POST',
        headers,
        body: call.body,
        deadlineMs,
        signal,
      });
    } catch (error) {
      if (error instanceof HttpFailure || error instanceof EgressRefusedError) return error;
      throw error;
    }
  }

  private judge(result: HttpResult | Silence, { kind }: ServerCall, signal: AbortSignal): SendOutcome {
    if (!(result instanceof Error)) {
      return outcomeOf(result, { kind, now: this.context.now(), secrets: [this.config.appSecret] });
    }
    const outcome = outcomeOfError(result, 'baseUrls');
    if (outcome.kind !== 'unknown') return outcome;
    const reason = signal.aborted ? ABORTED.reason : outcome.reason;
    return { ...outcome, reason, kind: kind === 'push' ? 'unknown' : 'transient' };
  }
}

/** No answer, or one that blames the server. */
function hasFailed(result: HttpResult | Silence): boolean {
  return result instanceof Error ? result instanceof HttpFailure : result.status >= 500;
}
