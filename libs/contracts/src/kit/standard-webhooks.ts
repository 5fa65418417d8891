import { randomBytes } from 'node:crypto';
import { EgressRefusedError } from '../errors.js';
import type { Egress } from '../outbound.js';
import type { SendOutcome } from '../outcome.js';
import { hmacSha256 } from './digest.js';
import { HttpFailure, type HttpResult, outcomeOfFailure, retryAfterMs } from './http.js';

const PREFIX = 'whsec_';
const DEADLINE_MS = 15_000;
/** Busy, or behind a proxy that cannot reach it: the receiver itself has judged nothing. */
const THROTTLED: ReadonlySet<number> = new Set([429, 502, 504]);

/** A call by the rules of Standard Webhooks 1.0.0. Source: standardwebhooks.com, "Specification". */
export interface WebhookCall {
  readonly url: string;
  /** The same on every attempt, without dots: receivers recognise a repetition by it. */
  readonly id: string;
  /** JSON text, signed and sent as it is. */
  readonly body: string;
  /** One, or two while they are being changed: receivers accept what any of them has signed. */
  readonly secrets: readonly string[];
}

/** `whsec_` and the base64 of 32 random bytes. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(32).toString('base64');
}

/** True for `whsec_` and the padded base64 of 24 to 64 bytes. */
export function isWebhookSecret(value: unknown): value is string {
  if (typeof value !== 'string' || !value.startsWith(PREFIX)) return false;
  const key = keyOf(value);
  return key.length >= 24 && key.length <= 64 && PREFIX + key.toString('base64') === value;
}

/**
 * The header `webhook-signature`: one signature per secret over `{id}.{timestamp}.{body}`.
 * @param timestamp seconds since 1970, of this attempt.
 */
export function signWebhook({ id, body, secrets }: Omit<WebhookCall, 'url'>, timestamp: number): string {
  const signatures = secrets.map((secret) => hmacSha256(keyOf(secret), `${id}.${timestamp}.${body}`));
  return signatures.map((signature) => `v1,${signature.toString('base64')}`).join(' ');
}

/** Posts one webhook. What the receiver says in its body is of no interest, and repeated nowhere. */
export async function postWebhook(
  egress: Egress,
  call: WebhookCall,
  now: Date,
  signal?: AbortSignal,
): Promise<SendOutcome> {
  try {
    const headers = webhookHeaders(call, now);
    const { url, body } = call;
    return outcomeOfAnswer(
      await egress.call(url, { method: 'POST', headers, body, signal, deadlineMs: DEADLINE_MS }),
      now,
    );
  } catch (error) {
    return outcomeOfError(error, signal);
  }
}

function webhookHeaders(call: WebhookCall, now: Date): Record<string, string> {
  const timestamp = Math.floor(now.getTime() / 1000);
  return {
    'content-type': 'application/json',
    'user-agent': 'bellhop-webhooks',
    'webhook-id': call.id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signWebhook(call, timestamp),
  };
}

/** 4xx other than 410 and 429 is tried again: receivers answer so while they are being deployed. */
function outcomeOfAnswer({ status, headers }: HttpResult, now: Date): SendOutcome {
  const vendorCode = `HTTP ${status}`;
  const wait = retryAfterMs(headers.get('retry-after'), now);
  const later = wait === undefined ? {} : { retryAfterMs: wait };
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  if (status >= 300 && status < 400) return { kind: 'rejected', reason: 'webhook.redirected', vendorCode };
  if (status === 410) return { kind: 'misconfigured', reason: 'webhook.gone', field: 'url', vendorCode };
  if (THROTTLED.has(status))
    return { kind: 'throttled', scope: 'channel', reason: 'webhook.busy', vendorCode, ...later };
  return { kind: 'transient', reason: status < 500 ? 'webhook.refused' : 'webhook.failed', vendorCode, ...later };
}

/** Without an answer nobody knows what became of the call, and nobody needs to: the id makes a repetition harmless. */
function outcomeOfError(error: unknown, signal: AbortSignal | undefined): SendOutcome {
  if (error instanceof EgressRefusedError) {
    return { kind: 'misconfigured', reason: 'egress.refused', field: 'url', detail: error.message };
  }
  if (!(error instanceof HttpFailure)) throw error;
  if (signal?.aborted) return outcomeOfFailure(error);
  return { kind: 'transient', reason: 'webhook.no_answer', vendorCode: error.message };
}

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(PREFIX.length), 'base64');
