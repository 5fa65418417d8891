import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isAlive } from '../../src/platform/embedded-postgres.files.js';
import { startEmbeddedPostgres, stopLeftover, type EmbeddedPostgres } from '../../src/platform/embedded-postgres.js';

/** Folders are named after the process of the run, so that the next run knows which of them nobody needs. */
const PREFIX = 'bellhop-test-postgres-';

/** A throwaway PostgreSQL of this process; {@link discard} it. */
export async function startThrowaway(): Promise<EmbeddedPostgres> {
  const name = `${PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`;
  return startEmbeddedPostgres({ dataDir: path.join(os.tmpdir(), name), durable: false });
}

export async function discard(embedded: EmbeddedPostgres): Promise<void> {
  await embedded.stop();
  await rm(embedded.dataDir, { recursive: true, force: true });
}

/** Stops and removes what runs that were killed left behind. */
export async function sweep(): Promise<void> {
  for (const name of await readdir(os.tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    const dataDir = path.join(os.tmpdir(), name);
    await stopLeftover(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  }
}
