import { Client } from 'pg';
import { run } from '../../bench/support/postgres.js';
import { publicId } from '../../src/platform/ids.js';
import { type Clients, MARK } from './clients.js';

/** What the gateways accepted: delivery ids at APNs, event ids at FCM, which tells no more. */
export interface Pushes {
  readonly apns: readonly string[];
  readonly fcm: readonly string[];
}

interface EventRow {
  readonly mark: number | null;
  readonly state: string;
  readonly reason: string | null;
}

interface DeliveryRow {
  readonly id: string;
  readonly eventId: string | null;
  readonly channel: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly duplicateMarked: boolean;
}

interface Rows {
  readonly events: readonly EventRow[];
  readonly deliveries: readonly DeliveryRow[];
  /** Notifications whose counts differ from their deliveries. */
  readonly miscounted: readonly string[];
}

export interface Verdict {
  readonly figures: Readonly<Record<string, number>>;
  /** Promises that were broken, each with an example. */
  readonly violations: readonly string[];
}

const ENDED_EVENTS = new Set(['routed', 'ignored', 'quarantined', 'failed']);
const ENDED_DELIVERIES = new Set(['accepted', 'skipped', 'failed', 'expired', 'unknown', 'dead', 'cancelled']);

/** Holds what is in the tables against what the clients were told and what the gateways saw. */
export async function check(databaseUrl: string, clients: Clients, pushes: Pushes): Promise<Verdict> {
  const rows = await run(databaseUrl, read);
  const byMark = Map.groupBy(rows.events, ({ mark }) => mark);
  const seen = countsOf([
    ...pushes.apns.map((id) => `apns ${id.toLowerCase()}`),
    ...pushes.fcm.map((id) => `fcm ${id}`),
  ]);
  const known = new Map(rows.deliveries.map((delivery) => [pushKey(delivery), delivery]));
  const accepted = rows.deliveries.filter(({ state }) => state === 'accepted');
  const twice = [...seen].filter(([, count]) => count > 1).map(([key]) => key);
  const violations = [
    fault(
      'acknowledged callbacks without a row',
      [...clients.acknowledged].filter((mark) => !byMark.has(mark)),
    ),
    fault(
      'callbacks with more than one row',
      [...byMark].filter(([, same]) => same.length > 1).map(([mark]) => mark),
    ),
    fault(
      'rows that nobody sent',
      [...byMark.keys()].filter((mark) => mark === null || mark >= clients.made),
    ),
    fault(
      'events that have not ended',
      rows.events.filter(({ state }) => !ENDED_EVENTS.has(state)),
    ),
    fault(
      'events that led to nothing',
      rows.events.filter(({ state }) => state !== 'routed'),
    ),
    fault(
      'deliveries that have not ended',
      rows.deliveries.filter(({ state }) => !ENDED_DELIVERIES.has(state)),
    ),
    fault('deliveries that ended for no reason', rows.deliveries.filter(withoutReason)),
    fault('notifications that are miscounted', rows.miscounted),
    fault(
      'accepted deliveries that never arrived',
      accepted.filter((delivery) => !seen.has(pushKey(delivery))),
    ),
    fault(
      'pushes of no delivery',
      [...seen.keys()].filter((key) => !known.has(key)),
    ),
    fault(
      'pushes made twice without a mark',
      twice.filter((key) => !known.get(key)?.duplicateMarked),
    ),
  ].filter((violation) => violation !== undefined);
  const figures = {
    acknowledgedCallbacks: clients.acknowledged.size,
    events: rows.events.length,
    deliveries: rows.deliveries.length,
    acceptedDeliveries: accepted.length,
    pushes: pushes.apns.length + pushes.fcm.length,
    pushedTwice: twice.length,
    markedAsPossibleDuplicates: rows.deliveries.filter(({ duplicateMarked }) => duplicateMarked).length,
  };
  return { figures, violations };
}

async function read(client: Client): Promise<Rows> {
  const events = await client.query<EventRow>(
    `SELECT (substring(convert_from(r.body, 'UTF8') FROM $1))::int AS mark, e.state, e.reason
     FROM inbound_event e LEFT JOIN inbound_raw r USING (app_id, callback_id)`,
    [MARK],
  );
  const deliveries = await client.query<DeliveryRow>(
    `SELECT d.id, n.event_id AS "eventId", d.channel, d.state, d.reason,
            d.attempts @> '[{"possibleDuplicate": true}]' AS "duplicateMarked"
     FROM delivery d LEFT JOIN notification n ON n.app_id = d.app_id AND n.id = d.notification_id`,
  );
  const miscounted = await client.query<{ id: string }>(
    `SELECT n.id FROM notification n LEFT JOIN delivery d ON d.app_id = n.app_id AND d.notification_id = n.id
     GROUP BY n.app_id, n.id
     HAVING count(d.id) <> n.target_count OR n.pending_count <> 0 OR n.state <> 'done'`,
  );
  return { events: events.rows, deliveries: deliveries.rows, miscounted: miscounted.rows.map(({ id }) => id) };
}

/** An event reaches one Android phone at most, so at FCM it names one delivery. */
function pushKey({ id, eventId, channel }: DeliveryRow): string {
  return channel === 'fcm' ? `fcm ${eventId ? publicId('evt', eventId) : ''}` : `apns ${id}`;
}

const withoutReason = ({ state, reason }: DeliveryRow): boolean => state !== 'accepted' && reason === null;

function countsOf(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function fault(name: string, found: readonly unknown[]): string | undefined {
  if (found.length === 0) return undefined;
  return `${found.length} ${name}, such as ${JSON.stringify(found[0])}`;
}
