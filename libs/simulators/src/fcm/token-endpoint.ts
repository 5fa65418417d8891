import { randomUUID, verify } from 'node:crypto';
import type { Ledger } from './ledger.js';
import type { KnownAccount } from './service-account.js';
import type { ReadStep } from './script.js';
import { type Answer, json, type Reply, type Word } from './vocabulary.js';

/**
 * The words of `POST /token`, for `scriptOAuth`: `granted`, `expires<seconds>`, `invalidgrant`, `denied` (403),
 * `unavailable<Retry-After>` (503), `html` (502), `malformed` (200 without a token), and the faults `silent`, `fin`, `rst`.
 */
const WORDS = new Set([
  'granted',
  'expires',
  'invalidgrant',
  'denied',
  'unavailable',
  'html',
  'malformed',
  'silent',
  'fin',
  'rst',
]);

export const isTokenWord = (word: string): boolean => WORDS.has(word);

const GRANTED: Word = { word: 'granted', number: undefined };

/** Seconds an access token lives, as Google's do. */
const LIFETIME = 3599;
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const GOOGLE = 'https://oauth2.googleapis.com/token';
const SCOPES = /(^| )https:\/\/www\.googleapis\.com\/auth\/(firebase\.messaging|cloud-platform)( |$)/;
/** Seconds that the client's clock may differ. */
const TOLERANCE = 300;

interface Head {
  readonly alg: string;
  readonly kid?: string;
}

interface Claims {
  readonly iss: string;
  readonly aud: string;
  readonly scope: string;
  readonly iat: number;
  readonly exp: number;
}

/** The OAuth half of the simulator: assertions in, access tokens out. */
export class TokenEndpoint {
  readonly #grants = new Map<string, { readonly project: string; readonly expiresAt: number }>();

  constructor(
    private readonly accounts: ReadonlyMap<string, KnownAccount>,
    private readonly now: () => number,
    private readonly ownUrl: () => string,
    private readonly ledger: Ledger,
  ) {}

  /** @param step what a script prescribes. */
  reply(form: string, step: ReadStep | undefined): Reply {
    if (step && 'status' in step) return step;
    const { word, number } = step ?? GRANTED;
    switch (word) {
      case 'silent':
      case 'fin':
      case 'rst':
        return { fault: word };
      case 'invalidgrant':
        return invalidGrant('Invalid JWT Signature.');
      case 'denied':
        return json(403, { error: 'access_denied', error_description: 'Account restricted' });
      case 'unavailable':
        return unavailable(number);
      case 'html':
        return { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' };
      case 'malformed':
        return json(200, { token_type: 'Bearer' });
      default:
        return this.#exchange(new URLSearchParams(form), number ?? LIFETIME);
    }
  }

  /** The project that a bearer may send for; undefined: unknown or expired. */
  projectOf(authorization: string): string | undefined {
    const grant = this.#grants.get(authorization.replace(/^Bearer /i, ''));
    return grant && grant.expiresAt > this.now() ? grant.project : undefined;
  }

  /** Every access token handed out so far becomes unknown. */
  revoke(): void {
    this.#grants.clear();
  }

  #exchange(form: URLSearchParams, lifetime: number): Answer {
    if (form.get('grant_type') !== GRANT) return json(400, { error: 'unsupported_grant_type' });
    const proof = this.#prove(form.get('assertion') ?? '');
    return typeof proof === 'string' ? invalidGrant(proof) : this.#grant(proof, lifetime);
  }

  #grant(account: KnownAccount, lifetime: number): Answer {
    this.ledger.tokensIssued++;
    const token = `ya29.${randomUUID()}${randomUUID()}`;
    this.#grants.set(token, { project: account.projectId, expiresAt: this.now() + lifetime * 1000 });
    return json(200, { access_token: token, expires_in: lifetime, token_type: 'Bearer' });
  }

  /** The account that signed, or what is wrong with the assertion. */
  #prove(assertion: string): KnownAccount | string {
    const [head = '', body = '', signature = ''] = assertion.split('.');
    const claims = decode(body) as Claims | undefined;
    const header = decode(head) as Head | undefined;
    const account = this.accounts.get(claims?.iss ?? '');
    if (!claims || !account) return 'Invalid grant: account not found';
    if (header?.alg !== 'RS256' || (header.kid ?? account.keyId) !== account.keyId) return 'Invalid JWT Signature.';
    const signed = Buffer.from(`${head}.${body}`);
    if (!verify('RSA-SHA256', signed, account.publicKey, Buffer.from(signature, 'base64url'))) {
      return 'Invalid JWT Signature.';
    }
    return this.#faultOf(claims) ?? account;
  }

  #faultOf({ aud, scope, iat, exp }: Claims): string | undefined {
    const now = this.now() / 1000;
    if (aud !== GOOGLE && aud !== this.ownUrl()) return 'Invalid JWT: Failed audience check.';
    if (!SCOPES.test(scope)) return 'Invalid OAuth scope or ID token audience provided.';
    if (Math.abs(now - iat) > TOLERANCE || exp - iat > 3600 || exp < now) {
      return 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.';
    }
    return undefined;
  }
}

function invalidGrant(description: string): Answer {
  return json(400, { error: 'invalid_grant', error_description: description });
}

function unavailable(retryAfter: number | undefined): Answer {
  const answer = json(503, { error: 'internal_failure' });
  if (retryAfter === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfter) } };
}

function decode(part: string): object | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as object;
  } catch {
    return undefined;
  }
}
