/** A of the benchmark of ingest, a process of its own: one row and one commit per request. */
import { serve } from '../support/worker.js';
import { startBareServer } from './bare-server.js';

const INSERT = { name: 'insert', text: 'INSERT INTO callback VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)' };

serve({
  start: ({ databaseUrl }: { databaseUrl: string }) =>
    startBareServer(databaseUrl, (pool) => async (row) => {
      const { appId, callbackId, integrationId, method, path, query, headers, body, receivedAt } = row;
      const values = [appId, callbackId, integrationId, method, path, query, headers, body, receivedAt];
      await pool.query({ ...INSERT, values });
    }),
});
