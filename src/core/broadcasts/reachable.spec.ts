import { DataSource } from 'typeorm';
import { freshDatabase, type FreshDatabase } from '../../../test/support/postgres.js';
import { dataSourceOptions } from '../../platform/database.js';
import { newId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { Tallies } from '../statistics/tallies.js';
import { reachableDevices } from './reachable.js';

/** Five past midnight in Shanghai, which is still yesterday in UTC. */
const NOW = new Date('2026-11-20T16:05:00Z');

describe('reachable devices', () => {
  let database: FreshDatabase;
  let dataSource: DataSource;
  let sql: Sql;
  let number = 0;

  beforeAll(async () => {
    database = await freshDatabase();
    dataSource = await new DataSource(dataSourceOptions({ url: database.url, poolSize: 2, entities: [] })).initialize();
    sql = new Sql(dataSource);
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  const after = (minutes: number): Date => new Date(NOW.getTime() + minutes * 60_000);

  /** An app with one iPhone whose devices have been counted. @param counted what is remembered of it, of iPhones. */
  async function anApp(counted: number): Promise<string> {
    const id = newId();
    await sql.query(
      `INSERT INTO app (id, name, deep_link_scheme, time_zone) VALUES ($1, 'Shop', 'shop', 'Asia/Shanghai')`,
      [id],
    );
    await aDevice(id, 'ios');
    await sql.transaction((tx) => new Tallies().recordReach(tx, NOW));
    await sql.query(`UPDATE reach_daily SET reachable = $2 WHERE app_id = $1 AND platform = 'ios'`, [id, counted]);
    return id;
  }

  const aDevice = (appId: string, platform: string, seenAt = NOW, state = 'active') =>
    sql.query(
      `INSERT INTO device (app_id, id, installation_id, platform, gateway, identifier, sealed_token, token_hash, state,
                           token_updated_at, last_seen_at)
       VALUES ($1, $2, $3, $4, 'apns', 'token', '', sha256($3::text::bytea), $5, $6, $6)`,
      [appId, newId(), `install-${++number}`, platform, state, seenAt],
    );
  const reach = (appId: string, now: Date) => sql.transaction((tx) => reachableDevices(tx, appId, now));

  it('are taken from the last count where they are many', async () => {
    const appId = await anApp(50_000);
    expect(await reach(appId, after(9))).toEqual({ ios: 50_000, android: 0 });
  });

  it('are counted again when the last count is old', async () => {
    const appId = await anApp(50_000);
    expect(await reach(appId, after(11))).toEqual({ ios: 1, android: 0 });
  });

  it('are taken from the later one of two counts around midnight', async () => {
    const appId = await anApp(50_000);
    await sql.query(
      `INSERT INTO reach_daily (app_id, day, platform, reachable, counted_at)
       VALUES ($1, '2026-11-20', 'ios', 70000, $2), ($1, '2026-11-20', 'android', 70000, $2)`,
      [appId, after(-6)],
    );
    expect(await reach(appId, after(1))).toEqual({ ios: 50_000, android: 0 });
  });

  it('are counted where they are few: active ones that were seen within 30 days', async () => {
    const appId = await anApp(49_999);
    await aDevice(appId, 'android');
    await aDevice(appId, 'android', after(-30 * 24 * 60));
    await aDevice(appId, 'android', after(-30 * 24 * 60 - 2));
    await aDevice(appId, 'android', NOW, 'retired');
    expect(await reach(appId, NOW)).toEqual({ ios: 1, android: 2 });
  });

  it('are nobody where there is nobody', async () => {
    expect(await reach(newId(), NOW)).toEqual({ ios: 0, android: 0 });
  });
});
