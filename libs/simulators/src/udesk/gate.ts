import { createHash } from 'node:crypto';
import type { PlainAnswer, PlainRequest } from '../plain-endpoint.js';
import { BAD_SIGNATURE, TOO_MANY } from './answers.js';

export interface UdeskAccount {
  readonly email: string;
  readonly apiToken: string;
}

export interface GateOptions {
  readonly account: UdeskAccount;
  /** Over all APIs, within any 60 seconds. */
  readonly callsPerMinute: number;
  readonly signVersion: 'v1' | 'v2';
  readonly now: () => number;
}

const MINUTE = 60_000;
/** How long a nonce is remembered, and how far a timestamp may be off. */
const MEMORY = 15 * MINUTE;

/** What every call has to pass: signature, nonce, limit. */
export class Gate {
  /** Nonce → when it was used. */
  readonly #nonces = new Map<string, number>();
  #calls: number[] = [];

  constructor(private readonly options: GateOptions) {}

  /** Undefined: the call may go on. */
  refuse({ query }: PlainRequest): PlainAnswer | undefined {
    if (!this.#isSigned(query)) return BAD_SIGNATURE;
    if (this.options.signVersion === 'v2' && this.#isUsed(query.nonce ?? '')) return BAD_SIGNATURE;
    return this.#isTooMany() ? TOO_MANY : undefined;
  }

  reset(): void {
    this.#nonces.clear();
    this.#calls = [];
  }

  #isSigned({ email, timestamp = '', nonce = '', sign, sign_version }: PlainRequest['query']): boolean {
    const { account, signVersion, now } = this.options;
    const skew = Math.abs(now() - Number(timestamp) * 1000);
    if (email !== account.email || !(skew <= MEMORY)) return false;
    const head = `${email}&${account.apiToken}&${timestamp}`;
    if (signVersion === 'v1') return sign === digest('sha1', head);
    return sign_version === 'v2' && nonce !== '' && sign === digest('sha256', `${head}&${nonce}&v2`);
  }

  #isUsed(nonce: string): boolean {
    const now = this.options.now();
    const usedAt = this.#nonces.get(nonce);
    this.#nonces.set(nonce, now);
    return usedAt !== undefined && now - usedAt < MEMORY;
  }

  #isTooMany(): boolean {
    const now = this.options.now();
    this.#calls = this.#calls.filter((at) => now - at < MINUTE);
    if (this.#calls.length >= this.options.callsPerMinute) return true;
    this.#calls.push(now);
    return false;
  }
}

function digest(algorithm: 'sha1' | 'sha256', text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}
