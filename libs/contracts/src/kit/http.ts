import { EgressRefusedError } from '../errors.js';
import type { SendFailure } from '../outcome.js';

export interface HttpResult {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** A call that brought no answer. `sent`: the request may have reached the server. */
export class HttpFailure extends Error {
  constructor(
    message: string,
    readonly sent: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'HttpFailure';
  }
}

export interface HttpCall {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Milliseconds until the call is given up, the answer's body included. Default 10,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Bytes of answer that are read. Default 65,536. */
  readonly maxBytes?: number;
}

/** Connections that were never made: nothing can have been processed. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * One HTTP call with a deadline, without redirects and without hidden retries.
 * @throws {HttpFailure} when no answer came.
 */
export async function callHttp(url: string | URL, call: HttpCall = {}): Promise<HttpResult> {
  const deadline = AbortSignal.timeout(call.deadlineMs ?? 10_000);
  const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
  try {
    const response = await fetch(url, {
      method: call.method ?? 'GET',
      headers: call.headers,
      body: call.body,
      redirect: 'manual',
      signal,
    });
    return {
      status: response.status,
      headers: response.headers,
      body: await readUpTo(response, call.maxBytes ?? 65_536),
    };
  } catch (error) {
    const code = causeCode(error);
    throw new HttpFailure(code ?? (error as Error).name, !(code && NOT_SENT.has(code)), { cause: error });
  }
}

async function readUpTo(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).byteLength;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8');
}

function causeCode(error: unknown): string | undefined {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return cause ? causeCode(cause) : undefined;
}

/** The class of a call without an answer: `transient` when it surely never arrived, otherwise `unknown`. */
export function outcomeOfFailure(failure: HttpFailure): SendFailure {
  const detail = { vendorCode: failure.message };
  return failure.sent
    ? { kind: 'unknown', reason: 'network.no_answer', ...detail }
    : { kind: 'transient', reason: 'network.unreachable', ...detail };
}

/**
 * What a call through the egress comes to that brought no answer.
 * @param field the setting that holds the address.
 * @throws whatever else went wrong: a defect.
 */
export function outcomeOfError(error: unknown, field: string): SendFailure {
  if (error instanceof HttpFailure) return outcomeOfFailure(error);
  if (!(error instanceof EgressRefusedError)) throw error;
  return { kind: 'misconfigured', reason: error.code, field, detail: error.message };
}

/** A wait that is longer is none that anybody keeps: no push is worth sending by then. Four weeks. */
const LONGEST_WAIT_MS = 28 * 86_400_000;

/** Milliseconds of a `Retry-After` header, seconds or HTTP date, at most four weeks; undefined when absent or unreadable. */
export function retryAfterMs(value: string | null | undefined, now: Date): number | undefined {
  if (!value) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_WAIT_MS);
}
