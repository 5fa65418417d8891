import { type ChannelContext, outcomeOfError, type SendFailure } from '@bellhop/contracts';
import { signEchat } from './echat.crypto.js';
import type { VisitorKind } from './echat.inputs.js';
import type { EchatConfig } from './echat.manifest.js';
import { type EchatReply, readReply } from './echat.outcomes.js';

/** One call; all of them read. */
export interface EchatCall {
  readonly url: string;
  readonly deadlineMs: number;
  /** See {@link readReply}. */
  readonly refusal: SendFailure;
  readonly secrets: readonly string[];
}

/** Settings that an access token needs. */
export interface TokenAccess {
  readonly apiServer: string;
  readonly appId: string;
  readonly token: string;
}

/** Where an access token is fetched. Source: https://wiki.echatsoft.com/rel/weixin-accessToken.html. */
export function tokenAddress({ apiServer, appId, token }: TokenAccess, timestamp: string, nonce: string): string {
  const query = new URLSearchParams({ timestamp, nonce, signature: signEchat(token, timestamp, nonce) });
  return `${new URL(apiServer).origin}/getToken/${encodeURIComponent(appId)}?${query.toString()}`;
}

/** Where the unread messages of a visitor are counted. Source: the vendor's JavaScript SDK, EChatUtils. */
export function unreadAddress(
  apiServer: string,
  companyId: string,
  visitor: Readonly<Partial<Record<Exclude<VisitorKind, 'uid'>, string>>>,
): string {
  const query = new URLSearchParams({ companyId, ...visitor });
  return `${new URL(apiServer).origin}/getVisitorUnReadMsgCount/1.1?${query.toString()}`;
}

export function missing(field: keyof EchatConfig): SendFailure {
  return { kind: 'misconfigured', reason: 'config.incomplete', field };
}

/** Echat's open API. Nothing is tried twice here. */
export class EchatApi {
  constructor(private readonly context: Pick<ChannelContext, 'now' | 'egress'>) {}

  async get({ url, deadlineMs, refusal, secrets }: EchatCall, signal: AbortSignal): Promise<EchatReply> {
    if (signal.aborted) return { ok: false, outcome: { kind: 'transient', reason: 'call.aborted' } };
    try {
      const { status, headers, body } = await this.context.egress.call(url, { deadlineMs, signal });
      const facts = { refusal, secrets, now: this.context.now() };
      return readReply({ status, body, retryAfter: headers.get('retry-after') }, facts);
    } catch (error) {
      return { ok: false, outcome: outcomeOfSilence(error) };
    }
  }
}

/** Of a call that brought no answer. Reading twice does no harm, so it counts as not done. */
function outcomeOfSilence(error: unknown): SendFailure {
  const outcome = outcomeOfError(error, 'apiServer');
  return outcome.kind === 'unknown' ? { ...outcome, kind: 'transient' } : outcome;
}
