import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { NimApp } from '../senders/nim.js';
import type { NimRefusal } from './script.js';

export interface GateRules {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** `sendMsg` calls a second before 416. */
  readonly ratePerSecond: number;
  readonly refuseReusedNonces: boolean;
}

/** Seconds around the server's time that a CheckSum is good for. */
const WINDOW = 300;
const MAX_NONCE = 128;
/** Milliseconds that an app is blocked for after it was too fast. */
const PENALTY_MS = 10_000;
type Credentials = [appkey: string, nonce: string, curtime: string, checksum: string];
const NAMES = ['appkey', 'nonce', 'curtime', 'checksum'];
const BAD_HEADER: NimRefusal = { code: 414, desc: 'bad http header' };

/** What every call has to pass: credentials, then the rate. */
export class Gatekeeper {
  readonly #nonces = new Set<string>();
  #sent: number[] = [];
  #blockedUntil = 0;

  constructor(
    private readonly app: NimApp,
    private readonly rules: GateRules,
  ) {}

  credentialFault(headers: IncomingHttpHeaders): NimRefusal | undefined {
    const [appkey, nonce, curtime, checksum] = NAMES.map((name) => String(headers[name] ?? '')) as Credentials;
    if (appkey !== this.app.appKey || nonce === '' || nonce.length > MAX_NONCE) return BAD_HEADER;
    const age = Math.abs(this.rules.now() / 1000 - Number(curtime));
    if (!/^\d{1,15}$/.test(curtime) || age > WINDOW) return BAD_HEADER;
    if (!same(checksum, sha1(this.app.appSecret + nonce + curtime))) return BAD_HEADER;
    return this.#reuseFault(nonce);
  }

  /** Counts a `sendMsg`. */
  rateFault(): NimRefusal | undefined {
    const now = this.rules.now();
    if (now >= this.#blockedUntil) {
      this.#sent = [...this.#sent.filter((at) => at > now - 1000), now];
      if (this.#sent.length <= this.rules.ratePerSecond) return undefined;
      this.#blockedUntil = now + PENALTY_MS;
    }
    return { code: 416, desc: 'rate limit' };
  }

  reset(): void {
    this.#nonces.clear();
    this.#sent = [];
    this.#blockedUntil = 0;
  }

  #reuseFault(nonce: string): NimRefusal | undefined {
    if (!this.rules.refuseReusedNonces) return undefined;
    if (this.#nonces.has(nonce)) return { code: 431, desc: 'duplicate request' };
    this.#nonces.add(nonce);
    return undefined;
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
