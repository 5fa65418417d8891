/**
 * What Bellhop's ingest is compared with, a process of its own: Node's HTTP server and `pg`, one row and one commit
 * per request. It reads the body and verifies, parses and de-duplicates nothing.
 */
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';
import { serve } from '../support/worker.js';

/** Bellhop's own default. */
const POOL = 20;

/** The columns of `inbound_raw`, of which Bellhop writes a row beside the event. */
const TABLE = `
  CREATE TABLE callback (
    app_id uuid NOT NULL, callback_id uuid NOT NULL, integration_id uuid NOT NULL, method text NOT NULL, path text NOT NULL,
    query text NOT NULL, headers text NOT NULL, body bytea NOT NULL, received_at timestamptz NOT NULL,
    PRIMARY KEY (app_id, callback_id)
  )`;
const INSERT = {
  name: 'insert',
  text: 'INSERT INTO callback VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
};
const APP = randomUUIDv7();

async function start({ databaseUrl }: { databaseUrl: string }): Promise<number> {
  const pool = new Pool({ connectionString: databaseUrl, max: POOL, idleTimeoutMillis: 0 });
  await pool.query(TABLE);
  const server = createServer((request, response) => void store(pool, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function store(pool: Pool, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers } = request;
  const values = [
    APP,
    randomUUIDv7(),
    APP,
    method,
    url,
    '{}',
    JSON.stringify(headers),
    Buffer.concat(chunks),
    new Date(),
  ];
  try {
    await pool.query({ ...INSERT, values });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 12 }).end('{"code":200}');
  } catch {
    response.writeHead(503, { 'content-length': 0 }).end();
  }
}

serve({ start });
