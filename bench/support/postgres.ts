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
  readonly fullPageWrites: string;
  readonly sharedBuffers: string;
  readonly maxWalSize: string;
  readonly checkpointTimeout: string;
}

/** A server that is up. */
interface Running {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** As a server of its own would have them; the defaults suit a machine that does much else. */
const SIZES = { shared_buffers: '1GB', max_wal_size: '8GB', checkpoint_timeout: '15min' };

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
    return TestServer.embedded(() => startEmbeddedPostgres({ dataDir, durable: true }));
  }

  /** @param start of a server that is ours to set up; called again when a size asks for a restart. */
  static async embedded(start: () => Promise<Running>): Promise<TestServer> {
    let server = await start();
    if (await resize(server.url)) {
      await server.stop();
      server = await start();
    }
    return new TestServer(await factsOf(server.url, 'embedded'), server.url, server.stop);
  }

  /**
   * A database with nothing in it.
   * @param template address of one of ours that nobody is connected to: a copy of it instead, made file by file.
   */
  async create(name: string, template?: string): Promise<string> {
    const database = `bellhop_${name}_${randomBytes(4).toString('hex')}`;
    const copied = template ? ` TEMPLATE ${databaseOf(template)} STRATEGY file_copy` : '';
    await run(this.url, (client) => client.query(`CREATE DATABASE ${database}${copied}`));
    const url = new URL(this.url);
    url.pathname = `/${database}`;
    this.made.push(url.href);
    return url.href;
  }

  /** Before the end of the run: a large one that is not needed any more would only fill the disk. */
  async drop(url: string): Promise<void> {
    await run(this.url, (client) => client.query(`DROP DATABASE IF EXISTS ${databaseOf(url)} WITH (FORCE)`));
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
    // One that is away must not hide what made it so.
    for (const url of this.made) await this.drop(url).catch(() => undefined);
    await this.stopServer();
  }
}

/** @returns whether the server has to start again for it. */
async function resize(url: string): Promise<boolean> {
  return run(url, async (client) => {
    let restart = false;
    for (const [name, size] of Object.entries(SIZES)) {
      const { rows } = await client.query<{ size: string }>('SELECT current_setting($1) AS size', [name]);
      if (rows[0]?.size === size) continue;
      await client.query(`ALTER SYSTEM SET ${name} = '${size}'`);
      restart = true;
    }
    return restart;
  });
}

async function factsOf(url: string, kind: DatabaseFacts['kind']): Promise<DatabaseFacts> {
  const { rows } = await run(url, (client) =>
    client.query<Omit<DatabaseFacts, 'kind'>>(
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
              current_setting('synchronous_commit') AS "synchronousCommit",
              current_setting('full_page_writes') AS "fullPageWrites",
              current_setting('shared_buffers') AS "sharedBuffers",
              current_setting('max_wal_size') AS "maxWalSize",
              current_setting('checkpoint_timeout') AS "checkpointTimeout"`,
    ),
  );
  return { kind, ...(rows[0] as Omit<DatabaseFacts, 'kind'>) };
}

const databaseOf = (url: string): string => new URL(url).pathname.slice(1);

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
