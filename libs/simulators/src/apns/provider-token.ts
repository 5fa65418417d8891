import { createPublicKey, generateKeyPairSync, randomBytes, verify, type KeyObject } from 'node:crypto';
import type { ApnsReason } from './behaviour.js';

/** What an operator would download from Apple, and what a simulator knows of it. */
export interface ApnsCredentials {
  /** Ten characters. */
  readonly keyId: string;
  /** Ten characters. */
  readonly teamId: string;
  /** PKCS #8 PEM of a P-256 key. */
  readonly p8: string;
}

/** Fresh credentials; nobody else has them. */
export function apnsTestCredentials(): ApnsCredentials {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    keyId: identifier(),
    teamId: identifier(),
    p8: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function identifier(): string {
  return randomBytes(5).toString('hex').toUpperCase();
}

/** Seconds that a provider token is good for. */
const LIFETIME = 3600;

interface Judged {
  /** Seconds since 1970; undefined: the token is not ours. */
  readonly issuedAt?: number;
}

/** Checks `authorization` headers. A signature is verified once per distinct header. */
export class ProviderTokens {
  private readonly judged = new Map<string, Judged>();
  private readonly key: KeyObject;

  constructor(
    private readonly credentials: ApnsCredentials,
    private readonly now: () => number,
  ) {
    this.key = createPublicKey(credentials.p8);
  }

  /** Distinct headers seen. */
  get count(): number {
    return this.judged.size;
  }

  /** Why a request is refused, or undefined. */
  refusal(authorization: string | undefined): ApnsReason | undefined {
    if (!authorization) return 'MissingProviderToken';
    const { issuedAt } = this.judge(authorization);
    if (issuedAt === undefined) return 'InvalidProviderToken';
    return Math.abs(this.now() / 1000 - issuedAt) > LIFETIME ? 'ExpiredProviderToken' : undefined;
  }

  reset(): void {
    this.judged.clear();
  }

  private judge(authorization: string): Judged {
    let verdict = this.judged.get(authorization);
    if (!verdict) {
      verdict = { issuedAt: this.issuedAt(authorization) };
      this.judged.set(authorization, verdict);
    }
    return verdict;
  }

  private issuedAt(authorization: string): number | undefined {
    const [scheme, jwt = ''] = authorization.split(' ');
    const [head = '', body = '', signature = ''] = jwt.split('.');
    const signed = Buffer.from(signature, 'base64url');
    const key = { key: this.key, dsaEncoding: 'ieee-p1363' } as const;
    if (scheme?.toLowerCase() !== 'bearer' || !verify('sha256', Buffer.from(`${head}.${body}`), key, signed))
      return undefined;
    const header = decode(head);
    const claims = decode(body);
    const ours =
      header.alg === 'ES256' && header.kid === this.credentials.keyId && claims.iss === this.credentials.teamId;
    return ours && typeof claims.iat === 'number' ? claims.iat : undefined;
  }
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
}
