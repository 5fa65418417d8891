import { DataSource } from 'typeorm';
import { freshDatabase, type FreshDatabase } from '../../../test/support/postgres.js';
import { dataSourceOptions } from '../../platform/database.js';
import { newId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { Tallies, type Tally } from './tallies.js';

const COUNT_NAMES = 'targeted, pushed, skipped, failed, delivered, opened';

describe('Tallies', () => {
  let database: FreshDatabase;
  let dataSource: DataSource;
  let sql: Sql;
  const tallies = new Tallies();

  beforeAll(async () => {
    database = await freshDatabase();
    dataSource = await new DataSource(dataSourceOptions({ url: database.url, poolSize: 8, entities: [] })).initialize();
    sql = new Sql(dataSource);
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  async function anApp(timeZone = 'Asia/Shanghai'): Promise<string> {
    const id = newId();
    await sql.query(`INSERT INTO app (id, name, deep_link_scheme, time_zone) VALUES ($1, 'Shop', 'shop', $2)`, [
      id,
      timeZone,
    ]);
    return id;
  }
  const add = (appId: string, ...entries: Tally[]) => sql.transaction((tx) => tallies.add(tx, appId, entries));
  const fold = () => sql.transaction((tx) => tallies.fold(tx));
  const rows = (table: string, appId: string) =>
    sql.query<Record<string, unknown>>(
      `SELECT day::text, channel, platform, ${COUNT_NAMES} FROM ${table} WHERE app_id = $1 ORDER BY 1, 2, 3`,
      [appId],
    );
  const daily = async (appId: string) =>
    (await rows('delivery_daily', appId)).map(({ day, channel, platform, ...counts }) => [
      day,
      channel,
      platform,
      ...Object.values(counts).map(Number),
    ]);
  const at = new Date('2026-11-20T08:00:00Z');

  it('adds what belongs together as one row, with names for what is missing', async () => {
    const appId = await anApp();
    await add(
      appId,
      { at, channel: 'apns', platform: 'ios', targeted: 1, pushed: 1 },
      { at, channel: 'apns', platform: 'ios', targeted: 1, failed: 1 },
      { at: new Date(at.getTime() + 1), channel: 'apns', platform: 'ios', targeted: 1 },
      { at, channel: null, platform: null, targeted: 1, skipped: 1 },
      { at, channel: '', platform: '', targeted: 1, skipped: 1 },
    );
    const counts = { targeted: 0, pushed: 0, skipped: 0, failed: 0, delivered: 0, opened: 0 };
    expect(await rows('delivery_tally', appId)).toEqual([
      { ...counts, day: '2026-11-20', channel: 'apns', platform: 'ios', targeted: 3, pushed: 1, failed: 1 },
      { ...counts, day: '2026-11-20', channel: 'none', platform: 'unknown', targeted: 2, skipped: 2 },
    ]);
  });

  it('asks the database for nothing when there is nothing to add', async () => {
    const never = { query: () => Promise.reject(new Error('asked')) };
    await expect(tallies.add(never, newId(), [])).resolves.toBeUndefined();
  });

  it.each([
    ['Asia/Shanghai', '2026-11-20T15:59:59.999Z', '2026-11-20'],
    ['Asia/Shanghai', '2026-11-20T16:00:00Z', '2026-11-21'],
    ['America/New_York', '2026-11-20T04:59:59Z', '2026-11-19'],
    ['America/New_York', '2026-11-20T05:00:00Z', '2026-11-20'],
    ['America/New_York', '2026-07-20T04:00:00Z', '2026-07-20'],
    ['UTC', '2026-11-20T23:59:59Z', '2026-11-20'],
    ['Nowhere/Land', '2026-11-20T23:59:59Z', '2026-11-20'],
  ])('counts for the day of %s: %s is in %s', async (zone, instant, day) => {
    const appId = await anApp(zone);
    await add(appId, { at: new Date(instant), channel: 'apns', platform: 'ios', targeted: 1 });
    expect(await rows('delivery_tally', appId)).toMatchObject([{ day }]);
  });

  it('folds everything into the rows of the days, and takes back what was counted wrong', async () => {
    const appId = await anApp();
    await add(appId, { at, channel: 'apns', platform: 'ios', targeted: 5, pushed: 3, failed: 2 });
    await fold();
    await add(appId, { at, channel: 'apns', platform: 'ios', pushed: 1, failed: -1, delivered: 2 });
    await add(appId, { at, channel: 'fcm', platform: 'android', targeted: 1 });
    await fold();
    await fold();
    expect(await daily(appId)).toEqual([
      ['2026-11-20', 'apns', 'ios', 5, 4, 0, 1, 2, 0],
      ['2026-11-20', 'fcm', 'android', 1, 0, 0, 0, 0, 0],
    ]);
    expect(await rows('delivery_tally', appId)).toEqual([]);
  });

  it('folds each tally once, whoever folds while others add', async () => {
    const appId = await anApp();
    const adding = Array.from({ length: 40 }, (_, i) =>
      add(appId, { at, channel: i % 2 ? 'apns' : 'fcm', platform: 'ios', targeted: 3, pushed: 2 }),
    );
    await Promise.all([...adding, fold(), fold(), fold()]);
    await Promise.all([fold(), fold()]);
    expect(await daily(appId)).toEqual([
      ['2026-11-20', 'apns', 'ios', 60, 40, 0, 0, 0, 0],
      ['2026-11-20', 'fcm', 'ios', 60, 40, 0, 0, 0, 0],
    ]);
  });

  it('loses nothing when a fold is rolled back', async () => {
    const appId = await anApp();
    await add(appId, { at, channel: 'apns', platform: 'ios', targeted: 1 });
    const failing = sql.transaction(async (tx) => {
      await tallies.fold(tx);
      throw new Error('the process died');
    });
    await expect(failing).rejects.toThrow('the process died');
    await fold();
    expect(await daily(appId)).toEqual([['2026-11-20', 'apns', 'ios', 1, 0, 0, 0, 0, 0]]);
  });

  it('leaves the tallies of an app that is gone behind', async () => {
    const appId = await anApp();
    await add(appId, { at, channel: 'apns', platform: 'ios', targeted: 1 });
    await sql.query('DELETE FROM app WHERE id = $1', [appId]);
    await fold();
    expect(await rows('delivery_tally', appId)).toEqual([]);
    expect(await daily(appId)).toEqual([]);
  });

  describe('recordReach', () => {
    const now = new Date('2026-11-20T17:00:00Z');
    const DAY_MS = 86_400_000;
    let number = 0;

    const aDevice = (appId: string, platform: string, seenDaysAgo: number, state = 'active') =>
      sql.query(
        `INSERT INTO device (app_id, id, installation_id, platform, gateway, identifier, sealed_token, token_hash, state,
                             token_updated_at, last_seen_at)
         VALUES ($1, $2, $3, $4, 'apns', 'token', '', sha256($3::text::bytea), $5, $6, $6)`,
        [appId, newId(), `install-${++number}`, platform, state, new Date(now.getTime() - seenDaysAgo * DAY_MS)],
      );
    const record = (when = now, by = new Tallies()) => sql.transaction((tx) => by.recordReach(tx, when));
    const reach = async (appId: string) =>
      (
        await sql.query<{ day: string; platform: string; reachable: number }>(
          'SELECT day::text, platform, reachable FROM reach_daily WHERE app_id = $1 ORDER BY 1, 2',
          [appId],
        )
      ).map(({ day, platform, reachable }) => [day, platform, reachable]);

    it('counts active devices of 30 days, for the day of the app', async () => {
      const [shanghai, newYork] = [await anApp('Asia/Shanghai'), await anApp('America/New_York')];
      for (const appId of [shanghai, newYork]) {
        await aDevice(appId, 'ios', 0);
        await aDevice(appId, 'ios', 30);
        await aDevice(appId, 'ios', 30.01);
        await aDevice(appId, 'ios', 1, 'retired');
        await aDevice(appId, 'android', 29, 'suspect');
      }
      await record();
      expect(await reach(shanghai)).toEqual([
        ['2026-11-21', 'android', 0],
        ['2026-11-21', 'ios', 2],
      ]);
      expect(await reach(newYork)).toMatchObject([
        ['2026-11-20', 'android', 0],
        ['2026-11-20', 'ios', 2],
      ]);
    });

    it('does not count again at once', async () => {
      const appId = await anApp();
      const counter = new Tallies();
      await record(now, counter);
      await aDevice(appId, 'ios', 0);
      await record(new Date(now.getTime() + 299_999), counter);
      expect(await reach(appId)).toContainEqual(['2026-11-21', 'ios', 0]);
      await record(new Date(now.getTime() + 300_000), counter);
      expect(await reach(appId)).toContainEqual(['2026-11-21', 'ios', 1]);
    });

    it('keeps the last count of a day, and one row per day', async () => {
      const appId = await anApp();
      await aDevice(appId, 'android', 0);
      await Promise.all([record(), record()]);
      await sql.query(`UPDATE device SET state = 'retired' WHERE app_id = $1`, [appId]);
      await record();
      await record(new Date(now.getTime() + DAY_MS));
      expect(await reach(appId)).toEqual([
        ['2026-11-21', 'android', 0],
        ['2026-11-21', 'ios', 0],
        ['2026-11-22', 'android', 0],
        ['2026-11-22', 'ios', 0],
      ]);
    });
  });
});
