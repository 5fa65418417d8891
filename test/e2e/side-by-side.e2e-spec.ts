import { kf5Ticket } from '@bellhop/simulators';
import { DataSource } from 'typeorm';
import { dataSourceOptions, migrate } from '../../src/platform/database.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Handwork } from '../support/handwork.js';
import { freshDatabase } from '../support/postgres.js';
import { freshApnsToken, Shop } from '../support/shop.js';

const SECOND = 1_000;

// `npm run chaos -- --only rolling-upgrade` shows the same with processes of 0.2.0.
describe('what a process of 0.2.0 writes beside this release', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let hand: Handwork;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'api', egressAllow: ['127.0.0.1:*'] });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    platform.setTime(new Date());
    shop = await Shop.open(platform, gateways);
    hand = new Handwork(shop);
    await shop.app.device('user_1', 'apns', freshApnsToken());
  });

  const claim = (leaseUntil: Date) =>
    shop.query(
      `UPDATE delivery SET state = 'sending', fence = fence + 1, lease_until = $2, updated_at = now() WHERE app_id = $1`,
      leaseUntil,
    );
  const claims = () => shop.query('SELECT ids, fences, lease_until FROM delivery_claim WHERE app_id = $1');

  it('is a claim that the sweep finds when its lease is over', async () => {
    await shop.notify({ users: ['user_1'] });
    await claim(new Date(hand.now.getTime() + SECOND));
    await hand.sweep();
    expect(await shop.outcomes()).toEqual(['sending']);
    hand.wait(2 * SECOND);
    await hand.sweep();
    expect(await hand.only()).toMatchObject({ state: 'queued', reason: 'worker.lost', attempt_count: 1 });
    // 0.2.0 would take it for lost again while this release sends it.
    expect(await shop.query('SELECT lease_until FROM delivery WHERE app_id = $1')).toEqual([{ lease_until: null }]);
    await hand.work();
    expect(await shop.outcomes()).toEqual(['accepted']);
    await shop.expectSums();
  });

  it('is no claim any more once it is recorded, or claimed anew', async () => {
    await shop.notify({ users: ['user_1'] });
    const { id, fence } = await hand.only();
    const [first, second] = [SECOND, 2 * SECOND].map((ms) => new Date(hand.now.getTime() + ms)) as [Date, Date];
    await claim(first);
    await claim(second);
    expect(await claims()).toEqual([{ ids: [id], fences: [fence + 2], lease_until: second }]);
    await shop.query(`UPDATE delivery SET state = 'accepted', lease_until = NULL WHERE app_id = $1`);
    expect(await claims()).toEqual([]);
  });

  it('is let go with all that is held', async () => {
    await shop.notify({ users: ['user_1'] });
    const hold = `UPDATE delivery SET state = 'held', reason = 'integration_paused', updated_at = $2 WHERE app_id = $1`;
    await shop.query(hold, hand.now);
    expect(await hand.only()).toMatchObject({ state: 'held', held_at: hand.now });
    await hand.sweep();
    expect(await hand.only()).toMatchObject({ state: 'queued', reason: null, held_at: null });
    await shop.query(hold, hand.now);
    await shop.query(`UPDATE delivery SET state = 'queued', reason = NULL WHERE app_id = $1`);
    expect(await hand.only()).toMatchObject({ held_at: null });
  });

  it('is known of a device, until it has another token', async () => {
    const [later, earlier] = [hand.now, new Date(hand.now.getTime() - SECOND)];
    const reach = (at: Date) => shop.query('UPDATE device SET last_accepted_at = $2 WHERE app_id = $1', at);
    const known = async () => {
      const path = '/v1/users/user_1/devices';
      const { body } = await shop.app.call<{ data: readonly { lastAcceptedAt: string | null }[] }>('GET', path);
      return body.data.map(({ lastAcceptedAt }) => lastAcceptedAt);
    };
    await reach(later);
    await reach(earlier);
    expect(await known()).toEqual([later.toISOString()]);
    await shop.query(`UPDATE device SET token_hash = sha256(token_hash), last_accepted_at = NULL WHERE app_id = $1`);
    expect(await known()).toEqual([null]);
  });
});

describe('the type of what is kept of an event', () => {
  it('stays as it was where there are events, because processes of 0.2.0 hold plans for it', async () => {
    const database = await freshDatabase();
    const open = async (schema: string): Promise<DataSource> => {
      const url = new URL(database.url);
      url.searchParams.set('options', `-c search_path=${schema}`);
      return new DataSource(dataSourceOptions({ url: url.href, poolSize: 2, entities: [] })).initialize();
    };
    const typeAfter = async (schema: string, work: (dataSource: DataSource) => Promise<unknown>): Promise<string> => {
      const dataSource = await open(schema);
      await dataSource.query(`CREATE SCHEMA ${schema}`);
      const [all, released] = [dataSource.migrations.slice(), dataSource.migrations.slice(0, 2)];
      dataSource.migrations.splice(0, all.length, ...released);
      await migrate(dataSource);
      await work(dataSource);
      dataSource.migrations.splice(0, released.length, ...all);
      await migrate(dataSource);
      const [row] = await dataSource.query<{ type: string }[]>(
        `SELECT data_type AS type FROM information_schema.columns
         WHERE table_schema = $1 AND table_name = 'inbound_event' AND column_name = 'event'`,
        [schema],
      );
      await dataSource.destroy();
      return row?.type ?? '';
    };
    const event = `INSERT INTO inbound_event (app_id, id, integration_id, callback_id, position, key, state, received_at)
      SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, 'one', 'routed', now()`;
    expect(await typeAfter('used', (dataSource) => dataSource.query(event))).toBe('jsonb');
    expect(await typeAfter('unused', () => Promise.resolve())).toBe('json');
    await database.drop();
  });

  it('may change while this release runs', async () => {
    const gateways = await startGateways();
    const platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    const shop = await Shop.open(platform, gateways);
    const phones = await shop.person('user_1');
    const { inboundUrl, publicId } = await shop.vendor('kf5');
    await shop.link('user_1', publicId, 'kf5.user_id', '7');
    for (const [ticket, type] of ['jsonb', 'json'].entries()) {
      await platform.sql.query(`ALTER TABLE inbound_event ALTER COLUMN event TYPE ${type}`);
      // More than one, for each connection of the pool to have its plan.
      for (let part = 0; part < 10; part++) {
        const ticketId = `${ticket}${part}`;
        await shop.deliver(inboundUrl, kf5Ticket({ userId: 7, ticketId, devices: [{ token: 'x', platform: 'ios' }] }));
      }
    }
    expect((await shop.events()).map(({ state }) => state)).toEqual(Array.from({ length: 20 }, () => 'routed'));
    expect(shop.alerts(phones)).toHaveLength(20);
    await platform.stop();
    await gateways.close();
  });
});
