import type { InboundEvent, RawRequest } from '@bellhop/contracts';
import type { InboundEventState } from './inbound-event.entity.js';

/** One event of a callback on its way into the table. */
export interface EventDraft {
  readonly id: string;
  readonly key: string;
  readonly aliasKey?: string;
  /** The key is a digest and counts for this long only. */
  readonly dedupeWindowMs?: number;
  readonly state: Extract<InboundEventState, 'accepted' | 'ignored' | 'quarantined'>;
  readonly reason?: string;
  readonly detail?: string;
  readonly event?: InboundEvent;
}

/** Everything of one callback that must become durable before it is acknowledged. */
export interface CallbackDraft {
  readonly id: string;
  readonly appId: string;
  readonly integrationId: string;
  readonly receivedAt: Date;
  readonly request: RawRequest;
  readonly parseMode: 'strict' | 'tolerant';
  /** May be used for one body only. */
  readonly proof?: { readonly key: string; readonly reusedCode: string };
  readonly events: readonly EventDraft[];
}

export interface StoreResult {
  /**
   * `stored`: at least one event is new. `reused`: the proof came with another body before. `refused`: the database does
   * not take the events. Of the last two, the bytes are kept in quarantine.
   */
  readonly outcome: 'stored' | 'duplicate' | 'reused' | 'refused';
  /** Of the callback's events that are new, in its order; of `reused` and `refused`, none. */
  readonly eventIds: readonly string[];
}
