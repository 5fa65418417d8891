import { Injectable } from '@nestjs/common';
import { idFloor, SKEW_MS } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { type DeadLetterFilter, IS_MEANT, type LostState, valuesOf } from './dead-letter-filter.js';

/** Causes that are told; there are as many as codes, channels and integrations. */
const MOST_GROUPS = 500;

/** Deliveries that were lost for the same cause. Ids are UUIDs. */
export interface DeadLetters {
  readonly state: LostState;
  readonly reason: string | null;
  readonly channel: string | null;
  readonly integrationId: string | null;
  readonly count: number;
  /** When the first and the last of them was lost. */
  readonly oldest: Date;
  readonly newest: Date;
  /** The one that was created last. */
  readonly sample: string;
}

/** Events that led to nothing, for the same cause. Ids are UUIDs. */
export interface DeadEvents {
  readonly state: 'quarantined' | 'failed';
  readonly reason: string | null;
  readonly integrationId: string;
  readonly count: number;
  /** When the first and the last of them came. */
  readonly oldest: Date;
  readonly newest: Date;
  /** The one that came last. */
  readonly sample: string;
}

// The greatest id as text: there is no max() of ids, and an array of a group's ids could be a million long.
const DELIVERIES = `
  SELECT d.state, d.reason, d.channel, d.integration_id AS "integrationId", count(*)::int AS count,
         min(d.lost_at) AS oldest, max(d.lost_at) AS newest, max(d.id::text COLLATE "C") AS sample
  FROM delivery d WHERE ${IS_MEANT}
  GROUP BY d.state, d.reason, d.channel, d.integration_id ORDER BY count DESC, sample LIMIT ${MOST_GROUPS}`;

const EVENTS = `
  SELECT state, reason, integration_id AS "integrationId", count(*)::int AS count,
         min(received_at) AS oldest, max(received_at) AS newest, max(id::text COLLATE "C") AS sample
  FROM inbound_event
  WHERE app_id = $1 AND state IN ('quarantined', 'failed') AND id >= $6 AND received_at >= $2
    AND received_at < coalesce($3::timestamptz, 'infinity') AND ($4::text IS NULL OR reason = $4)
    AND ($5::uuid IS NULL OR integration_id = $5)
  GROUP BY state, reason, integration_id ORDER BY count DESC, sample LIMIT ${MOST_GROUPS}`;

/** What was given up, grouped by cause. */
@Injectable()
export class DeadLettersService {
  constructor(private readonly sql: Sql) {}

  deliveries(appId: string, filter: DeadLetterFilter): Promise<DeadLetters[]> {
    return this.sql.query<DeadLetters & object>(DELIVERIES, valuesOf(appId, filter));
  }

  /** State and channel of the filter do not bear on events. */
  events(appId: string, { reason, integrationId, from, to }: DeadLetterFilter): Promise<DeadEvents[]> {
    // They were named when they came, by a clock that may differ from ours.
    const first = idFloor(new Date(from.getTime() - SKEW_MS));
    const values = [appId, from, to ?? null, reason ?? null, integrationId ?? null, first];
    return this.sql.query<DeadEvents & object>(EVENTS, values);
  }
}
