import { isRecord, parseJson, retryAfterMs, type SendOutcome } from '@bellhop/contracts';
import { sign } from 'node:crypto';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { outcomeOfAbort } from './fcm.outcomes.js';
import type { ServiceAccount } from './fcm.service-account.js';

export interface OAuthSettings {
  readonly tokenUrl: string;
  /** PEM, trusted instead of the public authorities. */
  readonly certificateAuthority?: string;
  /** Milliseconds for one exchange. */
  readonly deadlineMs: number;
}

/** An access token, or why there is none. */
export type Access =
  { readonly ok: true; readonly token: string } | { readonly ok: false; readonly outcome: SendOutcome };

interface Cached {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
  readonly goodUntil: number;
}

interface TokenAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Of the server's `Date` header. */
  readonly date: string | undefined;
  readonly body: Record<string, unknown>;
}

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const OAUTH_CODE = /^[a-z_]{1,64}$/;
/** Seconds an assertion may live. */
const ASSERTION_LIFETIME = 3600;
/** A token is not used during its last five minutes. */
const MARGIN_MS = 5 * 60_000;
/** Differences below are a slow network, not a wrong clock. */
const NOTABLE_SKEW_S = 60;

/**
 * Access tokens for one service account, fetched when needed and shared by all calls.
 * Source: "Using OAuth 2.0 for server to server applications", developers.google.com.
 */
export class FcmCredential {
  #cached: Cached | undefined;
  #pending: Promise<Access> | undefined;

  constructor(
    private readonly account: ServiceAccount,
    private readonly settings: OAuthSettings,
    private readonly now: () => number = Date.now,
  ) {}

  /** A token that is good for some minutes; one exchange serves everybody who waits for it. */
  async access(signal: AbortSignal): Promise<Access> {
    if (signal.aborted) return given(signal);
    if (this.#cached && this.now() < this.#cached.goodUntil) return { ok: true, token: this.#cached.token };
    this.#pending ??= this.#fetch().finally(() => (this.#pending = undefined));
    return orAborted(this.#pending, signal);
  }

  /** Forgets a token that a call begun at `since` found to be refused; one fetched later is kept. */
  renew(since: number): void {
    if (this.#cached && this.#cached.fetchedAt <= since) this.#cached = undefined;
  }

  async #fetch(): Promise<Access> {
    const fetchedAt = this.now();
    try {
      const answer = await this.#exchange(fetchedAt);
      return answer.status === 200 ? this.#keep(answer, fetchedAt) : failed(outcomeOfRefusal(answer, this.now()));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      return failed({ kind: 'transient', reason: 'oauth.unreachable', vendorCode: code });
    }
  }

  #keep({ body }: TokenAnswer, fetchedAt: number): Access {
    const { access_token: token, expires_in: seconds } = body;
    if (typeof token !== 'string' || typeof seconds !== 'number') {
      return failed({ kind: 'transient', reason: 'oauth.unreadable_answer', vendorCode: 'HTTP 200' });
    }
    this.#cached = { token, fetchedAt, goodUntil: fetchedAt + seconds * 1000 - MARGIN_MS };
    return { ok: true, token };
  }

  #exchange(now: number): Promise<TokenAnswer> {
    const assertion = signAssertion(this.account, this.settings.tokenUrl, Math.floor(now / 1000));
    return postForm(this.settings, new URLSearchParams({ grant_type: GRANT, assertion }).toString());
  }
}

/** RS256 JWT. @param iat seconds since 1970. */
function signAssertion({ clientEmail, keyId, privateKey }: ServiceAccount, aud: string, iat: number): string {
  const head = { alg: 'RS256', typ: 'JWT', kid: keyId };
  const claims = { iss: clientEmail, scope: SCOPE, aud, iat, exp: iat + ASSERTION_LIFETIME };
  const signed = `${encode(head)}.${encode(claims)}`;
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** `fetch` cannot be given an authority, hence node:https; one call an hour needs no kept connection. */
async function postForm(settings: OAuthSettings, form: string): Promise<TokenAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(settings.tokenUrl, {
      method: 'POST',
      agent: false,
      ca: settings.certificateAuthority,
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(form) },
      signal: AbortSignal.timeout(settings.deadlineMs),
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const { date, 'retry-after': retryAfter } = response.headers;
      const status = response.statusCode ?? 0;
      text(response).then((words) => resolve({ status, retryAfter, date, body: parse(words) }), reject);
    });
    call.end(form);
  });
}

function parse(words: string): Record<string, unknown> {
  const value = parseJson(words);
  return isRecord(value) ? value : {};
}

function outcomeOfRefusal({ status, retryAfter, date, body }: TokenAnswer, now: number): SendOutcome {
  const { error } = body;
  const vendorCode = typeof error === 'string' && OAUTH_CODE.test(error) ? error : `HTTP ${status}`;
  if (status >= 500 || status === 429) {
    const wait = retryAfterMs(retryAfter, new Date(now));
    return {
      kind: 'transient',
      reason: 'oauth.unavailable',
      vendorCode,
      ...(wait !== undefined && { retryAfterMs: wait }),
    };
  }
  const detail = vendorCode === 'invalid_grant' ? clockHint(date, now) : undefined;
  const field = 'serviceAccount';
  return { kind: 'misconfigured', reason: 'credentials.refused', field, vendorCode, ...(detail && { detail }) };
}

/** Google answers `invalid_grant` to a deleted key and to a wrong clock alike. */
function clockHint(date: string | undefined, now: number): string {
  const skew = Math.round((now - Date.parse(date ?? '')) / 1000);
  if (Number.isNaN(skew)) return 'the key was deleted, or the clock of this server is wrong';
  if (Math.abs(skew) < NOTABLE_SKEW_S) return 'the key was deleted or its account disabled; the clock is right';
  return `the clock of this server is ${Math.abs(skew)} s ${skew > 0 ? 'ahead' : 'behind'}`;
}

function failed(outcome: SendOutcome): Access {
  return { ok: false, outcome };
}

function given(signal: AbortSignal): Access {
  return failed(outcomeOfAbort(signal.reason, false));
}

async function orAborted(pending: Promise<Access>, signal: AbortSignal): Promise<Access> {
  const { promise, resolve } = Promise.withResolvers<Access>();
  const giveUp = () => resolve(given(signal));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([pending, promise]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
