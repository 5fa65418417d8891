import type { Environment } from './message.js';

interface Failure {
  /** Stable code of ours (`token.unregistered`, `payload.too_large`). */
  readonly reason: string;
  /** The vendor's own code, for operators. */
  readonly vendorCode?: string;
  /** The vendor's words, at most 200 characters, without tokens or secrets. */
  readonly detail?: string;
}

/**
 * What a gateway answered for one target. These nine classes are all that the core knows;
 * nothing else in it looks at vendor codes.
 */
export type SendOutcome =
  /** Taken by the gateway; no proof of delivery. `environment`: found out while sending to an unknown one. */
  | { readonly kind: 'accepted'; readonly vendorMessageId?: string; readonly environment?: Environment }
  /** The token is dead since `since`, as the gateway says, or since the request was sent. */
  | (Failure & { readonly kind: 'invalidTarget'; readonly since?: Date })
  /** Fine elsewhere: other environment, topic or project. */
  | (Failure & { readonly kind: 'wrongBinding' })
  /** This message can never be accepted. */
  | (Failure & { readonly kind: 'rejected' })
  /**
   * Our credentials or settings: pauses the integration and names the setting. `scope: 'target'`: only targets like
   * this one suffer (one platform of several), so nothing is paused.
   */
  | (Failure & { readonly kind: 'misconfigured'; readonly field?: string; readonly scope?: 'target' })
  | (Failure & { readonly kind: 'throttled'; readonly scope: 'target' | 'channel'; readonly retryAfterMs?: number })
  | (Failure & { readonly kind: 'quotaExhausted'; readonly resetsAt?: Date })
  /** Surely not processed. */
  | (Failure & { readonly kind: 'transient'; readonly retryAfterMs?: number })
  /** Left us, fate not known. */
  | (Failure & { readonly kind: 'unknown' });

export type OutcomeKind = SendOutcome['kind'];

/** Why something was not taken. */
export type SendFailure = Exclude<SendOutcome, { kind: 'accepted' }>;

/** Cuts vendor words to what may be stored. */
export function clipDetail(words: string): string {
  return words.length > 200 ? `${words.slice(0, 199)}…` : words;
}
