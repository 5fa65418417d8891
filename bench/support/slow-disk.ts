/** A PostgreSQL on a disk that is slow to sync: its processes are preloaded with a shim that sleeps after each sync. */
import { freePort } from '../../src/platform/embedded-postgres.js';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createCluster, findRunning, launch, shutDown, urlOf } from '../../src/platform/embedded-postgres.server.js';
import { findSite, type Site } from '../../src/platform/embedded-postgres.site.js';
import { median } from './measures.js';
import { run, TestServer } from './postgres.js';

/** What a sync takes beside its own time. */
export const SYNC_MS = 4;
/** The build copies no C. */
const SOURCE = path.resolve('bench/support/slow-disk.c');
const DATA_DIR = path.resolve('.data/bench-slow');
const COMMITS = 50;

export interface SlowDisk {
  readonly server: TestServer;
  /** Median time of a commit while nothing else goes on. */
  readonly commitMs: number;
  readonly stop: () => Promise<void>;
}

/** @returns undefined where there is no C compiler, or no preloading. */
export async function startSlowDisk(): Promise<SlowDisk | undefined> {
  if (process.platform !== 'linux') return undefined;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'bellhop-slow-disk-'));
  // As root, PostgreSQL runs as another user, who reads and executes what lies here.
  await chmod(folder, 0o755);
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    if (!(await compile(path.join(folder, 'slow-disk.so')))) {
      await removeFolder();
      return undefined;
    }
    const site = await siteIn(folder);
    const server = await TestServer.embedded(() => start(site));
    const stop = async (): Promise<void> => {
      await server.stop();
      await removeFolder();
    };
    return { server, commitMs: await commitMs(await server.create('commits')), stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/** @returns false without a compiler. @throws {Error} with the words of one that refuses. */
async function compile(library: string): Promise<boolean> {
  try {
    const flags = ['-shared', '-fPIC', '-O2', `-DSYNC_MICROS=${SYNC_MS * 1000}`, '-o', library, SOURCE, '-ldl'];
    await promisify(execFile)('cc', flags);
    await chmod(library, 0o755);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The embedded server, started by a script that preloads the shim: its launcher passes no environment on. */
async function siteIn(folder: string): Promise<Site> {
  const site = await findSite({ dataDir: DATA_DIR, explicit: false, log: () => undefined });
  const script = path.join(folder, 'postgres');
  const library = path.join(folder, 'slow-disk.so');
  await writeFile(script, `#!/bin/sh\nLD_PRELOAD='${library}' exec '${site.programs.postgres}' "$@"\n`);
  await chmod(script, 0o755);
  return { ...site, programs: { ...site.programs, postgres: script } };
}

async function start(site: Site): Promise<{ url: string; stop: () => Promise<void> }> {
  // Left over from a run that was killed.
  if (await findRunning(site)) await shutDown(site);
  await createCluster(site, true);
  const started = await launch(site, await freePort(), true);
  if ('failure' in started) throw new Error(`PostgreSQL with the slow disk did not start:\n${started.failure}`);
  return { url: urlOf(started.port), stop: () => shutDown(site) };
}

async function commitMs(databaseUrl: string): Promise<number> {
  return run(databaseUrl, async (client) => {
    await client.query('CREATE TABLE commits (number int)');
    const times: number[] = [];
    for (let number = 0; number < COMMITS; number++) {
      const started = performance.now();
      await client.query('INSERT INTO commits VALUES ($1)', [number]);
      times.push(performance.now() - started);
    }
    return median(times);
  });
}
