import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run, TestServer } from '../../../bench/support/postgres.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/platform/embedded-postgres.js';
import { lastingPort } from './ports.js';

/** How a server ends: in order, at once (crash recovery follows), or killed. */
export const ENDS = ['fast', 'immediate', 'kill'] as const;
export type End = (typeof ENDS)[number];

const LOOK_MS = 10;

/** A PostgreSQL of our own, whose processes may come and go at one address. It syncs to the disk. */
export class Cluster {
  private constructor(
    readonly server: TestServer,
    private readonly port: number,
    private readonly dataDir: string,
    private owner: EmbeddedPostgres,
  ) {}

  static async start(): Promise<Cluster> {
    const dataDir = path.resolve('.data/chaos/own');
    const port = await lastingPort();
    let owner: EmbeddedPostgres | undefined;
    let cluster: Cluster | undefined;
    // Called twice when sizes ask for a restart; the last one stays.
    const server = await TestServer.embedded(async () => {
      const started = await startEmbeddedPostgres({ dataDir, durable: true, port });
      owner = started;
      return { url: started.url, stop: () => (cluster?.owner ?? started).stop() };
    });
    const started = owner as unknown as EmbeddedPostgres;
    // One that an earlier run has left keeps its port.
    cluster = new Cluster(server, Number(new URL(started.url).port), dataDir, started);
    return cluster;
  }

  /** @returns the seconds until it takes connections again. */
  async restart(end: End): Promise<number> {
    const started = performance.now();
    const options = { dataDir: this.dataDir, durable: true, port: this.port };
    if (end === 'fast') {
      await this.owner.stop();
      this.owner = await startEmbeddedPostgres(options);
    } else {
      const [pid = ''] = (await readFile(path.join(this.owner.dataDir, 'cluster/postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), end === 'immediate' ? 'SIGQUIT' : 'SIGKILL');
      while (isAlive(Number(pid))) await pause(LOOK_MS);
      // Who owns it stays the same: the folder's server is stopped by whoever claimed the folder.
      await startEmbeddedPostgres(options);
    }
    return (performance.now() - started) / 1000;
  }
}

/** Ends every connection of a database but our own, or those of one application. @returns how many. */
export function cutConnections(databaseUrl: string, application = '%'): Promise<number> {
  return run(databaseUrl, async (client) => {
    const { rowCount } = await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
         AND application_name LIKE $1`,
      [application],
    );
    return rowCount ?? 0;
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
