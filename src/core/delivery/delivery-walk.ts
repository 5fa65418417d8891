import type { SqlRunner } from '../../platform/sql.js';
import type { DeliveryState } from '../notifications/delivery.entity.js';

/** Deliveries of a page: as many as one transaction changes. */
const PAGE = 5_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

const OF_NOTIFICATION = `
  SELECT id FROM delivery WHERE app_id = $1 AND notification_id = $2 AND id > $3 AND state = ANY($4::text[])
  ORDER BY id LIMIT ${PAGE}`;

const HELD_BY_INTEGRATION = `
  SELECT id FROM delivery
  WHERE app_id = $1 AND integration_id = $2 AND id > $3 AND held_at IS NOT NULL AND reason = 'integration_paused'
  ORDER BY id LIMIT ${PAGE}`;

/** Pages of ids in their order: a row is passed once, however many there are. */
export type Pages = AsyncGenerator<readonly string[]>;

/** The deliveries of a notification that are in one of the states. */
export function walkNotification(
  sql: SqlRunner,
  appId: string,
  notificationId: string,
  states: readonly DeliveryState[],
): Pages {
  return walk(sql, OF_NOTIFICATION, [appId, notificationId], [states]);
}

/** The deliveries that wait for an integration to be resumed. */
export function walkHeld(sql: SqlRunner, appId: string, integrationId: string): Pages {
  return walk(sql, HELD_BY_INTEGRATION, [appId, integrationId], []);
}

async function* walk(sql: SqlRunner, text: string, key: readonly string[], more: readonly unknown[]): Pages {
  for (let after: string | undefined = FIRST; after;) {
    const rows: { id: string }[] = await sql.query<{ id: string }>(text, [...key, after, ...more]);
    if (rows.length > 0) yield rows.map(({ id }) => id);
    after = rows.length < PAGE ? undefined : rows.at(-1)?.id;
  }
}
