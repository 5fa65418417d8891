import type { InboundEventState } from './inbound-event.entity.js';

/** States of events that can be handled once more. */
export const REPLAYABLE_STATES = ['ignored', 'quarantined', 'failed'] as const satisfies readonly InboundEventState[];

/** Which events are meant; absent conditions are none. */
export interface ReplayFilter {
  /** Received at this moment or later. */
  readonly from: Date;
  /** Received before this moment. */
  readonly to: Date;
  /** UUID. */
  readonly integrationId?: string;
  /** Any of them. */
  readonly states: readonly InboundEventState[];
  /** Stable code beside the state. */
  readonly reason?: string;
}

/** A part of what is meant. */
export interface ReplayPage {
  /** Id behind which it begins; undefined: at the beginning. */
  readonly after?: string;
  /** At most. */
  readonly limit: number;
}
