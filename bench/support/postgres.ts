import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js';
import { cpuOfFamily, parentOf } from './measures.js';

/** The settings that a figure depends on. */
export interface DatabaseFacts {
  readonly kind: 'given' | 'embedded';
  readonly version: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly sharedBuffers: string;
}

/** The PostgreSQL under test: `DATABASE_URL`, or the embedded one with fsync on. */
export class TestServer {
  private readonly made: string[] = [];
  private postmaster: number | undefined;

  private constructor(
    readonly facts: DatabaseFacts,
    private readonly url: string,
    private readonly stopServer: () => Promise<void>,
  ) {}

  /** @param dataDir of the embedded one; it is kept, so that the next run starts at once. */
  static async start(dataDir = path.resolve('.data/bench')): Promise<TestServer> {
    const given = process.env.DATABASE_URL;
    if (given) return new TestServer(await factsOf(given, 'given'), given, async () => undefined);
    const { url, stop } = await startEmbeddedPostgres({ dataDir, durable: true });
    return new TestServer(await factsOf(url, 'embedded'), url, stop);
  }

  /** A database with nothing in it. */
  async create(name: string): Promise<string> {
    const database = `bellhop_${name}_${randomBytes(4).toString('hex')}`;
    await run(this.url, (client) => client.query(`CREATE DATABASE ${database}`));
    this.made.push(database);
    const url = new URL(this.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  /** Rounds start from the same state of the log: none pays for the pages of the one before. */
  async checkpoint(): Promise<void> {
    await run(this.url, (client) => client.query('CHECKPOINT')).catch(() => undefined);
  }

  /** CPU time that all of the server has used so far, in microseconds; NaN when it runs elsewhere. */
  async cpuMicros(): Promise<number> {
    if (!['127.0.0.1', 'localhost'].includes(new URL(this.url).hostname)) return Number.NaN;
    this.postmaster ??= await run(this.url, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      return parentOf(rows[0]?.pid ?? 0);
    });
    return cpuOfFamily(this.postmaster);
  }

  async stop(): Promise<void> {
    for (const name of this.made) {
      await run(this.url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    }
    await this.stopServer();
  }
}

async function factsOf(url: string, kind: DatabaseFacts['kind']): Promise<DatabaseFacts> {
  const { rows } = await run(url, (client) =>
    client.query<Omit<DatabaseFacts, 'kind'>>(
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
              current_setting('synchronous_commit') AS "synchronousCommit",
              current_setting('shared_buffers') AS "sharedBuffers"`,
    ),
  );
  return { kind, ...(rows[0] as Omit<DatabaseFacts, 'kind'>) };
}

/** One visit on a connection of its own. */
export async function run<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'bellhop-bench' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The one number that a query answers. */
export async function numberFrom(url: string, sql: string): Promise<number> {
  const { rows } = await run(url, (client) => client.query<{ number: string }>(`SELECT (${sql}) AS number`));
  return Number(rows[0]?.number);
}
