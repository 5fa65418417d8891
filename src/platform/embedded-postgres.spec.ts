import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { startEmbeddedPostgres, stopLeftover, type EmbeddedPostgres } from './embedded-postgres.js';

/** What the child processes of these tests do: start, report, and wait to be killed or told to stop. */
const CHILD = `
  const { startEmbeddedPostgres } = await import(process.env.LAUNCHER);
  const server = await startEmbeddedPostgres({ dataDir: process.env.DATA_DIR, durable: false });
  process.on('message', async () => { await server.stop(); process.disconnect(); });
  process.send({ url: server.url, adopted: server.adopted });
`;

describe('embedded PostgreSQL', () => {
  const isRoot = process.getuid?.() === 0;
  const children: ChildProcess[] = [];
  let parent: string;
  /** One for all tests that do not ask for a new one: initdb is the slow part. */
  let usual: string;
  let dataDir: string;

  beforeAll(async () => {
    parent = await mkdtemp(path.join(os.tmpdir(), 'bellhop-launcher-'));
    await chmod(parent, 0o755);
    usual = path.join(parent, 'usual');
  });

  beforeEach(() => {
    dataDir = usual;
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await stopLeftover(dataDir);
  });

  afterAll(() => rm(parent, { recursive: true, force: true }));

  const start = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir, durable: false });

  async function startInChild(): Promise<{ child: ChildProcess; url: string; adopted: boolean }> {
    const script = path.join(parent, 'child.mjs');
    await writeFile(script, CHILD);
    const launcher = new URL('./embedded-postgres.ts', import.meta.url).href;
    const child = fork(script, { env: { ...process.env, LAUNCHER: launcher, DATA_DIR: dataDir } });
    children.push(child);
    const [said] = (await once(child, 'message')) as [{ url: string; adopted: boolean }];
    return { child, ...said };
  }

  async function query(url: string, sql: string): Promise<unknown[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<{ value: unknown }>(sql)).rows.map(({ value }) => value);
    } finally {
      await client.end();
    }
  }

  /** A table of one row; dropped first, because most tests share a folder. */
  async function keep(url: string, value: number): Promise<void> {
    await query(url, `DROP TABLE IF EXISTS kept`);
    await query(url, `CREATE TABLE kept AS SELECT ${value} AS value`);
  }

  async function expectStopped(url: string): Promise<void> {
    await expect(query(url, 'SELECT 1 AS value')).rejects.toThrow(/ECONNREFUSED/);
  }

  async function kill9(child: ChildProcess): Promise<void> {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async function postmasterPid(): Promise<number> {
    return Number((await readFile(path.join(dataDir, 'cluster/postmaster.pid'), 'utf8')).split('\n')[0]);
  }

  it('starts with a database of ours on loopback, and again with the data of before', async () => {
    await mkdir(dataDir);
    await writeFile(path.join(dataDir, 'notes.txt'), 'mine');
    const first = await start();
    expect(first).toMatchObject({ adopted: false, dataDir });
    expect(await query(first.url, "SELECT current_setting('listen_addresses') AS value")).toEqual(['127.0.0.1']);
    await keep(first.url, 1);
    await Promise.all([first.stop(), first.stop()]);
    await expectStopped(first.url);

    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'SELECT value FROM kept')).toEqual([1]);
    await second.stop();
    expect(await readFile(path.join(dataDir, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('adopts the server of a process that was killed, and stops it', async () => {
    const { child, url } = await startInChild();
    await keep(url, 2);
    await kill9(child);

    const server = await start();
    expect(server).toMatchObject({ adopted: true, url });
    expect(await query(server.url, 'SELECT value FROM kept')).toEqual([2]);
    await server.stop();
    await expectStopped(url);
  });

  it('shares the server of a process that lives, and leaves it running', async () => {
    const { child, url } = await startInChild();
    const guest = await start();
    expect(guest).toMatchObject({ adopted: true, url });
    await guest.stop();
    expect(await query(url, 'SELECT 1 AS value')).toEqual([1]);

    child.send('stop');
    await once(child, 'exit');
    await expectStopped(url);
  });

  it('recovers when the server itself was killed', async () => {
    const durably = { dataDir, durable: true };
    const first = await startEmbeddedPostgres(durably);
    await keep(first.url, 3);
    process.kill(await postmasterPid(), 'SIGKILL');

    const second = await startEmbeddedPostgres(durably);
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'SELECT value FROM kept')).toEqual([3]);
    await first.stop();
    await expectStopped(second.url);
  });

  it('is one server for processes that start at once on a new folder', async () => {
    dataDir = path.join(parent, 'new');
    const [own, ...others] = await Promise.all([start(), startInChild(), startInChild()]);
    expect(others.map(({ url }) => url)).toEqual([own.url, own.url]);
    expect([own, ...others].filter(({ adopted }) => !adopted)).toHaveLength(1);
    await own.stop();
  });

  it('is one server for two starts in one process, stopped by the first', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(first.url).toBe(second.url);
    await Promise.all([first.stop(), second.stop()]);
    await expectStopped(first.url);
  });

  it('says what PostgreSQL said when it does not start', async () => {
    const versionFile = path.join(dataDir, 'cluster/PG_VERSION');
    const version = await readFile(versionFile, 'utf8');
    await writeFile(versionFile, '9\n');
    await expect(start()).rejects.toThrow(/did not start[^]*initialized by PostgreSQL version 9/);
    await writeFile(versionFile, version);
    expect(await readdir(dataDir)).not.toContain('owner.pid');
  });

  it('does not take a stranger on the recorded port for its own', async () => {
    const other = await startEmbeddedPostgres({ dataDir: path.join(parent, 'new'), durable: false });
    const port = new URL(other.url).port;
    await writeFile(path.join(dataDir, 'cluster/postmaster.pid'), `${process.pid}\n${dataDir}/cluster\n0\n${port}\n`);
    const server = await start();
    expect(server.adopted).toBe(false);
    expect(server.url).not.toBe(other.url);
    await Promise.all([server.stop(), other.stop()]);
  });

  (isRoot ? describe : describe.skip)('as root', () => {
    it('runs as another user', async () => {
      const server = await start();
      expect((await stat(path.join(dataDir, 'cluster'))).uid).toBe(65_534);
      await server.stop();
    });

    describe('below a folder that this user cannot enter', () => {
      beforeEach(async () => {
        const closed = path.join(parent, 'closed');
        await mkdir(closed, { recursive: true, mode: 0o700 });
        dataDir = path.join(closed, 'postgres');
      });

      it('explains itself when somebody named the place', async () => {
        const starting = startEmbeddedPostgres({ dataDir, durable: false, explicit: true });
        await expect(starting).rejects.toThrow(`chmod o+x ${path.dirname(dataDir)}`);
      });

      it('goes elsewhere when nobody did, and finds the way again', async () => {
        const lines: string[] = [];
        const options = { dataDir, durable: false, log: (line: string) => lines.push(line) };
        const first = await startEmbeddedPostgres(options);
        await first.stop();
        const second = await startEmbeddedPostgres(options);
        await second.stop();
        expect(second.dataDir).toBe(first.dataDir);
        expect(lines[0]).toContain(`keeps its data in ${first.dataDir} instead of ${dataDir}`);
        await rm(first.dataDir, { recursive: true });
      });
    });
  });
});
