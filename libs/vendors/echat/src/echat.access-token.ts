import { type ChannelContext, type SendFailure, sha256Hex, textOf } from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import { type EchatApi, missing, type TokenAccess, tokenAddress } from './echat.api.js';
import { signEchat } from './echat.crypto.js';
import type { EchatConfig } from './echat.manifest.js';
import { UNKNOWN_ANSWER } from './echat.outcomes.js';

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** Seconds, where the answer does not say. */
const LIFETIME_S = 7200;
/** For so long an older token stays good beside its successor, so a token is replaced so long before its end. */
const OVERLAP_MS = 5 * 60_000;
const DEADLINE_MS = 10_000;
const OFF: SendFailure = { kind: 'misconfigured', reason: 'access_token.off', field: 'accessTokens' };
/** The token, the App ID, or an address of ours that is not on Echat's list: the codes are not public. */
const REFUSED: SendFailure = { kind: 'misconfigured', reason: 'credentials.refused', field: 'token' };

/** A failure on its way through {@link SharedState.cached}, which keeps what does not throw. */
class TokenFailure extends Error {
  constructor(readonly outcome: SendFailure) {
    super(outcome.reason);
  }
}

/**
 * The access token of an Echat account. A new one ends the one before, so exactly one process fetches and all share
 * what it got; that is what the vendor asks for, too.
 */
export class AccessTokens {
  constructor(
    private readonly api: EchatApi,
    private readonly config: EchatConfig,
    private readonly context: Pick<ChannelContext, 'now' | 'shared'>,
  ) {}

  /** @param refused a token that Echat refused; it is replaced unless somebody has done so meanwhile. */
  async take(signal: AbortSignal, refused?: string): Promise<AccessToken | SendFailure> {
    const { accessTokens, apiServer, appId, token } = this.config;
    if (!accessTokens) return OFF;
    if (!appId) return missing('appId');
    try {
      return await this.#shared({ apiServer, appId, token }, signal, refused);
    } catch (error) {
      if (error instanceof TokenFailure) return error.outcome;
      throw error;
    }
  }

  async #shared(access: TokenAccess, signal: AbortSignal, refused: string | undefined): Promise<AccessToken> {
    const { shared } = this.context;
    // Other settings are another account: its token is not ours.
    const key = `access-token:${sha256Hex(JSON.stringify([access.apiServer, access.appId, access.token]))}`;
    const fetch = () => this.#fetch(access, signal);
    const kept = await shared.cached(key, fetch);
    if (refused === undefined || read(kept).token !== refused) return read(kept);
    return read(await shared.cached(key, fetch, { stale: kept }));
  }

  /** @throws {TokenFailure} */
  async #fetch(access: TokenAccess, signal: AbortSignal): Promise<{ value: string; expiresAt: Date }> {
    const now = this.context.now().getTime();
    const [timestamp, nonce] = [String(now), randomUUID()];
    const call = {
      url: tokenAddress(access, timestamp, nonce),
      deadlineMs: DEADLINE_MS,
      refusal: REFUSED,
      secrets: [access.token, signEchat(access.token, timestamp, nonce)],
    };
    const reply = await this.api.get(call, signal);
    if (!reply.ok) throw new TokenFailure(reply.outcome);
    const token = textOf(reply.fields.accessToken);
    if (!token) throw new TokenFailure(UNKNOWN_ANSWER);
    const lifetimeMs = (Number(textOf(reply.fields.expire_in)) || LIFETIME_S) * 1000;
    return {
      value: JSON.stringify([token, now + lifetimeMs]),
      expiresAt: new Date(now + Math.max(lifetimeMs - OVERLAP_MS, lifetimeMs / 2)),
    };
  }
}

function read(value: string): AccessToken {
  const [token, expiresAt] = JSON.parse(value) as [token: string, expiresAt: number];
  return { token, expiresAt: new Date(expiresAt) };
}
