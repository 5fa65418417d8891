import { sendCallback } from '@bellhop/simulators';
import { Client } from 'pg';
import type { Wire } from '../../src/cli/api-client.js';
import type { DeadLetterList, RedriveView } from '../../src/core/dead-letters/dead-letters.dto.js';
import { Sweeper } from '../../src/core/delivery/sweeper.js';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Handwork } from '../support/handwork.js';
import { freshApnsToken, Shop } from '../support/shop.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

type Letters = Wire<DeadLetterList>;
type Redriven = Wire<RedriveView>;

interface LostDelivery {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly lost_at: Date | null;
  readonly not_before: Date | null;
  readonly expires_at: Date;
  readonly attempt_count: number;
}

describe('dead letters', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let hand: Handwork;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    platform.setTime(new Date());
    shop = await Shop.open(platform, gateways);
    hand = new Handwork(shop);
  });
  afterEach(() => {
    platform.setTime(undefined);
    gateways.apns.reset();
  });

  const letters = async (query = ''): Promise<Letters> => {
    const reply = await shop.app.call<Letters>('GET', `/v1/dead-letters${query}`);
    expect([reply.status, reply.body]).toEqual([200, reply.body]);
    return reply.body;
  };
  const redrive = async (body: object, headers?: Record<string, string>): Promise<Redriven> => {
    const reply = await shop.app.call<Redriven>('POST', '/v1/dead-letters/redrive', body, headers);
    expect([reply.status, reply.body]).toEqual([202, reply.body]);
    return reply.body;
  };
  const rows = () => shop.query<LostDelivery>('SELECT * FROM delivery WHERE app_id = $1 ORDER BY lost_at, id');
  const people = (count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, (_, i) => shop.app.device(`user_${i}`, 'apns', freshApnsToken())));
  const everyone = (count: number) => ({ users: Array.from({ length: count }, (_, i) => `user_${i}`) });
  /** Ends deliveries as a worker does, one after the other. */
  const lose = (state: string, reason: string, count = 1_000_000) =>
    shop.query(
      `WITH chosen AS (
         SELECT id, row_number() OVER (ORDER BY id) AS place FROM delivery
         WHERE app_id = $1 AND state = 'queued' ORDER BY id LIMIT $5
       ), ended AS (
         UPDATE delivery d SET state = $2, reason = $3, attempt_count = 8, updated_at = $4::timestamptz + chosen.place * interval '1 ms'
         FROM chosen WHERE d.app_id = $1 AND d.id = chosen.id RETURNING d.notification_id
       ), counts AS (SELECT notification_id, count(*)::int AS count FROM ended GROUP BY 1)
       UPDATE notification n SET pending_count = pending_count - count,
              state = CASE WHEN pending_count = count THEN 'done' ELSE state END,
              done_at = CASE WHEN pending_count = count THEN $4::timestamptz END
       FROM counts WHERE n.app_id = $1 AND n.id = counts.notification_id`,
      state,
      reason,
      hand.now,
      count,
    );
  const failedOfTheDay = async (): Promise<number> => {
    await platform.app.get(Sweeper).sweep();
    const [row] = await shop.query<{ failed: number }>(
      'SELECT coalesce(sum(failed), 0)::int AS failed FROM delivery_daily WHERE app_id = $1',
    );
    return row?.failed ?? 0;
  };

  describe('the list', () => {
    it('groups what workers gave up by cause, with the newest as a sample', async () => {
      const tokens = [freshApnsToken(), freshApnsToken(), freshApnsToken()];
      for (const [i, token] of tokens.entries()) await shop.app.device(`user_${i}`, 'apns', token);
      for (const token of tokens) gateways.apns.script(token, ['PayloadTooLarge']);
      await shop.notify(everyone(3));
      await hand.work();
      const failed = await rows();
      expect(failed.map(({ state, lost_at }) => [state, lost_at])).toEqual(tokens.map(() => ['failed', hand.now]));
      expect((await letters()).deliveries).toEqual([]);
      expect((await letters('?state=failed')).deliveries).toEqual([
        {
          state: 'failed',
          reason: failed[0]?.reason,
          channel: 'apns',
          integrationId: shop.apns.publicId,
          count: 3,
          oldest: hand.now.toISOString(),
          newest: hand.now.toISOString(),
          sample: publicId(
            'dlv',
            failed
              .map(({ id }) => id)
              .sort()
              .at(-1) as string,
          ),
        },
      ]);
    });

    it('tells causes apart, the largest group first', async () => {
      await people(6);
      await shop.notify(everyone(6));
      await lose('dead', 'gateway.unavailable', 1);
      await lose('dead', 'gateway.timeout', 3);
      await lose('expired', 'expired', 2);
      expect((await letters()).deliveries.map(({ reason, count }) => [reason, count])).toEqual([
        ['gateway.timeout', 3],
        ['gateway.unavailable', 1],
      ]);
      expect((await letters('?state=expired')).deliveries).toMatchObject([{ reason: 'expired', count: 2 }]);
      const [group] = (await letters('?reason=gateway.timeout')).deliveries;
      expect(Date.parse(group?.newest ?? '') - Date.parse(group?.oldest ?? '')).toBe(2);
    });

    it.each([
      ['?channel=apns', 2],
      ['?channel=fcm', 0],
      ['?reason=gateway.timeout', 2],
      ['?reason=other', 0],
      ['?integrationId=int_019a8f3b2c4d7e5fa0b1c2d3e4f50617', 0],
    ])('is filtered by %s', async (query, count) => {
      await people(2);
      await shop.notify(everyone(2));
      await lose('dead', 'gateway.timeout');
      expect((await letters(query)).deliveries.reduce((sum, group) => sum + group.count, 0)).toBe(count);
    });

    it('is of the last seven days unless somebody says otherwise', async () => {
      await people(1);
      await shop.notify(everyone(1));
      await lose('dead', 'gateway.timeout');
      const lostAt = (await rows())[0]?.lost_at as Date;
      hand.wait(8 * DAY);
      expect((await letters()).deliveries).toEqual([]);
      const [from, after] = [lostAt, new Date(lostAt.getTime() + 1)].map((at) => at.toISOString());
      expect((await letters(`?from=${from}`)).deliveries).toHaveLength(1);
      expect((await letters(`?from=${after}`)).deliveries).toEqual([]);
      expect((await letters(`?from=${from}&to=${from}`)).deliveries).toEqual([]);
    });

    it('is of one app', async () => {
      await people(1);
      await shop.notify(everyone(1));
      await lose('dead', 'gateway.timeout');
      const other = await platform.createApp();
      expect((await other.call<Letters>('GET', '/v1/dead-letters')).body).toEqual({ deliveries: [], events: [] });
      expect((await other.call('POST', '/v1/dead-letters/redrive', {})).body).toMatchObject({
        matched: 0,
        redriven: 0,
      });
      expect((await rows())[0]).toMatchObject({ state: 'dead' });
    });

    it('has what callbacks brought and nobody could use', async () => {
      const kf5 = await shop.vendor('kf5');
      for (const body of ['no json', '{"a":', '[]']) {
        await sendCallback(kf5.inboundUrl, { method: 'POST', path: '', query: {}, headers: {}, body });
      }
      await shop.query(
        `UPDATE inbound_event SET state = 'failed', reason = 'routing.error'
         WHERE app_id = $1 AND id = (SELECT id FROM inbound_event WHERE app_id = $1 ORDER BY id LIMIT 1)`,
      );
      const [first, second, third] = (await shop.events()).map(({ id }) => publicId('evt', id));
      const shared = { integrationId: kf5.publicId, count: 1 };
      expect((await letters()).events).toMatchObject([
        { ...shared, state: 'failed', reason: 'routing.error', sample: first },
        { ...shared, state: 'quarantined', reason: 'kf5.body_not_json', sample: second },
        { ...shared, state: 'quarantined', reason: 'kf5.body_not_object', sample: third },
      ]);
      expect((await letters('?reason=kf5.body_not_json')).events).toHaveLength(1);
      expect((await letters(`?integrationId=${shop.apns.publicId}`)).events).toEqual([]);
    });

    it.each([
      ['?state=queued', '?state'],
      ['?from=yesterday', '?from'],
      ['?integrationId=1', '?integrationId'],
      ['?channel=', '?channel'],
    ])('refuses %s', async (query, field) => {
      const reply = await shop.app.call('GET', `/v1/dead-letters${query}`);
      expect([reply.status, reply.body]).toMatchObject([400, { errors: [{ field }] }]);
    });

    it('loses a delivery as soon as a receipt proves that it arrived, or somebody sends it once more', async () => {
      await people(3);
      await shop.notify(everyone(3));
      await lose('failed', 'gateway.refused');
      const [sent, arrived] = (await rows()).map(({ id }) => id) as [string, string];
      expect((await shop.app.call('POST', `/v1/deliveries/${publicId('dlv', sent)}/retry`, {})).status).toBe(202);
      const receipt = platform.app.get(ReceiptTokens).issue(shop.app.id, arrived);
      const receipts = [{ receipt, kind: 'delivered' }];
      expect((await shop.app.call('POST', '/v1/receipts', { receipts })).status).toBe(200);
      expect((await letters('?state=failed')).deliveries).toMatchObject([{ count: 1 }]);
      expect((await rows()).filter(({ lost_at }) => lost_at)).toHaveLength(1);
    });
  });

  describe('a redrive', () => {
    it('that is dry counts and changes nothing', async () => {
      await people(3);
      await shop.notify(everyone(3));
      await lose('dead', 'gateway.timeout');
      const before = await rows();
      expect(await redrive({ dryRun: true })).toEqual({
        dryRun: true,
        matched: 3,
        redriven: 0,
        remaining: 3,
        until: null,
      });
      expect(await rows()).toEqual(before);
    });

    it('sends what was dead once more, with fresh attempts and a fresh time to live', async () => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      await shop.notify({ users: ['user_1'] });
      await lose('dead', 'gateway.timeout');
      hand.wait(2 * DAY);
      expect(await redrive({ ttlSeconds: 600 })).toEqual({
        dryRun: false,
        matched: 1,
        redriven: 1,
        remaining: 0,
        until: new Date(hand.now.getTime() + SECOND).toISOString(),
      });
      expect((await rows())[0]).toMatchObject({
        state: 'queued',
        reason: null,
        lost_at: null,
        attempt_count: 0,
        not_before: hand.now,
        expires_at: new Date(hand.now.getTime() + 600 * SECOND),
      });
      await shop.expectSums();
      await hand.work();
      expect(await shop.outcomes()).toEqual(['accepted']);
      expect(shop.onApns(token)).toHaveLength(1);
      await shop.expectSums();
    });

    it('keeps its rate: so many in every second, the oldest loss first', async () => {
      await people(10);
      await shop.notify(everyone(10));
      await lose('dead', 'gateway.timeout');
      const order = (await rows()).map(({ id }) => id);
      await platform.sql.query('DELETE FROM pgboss.job');
      const { until } = await redrive({ perSecond: 4 });
      const due = await shop.query<LostDelivery>('SELECT * FROM delivery WHERE app_id = $1 ORDER BY not_before, id');
      const start = hand.now.getTime();
      const seconds = due.map(({ not_before }) => ((not_before?.getTime() ?? 0) - start) / SECOND);
      expect(seconds).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
      expect(new Set(due.slice(0, 4).map(({ id }) => id))).toEqual(new Set(order.slice(0, 4)));
      expect(Date.parse(until ?? '')).toBe(start + 3 * SECOND);
      const jobs = await platform.sql.query<{ ids: number; after: Date }[]>(
        `SELECT jsonb_array_length(data -> 'ids')::int AS ids, start_after AS after FROM pgboss.job
         WHERE name = 'deliver' AND data ->> 'appId' = $1 ORDER BY start_after`,
        [shop.app.id],
      );
      expect(jobs.map(({ ids }) => ids)).toEqual([4, 4, 2]);
      await hand.work();
      expect((await shop.outcomes()).filter((outcome) => outcome === 'accepted')).toHaveLength(4);
      hand.wait(SECOND);
      await hand.work();
      hand.wait(SECOND);
      await hand.work();
      expect(new Set(await shop.outcomes())).toEqual(new Set(['accepted']));
      await shop.expectSums();
    });

    it('stops at its limit, and another one goes on behind it', async () => {
      await people(5);
      await shop.notify(everyone(5));
      await lose('dead', 'gateway.timeout');
      const first = await redrive({ limit: 2, perSecond: 2 });
      expect(first).toMatchObject({ matched: 5, redriven: 2, remaining: 3 });
      const second = await redrive({ limit: 10, perSecond: 2, startAt: first.until });
      expect(second).toMatchObject({ matched: 3, redriven: 3, remaining: 0 });
      expect(Date.parse(second.until ?? '') - hand.now.getTime()).toBe(3 * SECOND);
      expect(await redrive({})).toMatchObject({ matched: 0, redriven: 0, until: null });
      await shop.expectSums();
    });

    it('costs the same few statements however many deliveries there are', async () => {
      const statements = async (count: number): Promise<number> => {
        shop = await Shop.open(platform, gateways);
        await people(count);
        await shop.notify(everyone(count));
        await lose('dead', 'gateway.timeout');
        return countStatements(async () => {
          expect(await redrive({ perSecond: 10_000 })).toMatchObject({ redriven: count });
        });
      };
      expect(await statements(200)).toBe(await statements(2));
    });

    it('leaves out what was cancelled, and takes the others', async () => {
      await people(2);
      const cancelled = await shop.notify({ users: ['user_0'] });
      await lose('dead', 'gateway.timeout');
      await shop.query(`UPDATE notification SET state = 'cancelled', cancelled_at = now() WHERE app_id = $1`);
      await shop.notify({ users: ['user_1'] });
      await lose('dead', 'gateway.timeout');
      expect((await letters()).deliveries).toMatchObject([{ count: 2 }]);
      expect(await redrive({})).toMatchObject({ matched: 1, redriven: 1 });
      const { state } = (await shop.app.call<{ state: string }>('GET', `/v1/notifications/${cancelled}`)).body;
      expect(state).toBe('cancelled');
      expect((await shop.outcomes()).sort()).toEqual(['dead(gateway.timeout)', 'queued']);
    });

    it('takes back what the day counted as failed, and nothing for what had no known fate', async () => {
      await people(2);
      await shop.notify(everyone(2));
      await lose('dead', 'gateway.timeout', 1);
      await lose('unknown', 'worker.lost', 1);
      const before = await failedOfTheDay();
      await redrive({});
      expect(await failedOfTheDay()).toBe(before - 1);
      expect(await redrive({ state: 'unknown' })).toMatchObject({ redriven: 1 });
      expect(await failedOfTheDay()).toBe(before - 1);
    });

    it('ends as skipped where the device was retired meanwhile', async () => {
      await people(1);
      await shop.notify(everyone(1));
      await lose('dead', 'gateway.timeout');
      await shop.query(`UPDATE device SET state = 'retired' WHERE app_id = $1`);
      await redrive({});
      await hand.work();
      expect(await shop.outcomes()).toEqual(['skipped(device_not_active)']);
      await shop.expectSums();
    });

    it('under an idempotency key is made once', async () => {
      await people(2);
      await shop.notify(everyone(2));
      await lose('dead', 'gateway.timeout');
      const key = { 'idempotency-key': 'redrive-1' };
      const first = await redrive({ limit: 1 }, key);
      expect(await redrive({ limit: 1 }, key)).toEqual(first);
      expect((await shop.outcomes()).sort()).toEqual(['dead(gateway.timeout)', 'queued']);
    });

    it('needs the scope admin', async () => {
      const { key } = await platform.createApp(['broadcast']);
      const reply = await platform.request('POST', '/v1/dead-letters/redrive', { key, body: {} });
      expect([reply.status, reply.body]).toMatchObject([403, { code: 'auth.scope_missing' }]);
    });

    it.each([
      [{ state: 'accepted' }, '/state'],
      [{ perSecond: 0 }, '/perSecond'],
      [{ limit: 100_001 }, '/limit'],
      [{ ttlSeconds: 59 }, '/ttlSeconds'],
      [{ startAt: 'soon' }, '/startAt'],
      [{ dryRun: 'yes' }, '/dryRun'],
    ])('refuses %j', async (body, field) => {
      const reply = await shop.app.call('POST', '/v1/dead-letters/redrive', body);
      expect([reply.status, reply.body]).toMatchObject([400, { errors: [{ field }] }]);
    });
  });
});

/** Statements about deliveries and notifications that this process makes meanwhile. */
async function countStatements(work: () => Promise<void>): Promise<number> {
  const query = Reflect.get(Client.prototype, 'query') as (...args: unknown[]) => unknown;
  let count = 0;
  Client.prototype.query = function counted(this: Client, ...args: unknown[]) {
    const [first] = args as [string | { text?: string }];
    if (/\b(delivery|notification)\b/.test(typeof first === 'string' ? first : (first.text ?? ''))) count++;
    return Reflect.apply(query, this, args);
  } as never;
  try {
    await work();
  } finally {
    Client.prototype.query = query as never;
  }
  expect(count).toBeGreaterThan(0);
  return count;
}
