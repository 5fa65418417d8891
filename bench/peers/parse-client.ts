/** parse-server as those see it who call it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { Gateway } from '../support/gateway.js';
import { numberFrom, run, type TestServer } from '../support/postgres.js';
import { tokenOf } from '../support/registry.js';
import { type Crowd, PAYLOAD, type Sender, type Sent, TOPIC } from '../support/senders.js';
import type { CallbackTarget } from '../support/turns.js';
import { Worker } from '../support/worker.js';
import type { ParseServerOptions } from './parse-server.js';

export const PARSE_SERVER = 'parse-server';

const KEYS = { applicationId: 'bench', masterKey: 'master-key-of-benchmarks' };
const APPLICATION = { 'X-Parse-Application-Id': KEYS.applicationId };
const MASTER = { ...APPLICATION, 'X-Parse-Master-Key': KEYS.masterKey };

/** With a database of its own, empty but for its schema. */
async function start(
  server: TestServer,
  gateway?: Gateway,
): Promise<{ worker: Worker; port: number; databaseUrl: string }> {
  const databaseUrl = await server.create('parse');
  const worker = Worker.start(new URL('./parse-server.js', import.meta.url));
  const options = {
    ...KEYS,
    databaseUrl,
    ...(gateway && { push: { gateway, topic: TOPIC } }),
  } satisfies ParseServerOptions;
  return { worker, port: await worker.call<number>('start', options), databaseUrl };
}

/** An object of a class for each callback. */
export async function parseReceiver(server: TestServer): Promise<CallbackTarget> {
  const { worker, port, databaseUrl } = await start(server);
  return {
    name: PARSE_SERVER,
    pids: [worker.pid],
    address: () => ({ host: '127.0.0.1', port, path: '/parse/classes/Callback', headers: APPLICATION }),
    stored: () => numberFrom(databaseUrl, 'SELECT count(*) FROM "Callback"'),
    stop: () => worker.stop(),
  };
}

/** Between two looks at the state of a push. */
const LOOK_MS = 20;
const { aps, ...EXTRAS } = PAYLOAD;
const PUSH = JSON.stringify({ where: {}, data: { ...aps, ...EXTRAS } });

interface PushStatus {
  readonly status: string;
  readonly numSent: number | null;
}

/** A parse-server with the tokens of the registry as its installations. */
export class ParseSender implements Sender {
  readonly name = PARSE_SERVER;

  private constructor(
    private readonly worker: Worker,
    private readonly url: string,
    private readonly installations: number,
    private readonly database: Client,
  ) {}

  static async start(server: TestServer, gateway: Gateway, installations: number): Promise<ParseSender> {
    const { worker, port, databaseUrl } = await start(server, gateway);
    await install(databaseUrl, installations);
    const database = new Client({ connectionString: databaseUrl, application_name: 'bellhop-bench' });
    database.on('error', () => undefined);
    await database.connect();
    return new ParseSender(worker, `http://127.0.0.1:${port}/parse/push`, installations, database);
  }

  get pids(): readonly number[] {
    return [this.worker.pid];
  }

  /** @throws {Error} for a crowd that is not everybody: a condition would cost it time. */
  async send({ numbers }: Crowd): Promise<Sent> {
    if (numbers.length !== this.installations) throw new Error('parse-server pushes to all of its installations.');
    const started = performance.now();
    const headers = { ...MASTER, 'content-type': 'application/json' };
    const answer = await fetch(this.url, { method: 'POST', headers, body: PUSH });
    const id = answer.headers.get('x-parse-push-status-id');
    if (!answer.ok || !id) throw new Error(`parse-server answered ${answer.status}: ${await answer.text()}`);
    const { numSent } = await this.ended(id);
    const seconds = (performance.now() - started) / 1000;
    return { devices: numbers.length, accepted: numSent ?? 0, seconds, planSeconds: Number.NaN };
  }

  async stop(): Promise<void> {
    await this.database.end();
    await this.worker.stop();
  }

  /** The table is asked: its API would read the whole object each time. */
  private async ended(id: string): Promise<PushStatus> {
    const text = `SELECT status, "numSent" FROM "_PushStatus" WHERE "objectId" = $1`;
    for (;;) {
      const { rows } = await this.database.query<PushStatus>({ name: 'status', text, values: [id] });
      if (rows[0] && !['pending', 'running'].includes(rows[0].status)) return rows[0];
      await pause(LOOK_MS);
    }
  }
}

/** Rows of one statement. */
const CHUNK = 10_000;

const INSTALLATIONS = `
  INSERT INTO "_Installation" ("objectId", "createdAt", "updatedAt", "installationId", "deviceType", "appIdentifier", "deviceToken")
  SELECT lpad(($1 + place)::text, 10, '0'), now(), now(), $2 || ($1 + place), 'ios', $3, token
  FROM unnest($4::text[]) WITH ORDINALITY AS row (token, place)`;

/** Ids ascend with the rows, so that the pages which parse-server reads in the order of ids lie side by side. */
async function install(databaseUrl: string, count: number): Promise<void> {
  const prefix = randomUUID().slice(0, 24);
  await run(databaseUrl, async (client) => {
    for (let from = 0; from < count; from += CHUNK) {
      const tokens = Array.from({ length: Math.min(CHUNK, count - from) }, (_, i) => tokenOf(from + i));
      await client.query(INSTALLATIONS, [from, prefix, TOPIC, tokens]);
    }
    await client.query('VACUUM (ANALYZE) "_Installation"');
  });
}
