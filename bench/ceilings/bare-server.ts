/** Node's HTTP server in front of one table: it reads the body, and verifies, parses and de-duplicates nothing. */
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';

/** Bellhop's own default. */
const POOL = 20;

/** The columns of `inbound_raw`, of which Bellhop writes a row beside the event. */
const TABLE = `
  CREATE TABLE callback (
    app_id uuid NOT NULL, callback_id uuid NOT NULL, integration_id uuid NOT NULL, method text NOT NULL, path text NOT NULL,
    query text NOT NULL, headers text NOT NULL, body bytea NOT NULL, received_at timestamptz NOT NULL,
    PRIMARY KEY (app_id, callback_id)
  )`;
const APP = randomUUIDv7();

export interface Row {
  readonly appId: string;
  readonly callbackId: string;
  readonly integrationId: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: string;
  readonly body: Buffer;
  readonly receivedAt: Date;
}

/** Resolves when the row is committed. */
export type Store = (row: Row) => Promise<void>;

/** @returns the port on loopback. */
export async function startBareServer(databaseUrl: string, storeIn: (pool: Pool) => Store): Promise<number> {
  const pool = new Pool({ connectionString: databaseUrl, max: POOL, idleTimeoutMillis: 0 });
  await pool.query(TABLE);
  const store = storeIn(pool);
  const server = createServer((request, response) => void answer(store, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function answer(store: Store, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    await store(rowOf(request, Buffer.concat(chunks)));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 12 }).end('{"code":200}');
  } catch {
    response.writeHead(503, { 'content-length': 0 }).end();
  }
}

const rowOf = ({ method = '', url = '', headers }: IncomingMessage, body: Buffer): Row => ({
  appId: APP,
  callbackId: randomUUIDv7(),
  integrationId: APP,
  method,
  path: url,
  query: '{}',
  headers: JSON.stringify(headers),
  body,
  receivedAt: new Date(),
});
