import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { DataSource } from 'typeorm';
import { dataSourceOptions, revert } from '../../src/platform/database.js';
import { newKey } from '../../src/platform/env.keys.js';
import { EnvironmentInvalidError } from '../../src/platform/env.js';
import { DatabaseUnreachableError, preflight } from '../../src/preflight.js';
import { TestPlatform } from '../support/app.js';
import { freshDatabase, type FreshDatabase } from '../support/postgres.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const KEYS = newKey('k1');

/** Starts the product itself, with this environment and no other, and waits until it ends. */
async function start(env: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, ['--import', './scripts/ts-hook.mjs', 'src/main.ts'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const watchdog = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(watchdog);
  return { code, said };
}

const addressOf = (url: string, change: (url: URL) => void): string => {
  const changed = new URL(url);
  change(changed);
  return changed.href;
};

describe('a start', () => {
  let database: FreshDatabase;
  let taken: Server;
  let takenPort: string;

  beforeAll(async () => {
    database = await freshDatabase();
    const platform = await TestPlatform.start({ role: 'api', databaseUrl: database.url, env: { BELLHOP_KEYS: KEYS } });
    await platform.stop();
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    takenPort = String((taken.address() as AddressInfo).port);
  });
  afterAll(async () => {
    await new Promise((resolve) => taken.close(resolve));
    await database.drop();
  });

  const good = (): Record<string, string> => ({
    DATABASE_URL: database.url,
    BELLHOP_KEYS: KEYS,
    HOST: '127.0.0.1',
    PORT: '0',
  });
  const faultsOf = async (env: Record<string, string>): Promise<string[]> => {
    try {
      await preflight(env);
    } catch (error) {
      if (!(error instanceof EnvironmentInvalidError)) throw error;
      expect(error.faults.every(({ hint }) => hint.length > 10)).toBe(true);
      return error.faults.map(({ variable, message }) => `${variable} ${message}`);
    }
    return [];
  };

  it('with everything in its place finds nothing', async () => {
    expect(await faultsOf(good())).toEqual([]);
  });

  it('with many faults names all of them at once, each with what to do, and ends with 78', async () => {
    const env = { ...good(), BELLHOP_KEYS: newKey('k1'), PORT: takenPort, HOST: '127.0.0.1' };
    expect(await faultsOf(env)).toEqual([
      expect.stringContaining('BELLHOP_KEYS has another key under the name "k1"'),
      `PORT ${takenPort} is in use`,
    ]);
    const { code, said } = await start({ ...env, BELLHOP_ROLE: 'boss', LOG_LEVEL: 'loud' });
    expect(code).toBe(78);
    expect(said).toMatch(
      /^The environment is not valid \(3\):\n {2}BELLHOP_ROLE must be[^]*→[^]*LOG_LEVEL must be[^]*→[^]*BELLHOP_KEYS has another key[^]*→ /,
    );
    expect(said).not.toContain(env.BELLHOP_KEYS.slice(3));
  });

  it('with another key ring leaves the database as it was, and one with the right ring works', async () => {
    const { code, said } = await start({ ...good(), BELLHOP_KEYS: newKey('k7') });
    expect([code, said]).toEqual([
      78,
      expect.stringContaining('lacks the key "k1", under which the data keys are sealed'),
    ]);
    expect(await faultsOf(good())).toEqual([]);
  });

  it('on a stale schema names the migrations, unless it may run them', async () => {
    const stale = await freshDatabase();
    const dataSource = await new DataSource(
      dataSourceOptions({ url: stale.url, poolSize: 2, entities: [] }),
    ).initialize();
    await revert(dataSource);
    await dataSource.destroy();
    try {
      const env = { ...good(), DATABASE_URL: stale.url };
      expect(await faultsOf(env)).toEqual([
        expect.stringMatching(/^DATABASE_URL names a database that lacks 1 migration/),
      ]);
      expect(await faultsOf({ ...env, MIGRATE_ON_BOOT: 'true' })).toEqual([]);
    } finally {
      await stale.drop();
    }
  });

  it('on a database that does not exist says so', async () => {
    const env = { ...good(), DATABASE_URL: addressOf(database.url, (url) => (url.pathname = '/no_such_database')) };
    expect(await faultsOf(env)).toEqual(['DATABASE_URL names a database that does not exist']);
  });

  it('whose database is away says so without a stack or a password, and ends with 1: it may be there the next time', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const env = { ...good(), DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${port}/x` };
    await expect(preflight(env)).rejects.toThrow(DatabaseUnreachableError);
    expect(await faultsOf({ ...env, BELLHOP_ROLE: 'boss' })).toHaveLength(2);
    const { code, said } = await start(env);
    expect([code, said]).toEqual([
      1,
      expect.stringMatching(/^DATABASE_URL names a server that cannot be reached \(ECONNREFUSED\)\n {2}→ [^\n]+\n$/),
    ]);
  });
});
