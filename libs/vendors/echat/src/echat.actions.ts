import type { ActionResult, ChannelContext, SendFailure } from '@bellhop/contracts';
import type { AccessToken, AccessTokens } from './echat.access-token.js';
import { type EchatApi, missing, unreadAddress } from './echat.api.js';
import { issuePushInfo, openPushInfo } from './echat.crypto.js';
import type {
  AccessTokenInput,
  MetaDataInput,
  PushInfoInput,
  UnreadCountInput,
  VerifyPushInfoInput,
} from './echat.inputs.js';
import type { EchatConfig } from './echat.manifest.js';
import { issueMetaData } from './echat.meta-data.js';
import { type EchatReply, readUnread, UNKNOWN_ANSWER } from './echat.outcomes.js';

/** Two calls a second: the real limit is not public. */
const SLOT = { bucket: 'unread-count', everyMs: 500 } as const;
/** A count is a courtesy; the callback brings one of its own. */
const DEADLINE_MS = 2000;
const REFUSED: SendFailure = { kind: 'rejected', reason: 'gateway.refused' };

const failed = (outcome: SendFailure): ActionResult => ({ ok: false, outcome });

/** What Echat offers besides its callbacks. */
export class EchatActions {
  constructor(
    private readonly api: EchatApi,
    private readonly tokens: AccessTokens,
    private readonly config: EchatConfig,
    private readonly context: Pick<ChannelContext, 'integrationId' | 'shared'>,
  ) {}

  async pushInfo({ userId }: PushInfoInput): Promise<ActionResult> {
    const { pushInfoKey } = this.config;
    if (!pushInfoKey) return failed(missing('pushInfoKey'));
    const pushInfo = issuePushInfo(pushInfoKey, this.context.integrationId, userId);
    return { ok: true, data: { pushInfo, encoded: encodeURIComponent(pushInfo) } };
  }

  async verifyPushInfo({ pushInfo }: VerifyPushInfoInput): Promise<ActionResult> {
    const { pushInfoKey } = this.config;
    if (!pushInfoKey) return failed(missing('pushInfoKey'));
    const userId = openPushInfo(pushInfoKey, this.context.integrationId, pushInfo);
    const untrusted = { trusted: false, code: 'echat.push_info_untrusted' };
    return { ok: true, data: userId === undefined ? untrusted : { trusted: true, userId } };
  }

  async metaData({ uid, fields }: MetaDataInput): Promise<ActionResult> {
    const metaData = this.#metaData(uid, fields);
    if (typeof metaData !== 'string') return failed(metaData);
    return { ok: true, data: { metaData, encoded: encodeURIComponent(metaData) } };
  }

  async unreadCount(input: UnreadCountInput, signal: AbortSignal): Promise<ActionResult> {
    const companyId = input.companyId ?? this.#onlyCompany();
    if (!companyId) return failed(missing('allowedCompanyIds'));
    const { kind, visitor } = input;
    const metaData = kind === 'uid' ? this.#metaData(visitor) : visitor;
    if (typeof metaData !== 'string') return failed(metaData);
    const reply = await this.askUnread(companyId, { [kind === 'uid' ? 'metaData' : kind]: metaData }, signal);
    if (!reply.ok) return reply;
    const count = readUnread(reply.fields);
    return count ? { ok: true, data: { ...count } } : failed(UNKNOWN_ANSWER);
  }

  async accessToken({ refused }: AccessTokenInput, signal: AbortSignal): Promise<ActionResult> {
    return tokenResult(await this.tokens.take(signal, refused), ({ token }) => ({ accessToken: token }));
  }

  async accessTokenStatus(signal: AbortSignal): Promise<ActionResult> {
    return tokenResult(await this.tokens.take(signal), () => ({}));
  }

  /** Takes one of the slots that all processes share. */
  async askUnread(
    companyId: string,
    visitor: Parameters<typeof unreadAddress>[2],
    signal: AbortSignal,
  ): Promise<EchatReply> {
    const url = unreadAddress(this.config.apiServer, companyId, visitor);
    const waitMs = signal.aborted ? 0 : await this.context.shared.takeSlot(SLOT.bucket, SLOT.everyMs);
    if (waitMs === 0) return this.api.get({ url, deadlineMs: DEADLINE_MS, refusal: REFUSED, secrets: [] }, signal);
    return {
      ok: false,
      outcome: { kind: 'throttled', reason: 'rate.no_slot', scope: 'channel', retryAfterMs: waitMs },
    };
  }

  #metaData(uid: string, fields?: Readonly<Record<string, string>>): string | SendFailure {
    const { encodingAesKey, appId } = this.config;
    if (!appId) return missing('appId');
    if (!encodingAesKey) return missing('encodingAesKey');
    return issueMetaData({ encodingAesKey, appId }, uid, fields);
  }

  #onlyCompany(): string | undefined {
    const [only, ...others] = this.config.allowedCompanyIds;
    return others.length === 0 ? only : undefined;
  }
}

function tokenResult(
  taken: AccessToken | SendFailure,
  more: (token: AccessToken) => Readonly<Record<string, unknown>>,
): ActionResult {
  if ('kind' in taken) return failed(taken);
  return { ok: true, data: { ...more(taken), expiresAt: taken.expiresAt.toISOString() } };
}
