import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const TOLERANCE_SECONDS = 300;

/** Why a webhook is not believed. */
export type Distrust = 'headers missing' | 'timestamp too far away' | 'signature wrong';

/**
 * What a receiver does before it believes a webhook (Standard Webhooks 1.0.0).
 * @param secrets `whsec_…`; one of them must have signed.
 * @returns undefined when it is genuine.
 */
export function distrustOf(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secrets: Iterable<string>,
  now: Date,
): Distrust | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || typeof signatures !== 'string') return 'headers missing';
  const age = Math.abs(now.getTime() / 1000 - Number(timestamp));
  if (!(age <= TOLERANCE_SECONDS)) return 'timestamp too far away';
  const given = signatures.split(' ');
  const genuine = [...secrets].some((secret) => {
    const expected = `v1,${hmac(secret, `${String(id)}.${String(timestamp)}.`, body)}`;
    return given.some((signature) => same(signature, expected));
  });
  return genuine ? undefined : 'signature wrong';
}

function hmac(secret: string, head: string, body: Buffer): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return createHmac('sha256', key).update(head).update(body).digest('base64');
}

function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
