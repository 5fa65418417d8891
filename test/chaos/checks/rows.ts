import type { Client } from 'pg';
import { MARK } from '../stage/senders.js';

export interface EventRow {
  readonly id: string;
  readonly appId: string;
  readonly mark: number | null;
  readonly state: string;
  readonly reason: string | null;
}

export interface NotificationRow {
  readonly id: string;
  readonly appId: string;
  readonly eventId: string | null;
  /** Of a request over the API. */
  readonly ask: number | null;
  readonly state: string;
  readonly targetCount: number;
  readonly pendingCount: number;
  /** Deliveries, and those that have not ended. */
  readonly deliveries: number;
  readonly open: number;
}

export interface DeliveryRow {
  readonly id: string;
  readonly appId: string;
  readonly notificationId: string;
  readonly deviceId: string | null;
  readonly state: string;
  readonly reason: string | null;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** An attempt says that the device may show it twice. */
  readonly marked: boolean;
  /** An attempt says that nobody knows whether it arrived. */
  readonly unsure: boolean;
}

export interface MessageRow {
  readonly id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly state: string;
  readonly unsure: boolean;
}

export interface Rows {
  readonly events: readonly EventRow[];
  readonly notifications: readonly NotificationRow[];
  readonly deliveries: readonly DeliveryRow[];
  readonly messages: readonly MessageRow[];
}

/** Deliveries that have not ended. */
export const OPEN_DELIVERIES = `'queued', 'sending', 'held'`;

export async function readRows(client: Client): Promise<Rows> {
  const rowsOf = async <R extends object>(text: string, values: unknown[] = []): Promise<R[]> =>
    (await client.query<R>(text, values)).rows;
  return {
    events: await rowsOf<EventRow>(
      `SELECT e.id, e.app_id AS "appId", (substring(convert_from(r.body, 'UTF8') FROM $1))::int AS mark, e.state, e.reason
       FROM inbound_event e LEFT JOIN inbound_raw r USING (app_id, callback_id)`,
      [MARK],
    ),
    notifications: await rowsOf<NotificationRow>(
      `SELECT n.id, n.app_id AS "appId", n.event_id AS "eventId", n.state, n.target_count AS "targetCount",
              n.pending_count AS "pendingCount", (substring(n.content::text FROM 'ask-([0-9]+)!'))::int AS ask,
              count(d.id)::int AS deliveries, count(d.id) FILTER (WHERE d.state IN (${OPEN_DELIVERIES}))::int AS open
       FROM notification n LEFT JOIN delivery d ON d.app_id = n.app_id AND d.notification_id = n.id
       GROUP BY n.app_id, n.id`,
    ),
    deliveries: await rowsOf<DeliveryRow>(
      `SELECT id, app_id AS "appId", notification_id AS "notificationId", device_id AS "deviceId", state, reason,
              (extract(epoch FROM expires_at) * 1000)::float8 AS "expiresAt",
              attempts @> '[{"possibleDuplicate": true}]' AS marked, attempts @> '[{"outcome": "unknown"}]' AS unsure
       FROM delivery`,
    ),
    messages: await rowsOf<MessageRow>(
      `SELECT id, type, payload::json -> 'data' ->> 'notificationId' AS subject, state,
              attempts @> '[{"outcome": "unknown"}]' AS unsure
       FROM webhook_message`,
    ),
  };
}
