import {
  type ActionResult,
  CHANNEL_CLOSED,
  type ChannelClient,
  type ChannelContext,
  type CheckResult,
  failedCheck,
  OpenCalls,
} from '@bellhop/contracts';
import { AccessTokens } from './echat.access-token.js';
import { EchatActions } from './echat.actions.js';
import { EchatApi } from './echat.api.js';
import type { MetaDataInput, PushInfoInput, UnreadCountInput, VerifyPushInfoInput } from './echat.inputs.js';
import type { EchatConfig } from './echat.manifest.js';

/** A visitor whom nobody is. */
const PROBE = { visitorId: 'bellhop-connection-test' };

/** One Echat account, opened. It holds no connection of its own. */
export class EchatClient implements ChannelClient {
  readonly actions = {
    'push-info': (input: object) => this.#act(() => this.#actions.pushInfo(input as PushInfoInput)),
    'verify-push-info': (input: object) => this.#act(() => this.#actions.verifyPushInfo(input as VerifyPushInfoInput)),
    'meta-data': (input: object) => this.#act(() => this.#actions.metaData(input as MetaDataInput)),
    'unread-count': (input: object, signal: AbortSignal) =>
      this.#act(() => this.#actions.unreadCount(input as UnreadCountInput, signal)),
    'access-token': (input: object, signal: AbortSignal) => this.#act(() => this.#actions.accessToken(input, signal)),
    'access-token-status': (_input: object, signal: AbortSignal) =>
      this.#act(() => this.#actions.accessTokenStatus(signal)),
  };
  readonly #tokens: AccessTokens;
  readonly #actions: EchatActions;
  readonly #calls = new OpenCalls();

  constructor(
    private readonly config: EchatConfig,
    context: ChannelContext,
  ) {
    const api = new EchatApi(context);
    this.#tokens = new AccessTokens(api, config, context);
    this.#actions = new EchatActions(api, this.#tokens, config, context);
  }

  check(signal: AbortSignal): Promise<CheckResult> {
    return this.#calls.check(() => this.#check(signal));
  }

  close(): Promise<void> {
    return this.#calls.close();
  }

  /** Whether Echat answers at all, and with access tokens also whether it knows us: nothing else asks for credentials. */
  async #check(signal: AbortSignal): Promise<CheckResult> {
    const token = this.config.accessTokens ? await this.#tokens.take(signal) : undefined;
    if (token && 'kind' in token) return failedCheck(token);
    const [companyId = '0'] = this.config.allowedCompanyIds;
    const reply = await this.#actions.askUnread(companyId, PROBE, signal);
    // Unverified: what Echat says of a visitor whom it does not know. Any answer of its own proves that it is there.
    if (!reply.ok && reply.outcome.reason !== 'gateway.refused') return failedCheck(reply.outcome);
    if (!token) return { ok: true, detail: 'Echat answers. Without access tokens the credentials are not tested.' };
    return { ok: true, detail: `Echat answers. The access token is good until ${token.expiresAt.toISOString()}.` };
  }

  #act(work: () => Promise<ActionResult>): Promise<ActionResult> {
    return this.#calls.run(work, { ok: false, outcome: CHANNEL_CLOSED });
  }
}
