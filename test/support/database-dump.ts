import type { DataSource } from 'typeorm';

interface Column {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

// Partitions hold the rows of their parent.
const COLUMNS = `
  SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE n.nspname IN ('public', 'pgboss') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY 1, 2, 3`;

/**
 * Where one of the texts stands in a database: every column of every table, text, JSON, arrays and bytes alike, as
 * `table.column`, with the number of rows.
 */
export async function occurrences(
  sql: DataSource,
  texts: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const columns = await sql.query<Column[]>(COLUMNS);
  const tables = Map.groupBy(columns, ({ schema, table }) => `"${schema}"."${table}"`);
  const found: Record<string, number> = {};
  for (const [name, parts] of tables) {
    const counts = parts.map(({ column, type }) => `count(*) FILTER (WHERE ${hit(column, type)})::int AS "${column}"`);
    const [row] = await sql.query<Record<string, number>[]>(`SELECT ${counts.join(', ')} FROM ${name}`, [texts]);
    for (const [column, count] of Object.entries(row ?? {})) {
      if (count > 0) found[`${parts[0]?.table}.${column}`] = count;
    }
  }
  return found;
}

function hit(column: string, type: string): string {
  const isIn =
    type === 'bytea'
      ? `position(convert_to(one, 'UTF8') IN "${column}") > 0 OR strpos(encode("${column}", 'base64'), one) > 0`
      : `strpos(lower("${column}"::text), lower(one)) > 0`;
  return `EXISTS (SELECT FROM unnest($1::text[]) AS one WHERE ${isIn})`;
}
