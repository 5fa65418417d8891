/** What a database holds and has done: the counters behind bytes, log and transactions per operation. */
import type { Client } from 'pg';
import { run } from './postgres.js';

export interface RelationSize {
  /** With its schema, unless that is the usual one. */
  readonly relation: string;
  readonly rows: number;
  /** Bytes of the rows, with what is stored beside them, and of all indexes. */
  readonly heapBytes: number;
  readonly indexBytes: number;
}

// Partitions count for their table.
const SIZES = `
  SELECT pg_partition_root(c.oid)::regclass::text AS root, c.oid::regclass::text AS own,
         greatest(c.reltuples, 0)::float8 AS rows,
         pg_table_size(c.oid)::float8 AS "heapBytes", pg_indexes_size(c.oid)::float8 AS "indexBytes"
  FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'pgboss'::regnamespace)`;

const SUMS = `
  SELECT coalesce(root, own) AS relation, sum(rows) AS rows, sum("heapBytes") AS "heapBytes", sum("indexBytes") AS "indexBytes"
  FROM (${SIZES}) sized GROUP BY 1 ORDER BY 1`;

/** What the tables take on disk; rows as they were last analysed. */
export function sizesOf(databaseUrl: string): Promise<RelationSize[]> {
  return run(databaseUrl, async (client) => (await client.query<RelationSize & object>(SUMS)).rows);
}

/** Since the server began to count. */
export interface DatabaseUse {
  readonly walBytes: number;
  /** Pages that went into the log as a whole, since they changed for the first time after a checkpoint. */
  readonly fullPages: number;
  /** Times that the log was forced to the disk; NaN before PostgreSQL 18. */
  readonly flushes: number;
  /** Of this database. */
  readonly commits: number;
  /** To this database at this moment, ours left out. */
  readonly connections: number;
}

const USE = `
  SELECT (SELECT wal_fpi FROM pg_stat_wal)::float8 AS "fullPages",
         pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS "walBytes",
         (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())::float8 AS commits,
         (SELECT count(*) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name <> 'bellhop-bench')::float8 AS connections`;
const FLUSHES = `SELECT sum(fsyncs)::float8 AS flushes FROM pg_stat_io WHERE object = 'wal'`;

/** Sessions hand in what they have counted when they have been idle for a while; so this takes a moment. */
export function useOf(databaseUrl: string): Promise<DatabaseUse> {
  return run(databaseUrl, async (client) => {
    await client.query('SELECT pg_sleep(1.2)');
    const { rows } = await client.query<Omit<DatabaseUse, 'flushes'> & object>(USE);
    return { ...(rows[0] as Omit<DatabaseUse, 'flushes'>), flushes: await flushes(client) };
  });
}

async function flushes(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  if ((rows[0]?.version ?? 0) < 180_000) return Number.NaN;
  const counted = await client.query<{ flushes: number }>(FLUSHES);
  return counted.rows[0]?.flushes ?? Number.NaN;
}
