import type { SqlRunner } from '../../platform/sql.js';

const FIRST = '00000000-0000-0000-0000-000000000000';

/** A table whose key is an app and a UUIDv7, the older ones first. */
export interface WalkedTable {
  readonly table: 'inbound_event' | 'inbound_raw' | 'delivery' | 'notification' | 'receipt' | 'webhook_message';
  readonly key: 'id' | 'callback_id' | 'delivery_id';
  /** Keys that one statement looks at. */
  readonly rows: number;
}

/** Keys behind the first one, up to and with the second one. */
export type Stretch = readonly [after: string, until: string];

/** The rows of an app in the order of their key, so many at a time: a statement lasts as long as these take. */
export async function* stretches(
  sql: SqlRunner,
  { table, key, rows }: WalkedTable,
  appId: string,
  from: string = FIRST,
): AsyncGenerator<Stretch> {
  // The last one of the next rows; nothing when there are none.
  const text = `
    SELECT max(${key}::text COLLATE "C") AS until
    FROM (SELECT ${key} FROM ${table} WHERE app_id = $1 AND ${key} > $2 ORDER BY ${key} LIMIT ${rows}) next`;
  for (let after = from; ;) {
    const [row] = await sql.query<{ until: string | null }>(text, [appId, after]);
    if (!row?.until) return;
    yield [after, row.until];
    after = row.until;
  }
}
