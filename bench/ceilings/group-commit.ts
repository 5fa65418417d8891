/** G of the benchmark of ingest, a process of its own: what waits is stored by one INSERT, while others are under way. */
import type { Pool } from 'pg';
import { serve } from '../support/worker.js';
import { type Row, startBareServer, type Store } from './bare-server.js';

/** As Bellhop's own. */
const MAX_IN_FLIGHT = 2;
const MAX_ROWS = 256;

/** The bodies travel as one value and are cut here: in an array they would go as twice as many digits. */
const INSERT = {
  name: 'insert',
  text: `
    INSERT INTO callback (app_id, callback_id, integration_id, method, path, query, headers, body, received_at)
    SELECT app_id, callback_id, integration_id, method, path, query, headers,
           substring($10::bytea FROM body_start FOR body_size), received_at
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::int[],
                $11::timestamptz[])
      AS draft (app_id, callback_id, integration_id, method, path, query, headers, body_start, body_size, received_at)`,
};

interface Waiting {
  readonly row: Row;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function groupCommit(pool: Pool): Store {
  const waiting: Waiting[] = [];
  let free = MAX_IN_FLIGHT;
  const start = (): void => {
    if (free === 0 || waiting.length === 0) return;
    free--;
    void carryOut(waiting.splice(0, MAX_ROWS));
    start();
  };
  const carryOut = async (group: readonly Waiting[]): Promise<void> => {
    await flush(pool, group);
    free++;
    start();
  };
  return (row) =>
    new Promise((resolve, reject) => {
      waiting.push({ row, resolve, reject });
      // Requests of the same turn of the event loop share a flush.
      if (waiting.length === 1) setImmediate(start);
    });
}

async function flush(pool: Pool, group: readonly Waiting[]): Promise<void> {
  try {
    await pool.query({ ...INSERT, values: columnsOf(group.map(({ row }) => row)) });
    for (const { resolve } of group) resolve();
  } catch (error) {
    for (const { reject } of group) reject(error as Error);
  }
}

function columnsOf(rows: readonly Row[]): unknown[] {
  let next = 1;
  const starts = rows.map(({ body }) => (next += body.length) - body.length);
  return [
    rows.map(({ appId }) => appId),
    rows.map(({ callbackId }) => callbackId),
    rows.map(({ integrationId }) => integrationId),
    rows.map(({ method }) => method),
    rows.map(({ path }) => path),
    rows.map(({ query }) => query),
    rows.map(({ headers }) => headers),
    starts,
    rows.map(({ body }) => body.length),
    Buffer.concat(rows.map(({ body }) => body)),
    rows.map(({ receivedAt }) => receivedAt),
  ];
}

serve({
  start: ({ databaseUrl }: { databaseUrl: string }) => startBareServer(databaseUrl, groupCommit),
});
