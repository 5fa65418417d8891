import { sha1Hex } from '@bellhop/contracts';
import { APP } from './builders.js';

interface Server {
  readonly url: string;
}

export interface RawCall {
  readonly path: string;
  /** Form or JSON, as it is. */
  readonly body: string;
  /** Default `POST`. */
  readonly method?: string;
  /** In place of those that prove the call. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers that prove a call of the app. @param at the clock; default: the machine's. */
export function proofOf(nonce: string = crypto.randomUUID(), at = new Date()): Record<string, string> {
  const curTime = String(Math.floor(at.getTime() / 1000));
  return { AppKey: APP.appKey, Nonce: nonce, CurTime: curTime, CheckSum: sha1Hex(APP.appSecret, nonce, curTime) };
}

/** A call to a server of NIM as any HTTP client makes it; the answer's body. */
export async function callRaw(server: Server, { path, body, method = 'POST', headers = proofOf() }: RawCall) {
  const type = path.startsWith('/im/v2/') ? 'application/json' : 'application/x-www-form-urlencoded;charset=utf-8';
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': type, ...headers },
    ...(method !== 'GET' && { body }),
  });
  return (await response.json()) as { readonly code: number } & Readonly<Record<string, unknown>>;
}
