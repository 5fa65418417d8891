import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RongCloudApp } from '../senders/rongcloud.js';
import { PARAMETER, Refused } from './fields.js';

const SIGNATURE_ERROR = 1004;
const MAX_NONCE = 64;
const MAX_REQUEST_ID = 36;

export interface GateOptions extends RongCloudApp {
  /** Refuses a nonce that was used before. The real service cannot: the vendor's Node SDK keeps one for its whole life. */
  readonly strictNonce: boolean;
}

/** Proves who calls: SHA-1 of App Secret, nonce and timestamp in a row. Source: "API 调用签名". */
export class Gate {
  readonly #seen = new Set<string>();
  /** App Key → App Secret. */
  readonly #apps = new Map<string, string>();

  constructor(private readonly options: GateOptions) {
    this.admit(options);
  }

  admit({ appKey, appSecret }: RongCloudApp): void {
    this.#apps.set(appKey, appSecret);
  }

  /** @throws {Refused} */
  check(headers: IncomingHttpHeaders): void {
    const [appKey, nonce, timestamp, signature] = ['app-key', 'nonce', 'timestamp', 'signature'].map((name) =>
      headerOf(headers, name),
    ) as [string, string, string, string];
    const isShaped = nonce.length > 0 && nonce.length <= MAX_NONCE && /^(?:\d{10}|\d{13})$/.test(timestamp);
    const appSecret = this.#apps.get(appKey);
    const expected = createHash('sha1').update(`${appSecret}${nonce}${timestamp}`);
    if (appSecret === undefined || !isShaped || signature.toLowerCase() !== expected.digest('hex')) {
      throw new Refused(SIGNATURE_ERROR, 'signature error');
    }
    if (this.options.strictNonce && this.#seen.has(nonce)) throw new Refused(SIGNATURE_ERROR, 'nonce used before');
    this.#seen.add(nonce);
    const requestId = textOf(headers['x-request-id']);
    if (requestId.length > MAX_REQUEST_ID) throw new Refused(PARAMETER, 'X-Request-ID is too long');
  }

  reset(): void {
    this.#seen.clear();
  }
}

/** Empty when it is missing. */
export const appKeyOf = (headers: IncomingHttpHeaders): string => headerOf(headers, 'app-key');

/** Some proxies drop the plain names. */
function headerOf(headers: IncomingHttpHeaders, name: string): string {
  return textOf(headers[name] ?? headers[`rc-${name}`]);
}

function textOf(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}

const KNOWN = [
  'app-key',
  'nonce',
  'timestamp',
  'content-type',
  'content-length',
  'x-request-id',
  'user-agent',
  'connection',
];

/** The headers that the protocol knows; the signature stays out of every record. */
export function knownHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const present = KNOWN.map((name) => [name, textOf(headers[name])] as const).filter(([, value]) => value !== '');
  return Object.fromEntries(present);
}
