import type { DataSource } from 'typeorm';
import { executedMigrations, pendingMigrations } from '../../platform/database.js';
import type { SqlRunner } from '../../platform/sql.js';
import { fail, type Finding, ok, warn } from './finding.js';

const LEAST_VERSION = 150_000;
const SLOW_MS = 50;

/** Version and distance of the server. */
export async function checkDatabase(sql: SqlRunner): Promise<Finding> {
  await sql.query('SELECT 1');
  const started = performance.now();
  const [row] = await sql.query<{ number: number; version: string; used: number; most: number }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
            (SELECT count(*)::int FROM pg_stat_activity) AS used, current_setting('max_connections')::int AS most`,
  );
  const ms = performance.now() - started;
  const { number = 0, version = '?', used = 0, most = 1 } = row ?? {};
  const detail = `PostgreSQL ${version}, ${ms.toFixed(1)} ms away, ${used} of ${most} connections in use`;
  if (number < LEAST_VERSION) return fail('database', detail, 'Bellhop needs PostgreSQL 15 or newer.');
  if (used > most * 0.9) return warn('database', detail, 'Raise max_connections, or lower DATABASE_POOL.');
  return ms > SLOW_MS
    ? warn('database', detail, 'Every call waits for it: bring processes and database closer.')
    : ok('database', detail);
}

/** Whether the schema is that of this build. */
export async function checkSchema(dataSource: DataSource): Promise<Finding> {
  const pending = await pendingMigrations(dataSource);
  if (pending.length > 0) return fail('schema', `lacks ${pending.join(', ')}`, 'bellhop migrate up');
  const known = new Set(dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name));
  const newer = (await executedMigrations(dataSource)).filter((name) => !known.has(name));
  if (newer.length > 0) {
    return warn(
      'schema',
      `has ${newer.join(', ')}, which this build does not know`,
      'Use the bellhop of the release that runs.',
    );
  }
  return ok('schema', `up to date (${known.size} migrations)`);
}

const PARTITIONS = `
  SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent IN ('delivery'::regclass, 'inbound_raw'::regclass)`;

const MAKERS = 'Is a process with the role all or worker running? Its sweep makes partitions in advance.';
const DAY_MS = 86_400_000;
const AHEAD_DAYS = 3;

/** Whether deliveries of this month and the next, and the bytes of callbacks of days to come, have a partition. */
export async function checkPartitions(sql: SqlRunner, now: Date): Promise<Finding> {
  const rows = await sql.query<{ name: string }>(PARTITIONS);
  const names = new Set(rows.map(({ name }) => name));
  const missing = expectedAt(now).filter((name) => !names.has(name));
  if (missing[0] === monthOf(now, 0)) return fail('partitions', `missing: ${missing.join(', ')}`, MAKERS);
  if (missing.length > 0) return warn('partitions', `missing: ${missing.join(', ')}`, MAKERS);
  const [stray] = await sql.query<{ found: boolean }>('SELECT EXISTS (SELECT FROM delivery_default) AS found');
  if (stray?.found) {
    const words = 'delivery_default has rows: they were planned while a partition was missing';
    return warn('partitions', words, 'Move them: docs/operations.md, "Partitions".');
  }
  const last = [...names]
    .filter((name) => /^delivery_\d/.test(name))
    .sort()
    .at(-1);
  return ok('partitions', `made up to ${last}`);
}

function expectedAt(now: Date): string[] {
  // After an upgrade, the bytes of the first days lie with those from before.
  const day = new Date(now.getTime() + AHEAD_DAYS * DAY_MS).toISOString().slice(0, 10);
  return [monthOf(now, 0), monthOf(now, 1), `inbound_raw_${day.replaceAll('-', '_')}`];
}

function monthOf(now: Date, months: number): string {
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1));
  return `delivery_${month.toISOString().slice(0, 7).replace('-', '_')}`;
}
