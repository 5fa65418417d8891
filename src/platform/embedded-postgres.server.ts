/** The PostgreSQL processes of a site: made, started, found again, stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { buildOnce, isAlive, makePrivateFolder, readIfThere } from './embedded-postgres.files.js';
import type { Site } from './embedded-postgres.site.js';

const SUPERUSER = 'postgres';
const DATABASE = 'bellhop';
const MAINTENANCE_DATABASE = 'postgres';

const STOP_SECONDS = '60';
const READY_PAUSE_MS = 25;
/** Recovery after a crash takes its time. */
const READY_LIMIT_MS = 180_000;
const RUNNING = Symbol('running');
const CONNECT_TIMEOUT_MS = 3000;
const SAID_LINES = 12;
const DUPLICATE_DATABASE = new Set(['42P04', '23505']);

/** Makes the cluster if there is none. @throws {Error} with the last lines of initdb. */
export async function createCluster(site: Site, durable: boolean): Promise<void> {
  await buildOnce(site.cluster, async (aside) => {
    await makePrivateFolder(aside, site.runAs);
    const flags = ['-D', aside, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--locale=C'];
    const { code, said } = await run(site, site.programs.initdb, durable ? flags : [...flags, '--no-sync']);
    if (code !== 0) throw new Error(`initdb failed (${code}) in ${site.dataDir}:\n${lastLines(said)}`);
  });
}

export type Launch = { readonly port: number; readonly adopted: boolean } | { readonly failure: string };

/**
 * Starts the server and waits until one accepts connections (crash recovery included): ours, or that of a faster starter.
 * Ours is our own child, so that the system forgets it at once when it is killed; it outlives us when we are.
 * @returns where it is, or what it said when it ended instead.
 */
export async function launch(site: Site, port: number, durable: boolean): Promise<Launch> {
  const log = await open(site.logFile, 'a');
  try {
    const { size } = await log.stat();
    const server = spawn(site.programs.postgres, ['-D', site.cluster, ...serverFlags(port, durable)], {
      ...surroundings(site),
      stdio: ['ignore', log.fd, log.fd],
    });
    server.unref();
    const running = await readiness(site, ending(site, server));
    if (running) return { port: running, adopted: running !== port };
    return { failure: lastLines(await textFrom(site.logFile, size)) };
  } finally {
    await log.close();
  }
}

/** PostgreSQL announces its readiness to nobody, so it is asked; its end is an event. */
async function readiness(site: Site, ended: Promise<unknown>): Promise<number | undefined> {
  const deadline = Date.now() + READY_LIMIT_MS;
  do {
    if ((await Promise.race([ended, sleep(READY_PAUSE_MS, RUNNING)])) !== RUNNING) return undefined;
    const port = await findRunning(site);
    if (port) return port;
  } while (Date.now() < deadline);
  throw new Error(`The embedded PostgreSQL is not ready after ${READY_LIMIT_MS / 1000} s; see ${site.logFile}.`);
}

/** Fast shutdown (SIGINT): sessions are ended, everything committed is on disk when this resolves. */
export async function shutDown(site: Site): Promise<void> {
  const flags = ['stop', '-D', site.cluster, '-m', 'fast', '-w', '-t', STOP_SECONDS];
  const { code, said } = await run(site, site.programs.pg_ctl, flags);
  if (code !== 0 && (await recordedPort(site.cluster))) {
    throw new Error(`The embedded PostgreSQL in ${site.dataDir} did not stop:\n${lastLines(said)}`);
  }
}

/**
 * Finds the server that runs on this cluster, whoever started it, and makes sure our database is there.
 * @returns its port, or undefined when none answers (none runs, it is still starting, or already stopping).
 */
export async function findRunning({ cluster }: Site): Promise<number | undefined> {
  const port = await recordedPort(cluster);
  if (!port) return undefined;
  const client = new Client({
    connectionString: urlOf(port, MAINTENANCE_DATABASE),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'bellhop-launcher',
  });
  // A server that stops hangs up at any moment; the query in flight says so, and this event must not end the process.
  client.on('error', () => undefined);
  try {
    if (!(await servesCluster(client, cluster))) return undefined;
    await createDatabase(client);
    return port;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export function urlOf(port: number, database = DATABASE): string {
  return `postgres://${SUPERUSER}@127.0.0.1:${port}/${database}`;
}

/** Lines of postmaster.pid: 1 process id, 2 data folder, 3 start time, 4 port. Stale when that process is gone. */
async function recordedPort(cluster: string): Promise<number | undefined> {
  const [pid, , , port] = (await readIfThere(path.join(cluster, 'postmaster.pid')))?.split('\n') ?? [];
  return isAlive(Number(pid)) ? Number(port) || undefined : undefined;
}

/** False also for whatever else listens on the recorded port by now, and for a server that lets nobody in (yet, any more). */
async function servesCluster(client: Client, cluster: string): Promise<boolean> {
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string }>("SELECT current_setting('data_directory') AS folder");
    return path.resolve(rows[0]?.folder ?? '') === cluster;
  } catch {
    return false;
  }
}

async function createDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
  if (rowCount) return;
  try {
    await client.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    // Somebody who started at the same time was faster.
    if (!DUPLICATE_DATABASE.has((error as { code?: string }).code ?? '')) throw error;
  }
}

function serverFlags(port: number, durable: boolean): string[] {
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200'];
  const careless = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
  const chosen = durable ? settings : [...settings, ...careless];
  return ['-p', String(port), ...chosen.flatMap((setting) => ['-c', setting])];
}

/** Runs a program of PostgreSQL to its end. */
async function run(
  site: Site,
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; said: string }> {
  const child = spawn(program, args, { ...surroundings(site), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  return { code: await ending(site, child), said };
}

/** The site's user, and nothing of our environment that could steer PostgreSQL (PGDATA, PGOPTIONS …). */
function surroundings({ runAs, dataDir }: Site) {
  const { PATH, SystemRoot, TZ } = process.env;
  return {
    ...runAs,
    cwd: dataDir,
    env: { PATH, SystemRoot, TZ, LC_ALL: 'C' },
    // Away from the terminal: Ctrl-C reaches us alone, and we stop the server when our work is done.
    detached: true,
    windowsHide: true,
  };
}

/** The exit code, once its output is complete. */
async function ending(site: Site, child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(cannotRun(child.spawnfile, site, cause), { cause })));
    child.once('close', resolve);
  });
}

function cannotRun(program: string, { runAs }: Site, { message }: Error): string {
  const who = runAs ? ` as uid ${runAs.uid}` : '';
  return `${program} cannot be run${who} (${message}). Run Bellhop as an ordinary user, or set DATABASE_URL.`;
}

async function textFrom(file: string, start: number): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(Math.max(0, size - start)),
      position: start,
    });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-SAID_LINES).join('\n');
}
