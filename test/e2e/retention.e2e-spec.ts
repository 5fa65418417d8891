import { kf5Chat } from '@bellhop/simulators';
import { Client } from 'pg';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { Retention, RETENTION_LOCK } from '../../src/core/retention/retention.service.js';
import { Lease } from '../../src/core/work/lease.js';
import { Clock } from '../../src/platform/clock.js';
import { Environment } from '../../src/platform/env.js';
import { IdempotencyStore } from '../../src/platform/idempotency.store.js';
import { newId } from '../../src/platform/ids.js';
import { Metrics } from '../../src/platform/metrics.js';
import { Sql } from '../../src/platform/sql.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Handwork } from '../support/handwork.js';
import { freshApnsToken, Shop } from '../support/shop.js';

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
/** Days after which a month, whatever its length, and the time that deliveries are kept are over. */
const LONG = 180 + 32;

describe('what is too old', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let hand: Handwork;

  let retention: Retention;
  let metrics: Metrics;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'api', egressAllow: ['127.0.0.1:*'] });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    for (const table of TABLES) await platform.sql.query(`DELETE FROM ${table}`);
    await platform.sql.query('SELECT ensure_raw_partitions(now(), 7), ensure_delivery_partitions(now(), 2)');
    metrics = new Metrics();
    retention = of(platform, metrics);
    shop = await Shop.open(platform, gateways);
    hand = new Handwork(shop);
  });
  afterEach(() => {
    platform.setTime(undefined);
    gateways.apns.reset();
    Object.assign(settings(), { ...DAYS });
  });

  /** One process more. */
  const of = ({ app }: TestPlatform, counts = new Metrics()): Retention =>
    new Retention(
      app.get(Sql),
      app.get(Clock),
      app.get(Environment),
      counts,
      app.get(IdempotencyStore),
      app.get(Lease),
    );
  const settings = (): { -readonly [K in keyof Environment]: Environment[K] } => platform.app.get(Environment);
  const sweep = (): Promise<void> => retention.sweep();
  /** So many days from now, in the hours of retention unless another one is given. */
  const later = (days: number, clock = '19:00') => {
    const day = new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
    platform.setTime(new Date(`${day}T${clock}:00Z`));
  };
  const count = async (table: string): Promise<number> => {
    const [row] = await platform.sql.query<{ count: number }[]>(`SELECT count(*)::int FROM ${table}`);
    return row?.count ?? 0;
  };
  const partitions = async (table: string): Promise<string[]> => {
    const rows = await platform.sql.query<{ name: string }[]>(
      `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = $1::regclass ORDER BY 1`,
      [table],
    );
    return rows.map(({ name }) => name);
  };
  const dropped = async (): Promise<Record<string, number>> => {
    const { values } = await metrics.dropped.get();
    return Object.fromEntries(values.map(({ labels, value }) => [`${labels.table} ${labels.unit}`, value]));
  };
  const callback = async (): Promise<void> => {
    const kf5 = await shop.vendor('kf5');
    await shop.post(kf5.inboundUrl, kf5Chat({ userId: '7', text: newId(), devices: [] }));
  };
  const settle = (state = 'routed') =>
    shop.query(`UPDATE inbound_event SET state = $2, settled_at = now() WHERE app_id = $1`, state);
  /** A push that a gateway has taken. */
  const push = async (): Promise<void> => {
    await shop.app.device('user_1', 'apns', freshApnsToken());
    await shop.notify({ users: ['user_1'] });
    await hand.work();
    expect(await shop.outcomes()).toEqual(['accepted']);
  };

  describe('of the bytes of callbacks', () => {
    it('goes by the day, with its partition, and the events stay', async () => {
      await callback();
      await settle();
      const [today] = await partitions('inbound_raw');
      later(14);
      await sweep();
      expect([await count('inbound_raw'), await partitions('inbound_raw')]).toEqual([
        1,
        expect.arrayContaining([today]),
      ]);
      later(16);
      await sweep();
      expect([await count('inbound_raw'), await count('inbound_event')]).toEqual([0, 1]);
      expect(await partitions('inbound_raw')).not.toContain(today);
      expect(await dropped()).toMatchObject({ 'inbound_raw partitions': expect.any(Number) });
    });

    it('has partitions a week ahead, whatever the hour', async () => {
      later(100, '09:00');
      await sweep();
      const day = (days: number) =>
        new Date(hand.now.getTime() + days * DAY).toISOString().slice(0, 10).replaceAll('-', '_');
      const names = await partitions('inbound_raw');
      for (let days = 0; days <= 7; days++) expect(names).toContain(`inbound_raw_${day(days)}`);
    });

    it('stays as long as something of that time waits to be routed', async () => {
      await callback();
      later(20);
      await sweep();
      expect([await count('inbound_raw'), await dropped()]).toEqual([1, {}]);
      await settle();
      hand.wait(HOUR);
      await sweep();
      expect(await count('inbound_raw')).toBe(0);
    });

    it('goes row by row where it has no partition of its own', async () => {
      const old = '01000000-0000-7000-8000-000000000001';
      const raw = (id: string) =>
        shop.query(
          `INSERT INTO inbound_raw (app_id, callback_id, integration_id, method, path, query, headers, body, received_at)
           VALUES ($1, $2, $3, 'POST', '', '{}', '{}', 'x', now())`,
          id,
          newId(),
        );
      await raw(old);
      await raw(newId());
      expect(await count('inbound_raw_default')).toBe(1);
      later(1);
      await sweep();
      expect([await count('inbound_raw_default'), await count('inbound_raw')]).toEqual([0, 1]);
      expect(await dropped()).toEqual({ 'inbound_raw rows': 1 });
    });
  });

  describe('of deliveries', () => {
    it('goes by the month, with its partition, and the figures of the day stay', async () => {
      await push();
      await hand.sweep();
      const [month] = await partitions('delivery');
      const daily = await shop.query('SELECT * FROM delivery_daily WHERE app_id = $1');
      expect(daily).toHaveLength(1);
      later(180);
      await sweep();
      expect(await count('delivery')).toBe(1);
      later(LONG);
      await sweep();
      expect([await count('delivery'), await partitions('delivery')]).toEqual([0, expect.not.arrayContaining([month])]);
      expect(await shop.query('SELECT * FROM delivery_daily WHERE app_id = $1')).toEqual(daily);
      expect(await dropped()).toMatchObject({ 'delivery partitions': expect.any(Number), 'notification rows': 1 });
    });

    it.each(['queued', 'sending', 'held'])('stays while one is %s, and goes when that has ended', async (state) => {
      await push();
      await shop.query(`UPDATE delivery SET state = $2 WHERE app_id = $1`, state);
      await shop.query(`UPDATE notification SET state = 'sending', done_at = NULL WHERE app_id = $1`);
      later(LONG);
      await sweep();
      expect([await count('delivery'), await count('notification')]).toEqual([1, 1]);
      await shop.query(`UPDATE delivery SET state = 'expired' WHERE app_id = $1`);
      await shop.query(`UPDATE notification SET state = 'done', done_at = created_at WHERE app_id = $1`);
      hand.wait(HOUR);
      await sweep();
      expect([await count('delivery'), await count('notification')]).toEqual([0, 0]);
    });

    it('is looked at by the row: what its notification says does not count', async () => {
      await push();
      await shop.query(`UPDATE delivery SET state = 'held' WHERE app_id = $1`);
      later(LONG);
      await sweep();
      expect(await count('delivery')).toBe(1);
    });

    it('goes later when somebody uses the table, and nobody waits for that', async () => {
      await push();
      later(LONG);
      const reader = new Client({ connectionString: platform.databaseUrl });
      await reader.connect();
      await reader.query('BEGIN; SELECT count(*) FROM delivery');
      await sweep();
      expect(await count('delivery')).toBe(1);
      await reader.query('COMMIT');
      await reader.end();
      hand.wait(HOUR);
      await sweep();
      expect(await count('delivery')).toBe(0);
    });

    it('takes no receipt any more', async () => {
      await push();
      const [delivery] = await shop.deliveries();
      const receipt = platform.app.get(ReceiptTokens).issue(shop.app.id, delivery?.id ?? '');
      later(LONG);
      await sweep();
      const reply = await shop.app.call('POST', '/v1/receipts', { receipts: [{ receipt, kind: 'opened' }] });
      expect(JSON.stringify(reply.body)).toContain('receipt.delivery_gone');
    });
  });

  it('of notifications goes after their deliveries, and never before it has ended', async () => {
    await push();
    await shop.notify({ users: ['user_1'] }, { title: 'Later' }, { schedule: { at: '2099-01-01T00:00:00Z' } });
    settings().deliveryDays = 0;
    later(1_000);
    await sweep();
    expect([await count('delivery'), await count('notification')]).toEqual([1, 2]);
    settings().deliveryDays = 180;
    hand.wait(HOUR);
    await sweep();
    expect(await shop.query('SELECT state FROM notification WHERE app_id = $1')).toEqual([{ state: 'scheduled' }]);
  });

  it('of events goes when it has ended', async () => {
    await callback();
    await callback();
    await shop.query(
      `UPDATE inbound_event SET state = 'quarantined' WHERE app_id = $1 AND id = (SELECT max(id::text)::uuid FROM inbound_event)`,
    );
    later(89);
    await sweep();
    expect(await count('inbound_event')).toBe(2);
    later(91);
    await sweep();
    expect(await shop.query('SELECT state FROM inbound_event WHERE app_id = $1')).toEqual([{ state: 'accepted' }]);
    expect(await dropped()).toMatchObject({ 'inbound_event rows': 1 });
  });

  it('of receipts, figures and webhooks goes in its own time', async () => {
    await push();
    await hand.sweep();
    const [delivery] = await shop.deliveries();
    const receipt = platform.app.get(ReceiptTokens).issue(shop.app.id, delivery?.id ?? '');
    const url = { url: 'http://127.0.0.1:9/', events: ['receipt.opened'] };
    await shop.app.call('POST', '/v1/webhooks', url);
    await shop.app.call('POST', '/v1/receipts', { receipts: [{ receipt, kind: 'opened' }] });
    await shop.query(
      `INSERT INTO webhook_message (app_id, id, endpoint_id, type, payload, state, created_at, updated_at)
       SELECT app_id, gen_random_uuid(), endpoint_id, type, payload, 'delivered', created_at, updated_at
       FROM webhook_message WHERE app_id = $1`,
    );
    await hand.sweep();
    const counts = async () =>
      Promise.all(['webhook_message', 'receipt', 'delivery_daily', 'reach_daily'].map((table) => count(table)));
    const [messages, receipts, daily, reach] = await counts();
    expect([messages, receipts]).toEqual([2, 2]);
    later(29);
    await sweep();
    expect(await counts()).toEqual([2, 2, daily, reach]);
    later(31);
    await sweep();
    // What waits for its receiver stays.
    expect(await counts()).toEqual([1, 2, daily, reach]);
    later(181);
    await sweep();
    expect(await counts()).toEqual([1, 0, daily, reach]);
    later(1_094);
    await sweep();
    expect(await counts()).toEqual([1, 0, daily, reach]);
    later(1_097);
    await sweep();
    expect(await counts()).toEqual([1, 0, 0, 0]);
  });

  it('of idempotency keys goes after a day, at any hour', async () => {
    await shop.app.call('PUT', '/v1/users/u/tags', { tags: [] }, { 'idempotency-key': 'k' });
    later(2, '09:00');
    await sweep();
    expect([await count('idempotency_key'), await dropped()]).toEqual([0, { 'idempotency_key rows': 1 }]);
  });

  it('goes in its hours, and stays for ever where that is asked for', async () => {
    await push();
    await callback();
    await settle();
    Object.assign(settings(), { rawDays: 0, eventDays: 0 });
    later(1_000, '17:59');
    await sweep();
    expect([await count('delivery'), await dropped()]).toEqual([1, {}]);
    later(1_000, '18:00');
    await sweep();
    expect([await count('delivery'), await count('inbound_raw'), await count('inbound_event')]).toEqual([0, 1, 1]);
  });

  it('is many rows, of many apps: they go in bites, in one pass', async () => {
    const other = await platform.createApp();
    for (const { id } of [shop.app, other]) {
      await platform.sql.query(
        `INSERT INTO receipt (app_id, delivery_id, subject, kind, at, received_at)
         SELECT $1, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint + n / 10), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
                's', 'delivered', now(), now() FROM generate_series(1, 12000) n`,
        [id],
      );
    }
    later(181);
    await sweep();
    expect([await count('receipt'), await dropped()]).toMatchObject([0, { 'receipt rows': 24_000 }]);
  });

  it('is taken away by one process at a time', async () => {
    await push();
    const second = of(platform);
    later(LONG);
    const holder = new Client({ connectionString: platform.databaseUrl });
    await holder.connect();
    await holder.query('SELECT pg_advisory_lock($1)', [RETENTION_LOCK]);
    await Promise.all([sweep(), second.sweep()]);
    expect([await count('delivery'), await count('notification')]).toEqual([1, 1]);
    await holder.end();
    for (let hours = 0; hours < 2; hours++) {
      hand.wait(HOUR);
      await Promise.all([sweep(), second.sweep()]);
    }
    expect([await count('delivery'), await count('notification')]).toEqual([0, 0]);
  });
});

/** The rest goes with its app. */
const TABLES = ['app', 'inbound_event', 'inbound_raw', 'delivery', 'delivery_tally', 'receipt', 'webhook_message'];

const { deliveryDays, notificationDays, rawDays, eventDays } = new Environment();
const DAYS = { deliveryDays, notificationDays, rawDays, eventDays };
