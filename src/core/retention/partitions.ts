import type { SqlRunner } from '../../platform/sql.js';

/** A partition by a range of UUIDv7 ids. */
export interface Partition {
  readonly name: string;
  /** The ids behind it; undefined: the default partition, which catches what has none of its own. */
  readonly until: string | undefined;
}

const LIST = `
  SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = $1::regclass ORDER BY c.relname`;

/** The partitions of a table, the oldest first and the default one last. */
export async function partitionsOf(sql: SqlRunner, table: string): Promise<readonly Partition[]> {
  const rows = await sql.query<{ name: string; bounds: string | null }>(LIST, [table]);
  const partitions = rows.flatMap(({ name, bounds }) =>
    // Without bounds it has been dropped since the statement began.
    bounds === null ? [] : [{ name, until: /TO \('([0-9a-f-]{36})'\)/.exec(bounds)?.[1] }],
  );
  return partitions.sort((a, b) => ((a.until ?? 'g') < (b.until ?? 'g') ? -1 : 1));
}
