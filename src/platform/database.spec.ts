import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { eventually } from '../../test/support/app.js';
import { freshDatabase, type FreshDatabase } from '../../test/support/postgres.js';
import { dataSourceOptions, executedMigrations, migrate, pendingMigrations, revert } from './database.js';

describe('migrations', () => {
  let database: FreshDatabase;
  const opened: DataSource[] = [];

  async function open(schema?: string): Promise<DataSource> {
    const url = new URL(database.url);
    if (schema) url.searchParams.set('options', `-c search_path=${schema}`);
    const options = dataSourceOptions({ url: url.href, poolSize: 2, entities: [] });
    const dataSource = await new DataSource(options).initialize();
    opened.push(dataSource);
    return dataSource;
  }

  beforeAll(async () => {
    database = await freshDatabase();
  });

  afterAll(async () => {
    for (const dataSource of opened) await dataSource.destroy();
    await database.drop();
  });

  it('are all there in a fresh test database', async () => {
    const dataSource = await open();
    expect(await pendingMigrations(dataSource)).toEqual([]);
    expect((await executedMigrations(dataSource)).length).toBeGreaterThan(0);
    expect(await migrate(dataSource)).toEqual([]);
  });

  it('run once when three processes start at the same time, and can be taken back', async () => {
    const admin = await open();
    await admin.query('CREATE SCHEMA together');
    const three = await Promise.all(['together', 'together', 'together'].map(open));
    const [first] = three as [DataSource, DataSource, DataSource];
    const expected = await pendingMigrations(first);
    expect(expected.length).toBeGreaterThan(0);

    const ran = await Promise.all(three.map(migrate));

    expect(ran.flat().sort()).toEqual([...expected].sort());
    expect(await pendingMigrations(first)).toEqual([]);
    expect(await revert(first)).toBe(expected.at(-1));
    expect(await pendingMigrations(first)).toEqual(expected.slice(-1));
  });

  it('run again when they lose a deadlock with whoever works on the tables', async () => {
    const admin = await open();
    await admin.query('CREATE SCHEMA contended');
    const [dataSource, other] = [await open('contended'), await open('contended')];
    const all = dataSource.migrations.splice(2);
    await migrate(dataSource);
    dataSource.migrations.push(...all);

    const worker = other.createQueryRunner();
    await worker.startTransaction();
    await worker.query('LOCK TABLE notification IN ROW EXCLUSIVE MODE');
    const migrated = migrate(dataSource);
    await eventually(async () => {
      const [row] = await admin.query<{ waits: boolean }[]>(
        `SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'contended.notification'::regclass AND NOT granted) AS waits`,
      );
      return row?.waits;
    });
    // Who has waited longer is the one that PostgreSQL ends.
    await worker.query('LOCK TABLE delivery IN ROW EXCLUSIVE MODE');
    await worker.commitTransaction();

    expect((await migrated).length).toBe(all.length);
    expect(await pendingMigrations(dataSource)).toEqual([]);
    await worker.release();
  });

  it('are counted without changing anything', async () => {
    const admin = await open();
    await admin.query('CREATE SCHEMA untouched');
    const dataSource = await open('untouched');
    expect(await executedMigrations(dataSource)).toEqual([]);
    const tables = await dataSource.query("SELECT 1 FROM pg_tables WHERE schemaname = 'untouched'");
    expect(tables).toEqual([]);
  });
});

describe('a connection', () => {
  it('that ends while nobody listens to it does not take the process along', async () => {
    const database = await freshDatabase();
    const dataSource = await new DataSource(
      dataSourceOptions({ url: database.url, poolSize: 2, entities: [] }),
    ).initialize();
    const client = await (dataSource.driver as unknown as { master: Pool }).master.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    await dataSource.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow(/not queryable|terminat|connection/i);
    client.release(true);
    await dataSource.destroy();
    await database.drop();
  });
});
