import { Deferrals } from '../../src/core/delivery/deferrals.js';
import { DeliveryWorker } from '../../src/core/delivery/delivery-worker.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { attemptsOf, Handwork } from '../support/handwork.js';
import { freshApnsToken, freshFcmToken, Shop } from '../support/shop.js';

const SECOND = 1_000;
const OUT_OF_ORDER = ['ServiceUnavailable'] as const;

/** People with an iPhone each. */
async function people(shop: Shop, name: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${name}-${i}`);
  for (const user of names) await shop.app.device(user, 'apns', freshApnsToken());
  return names;
}

/** As the metric tells it. */
async function stateOf(shop: Shop): Promise<string | undefined> {
  const { body } = await shop.app.platform.request<string>('GET', '/metrics');
  const integration = shop.apns.publicId;
  return new RegExp(`^bellhop_lane_breaker\\{channel="apns",integration="${integration}"\\} (\\d)$`, 'm').exec(
    body,
  )?.[1];
}

describe('the breaker of a lane', () => {
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
  });
  afterEach(() => {
    platform.setTime(undefined);
    gateways.apns.reset();
  });

  /** Three batches through APNs that are answered 503. */
  async function fall(): Promise<void> {
    gateways.apns.script('*', OUT_OF_ORDER, { repeatLast: true });
    for (const name of ['a', 'b', 'c']) {
      await shop.notify({ users: await people(shop, name, 5) });
      await hand.work();
    }
  }

  const waiting = async () => (await shop.deliveries()).filter(({ attempt_count: attempts }) => attempts === 0);

  /** Deliveries of each nudge that comes when some of the rows are due, the smallest first. */
  async function nudgesFor(rows: Awaited<ReturnType<typeof waiting>>): Promise<readonly string[][]> {
    const nudges = await platform.sql.query<{ ids: string[] }[]>(
      `SELECT data -> 'ids' AS ids FROM pgboss.job
       WHERE name = 'deliver' AND start_after = ANY($1) AND data -> 'ids' ?| $2
       ORDER BY jsonb_array_length(data -> 'ids')`,
      [rows.map(({ not_before: at }) => at), rows.map(({ id }) => id)],
    );
    return nudges.map(({ ids }) => ids);
  }

  it('opens after three batches without an answer, and uses no more attempts', async () => {
    await fall();
    expect(await stateOf(shop)).toBe('2');
    const calls = gateways.apns.requests.length;
    await shop.notify({ users: await people(shop, 'late', 20) });
    await hand.work();
    const rows = await waiting();
    expect(rows).toHaveLength(20);
    for (const { state, reason, not_before: at } of rows) {
      expect([state, reason]).toEqual(['queued', 'channel_down']);
      expect(at?.getTime()).toBeGreaterThan(hand.now.getTime());
    }
    expect(gateways.apns.requests.length - calls).toBe(0);
    expect(await nudgesFor(rows)).toEqual([rows.map(({ id }) => id)]);
    await shop.expectSums();
  });

  it('gathers what comes one by one: a nudge for the trial, and one for the others', async () => {
    await fall();
    await shop.notify({ users: await people(shop, 'late', 20) });
    const worker = platform.app.get(DeliveryWorker);
    const ids = (await waiting()).map(({ id }) => id);
    for (const id of ids) await worker.deliver({ appId: shop.app.id, integrationId: shop.apns.id, ids: [id] });
    await platform.app.get(Deferrals).drained();
    const rows = await waiting();
    expect(new Set(rows.map(({ not_before: at }) => at?.getTime())).size).toBe(2);
    expect((await nudgesFor(rows)).map(({ length }) => length)).toEqual([1, 19]);
  });

  it('leaves the other lanes of the app alone', async () => {
    await fall();
    const token = freshFcmToken();
    await shop.app.device('late-0', 'fcm', token);
    await shop.notify({ users: await people(shop, 'late', 1) });
    await hand.work();
    expect(shop.onFcm(token)).toHaveLength(1);
    expect((await waiting()).map(({ channel }) => channel)).toEqual(['apns']);
  });

  it('makes a small trial, and waits longer when it fails', async () => {
    await fall();
    await shop.notify({ users: await people(shop, 'late', 30) });
    await hand.work();
    const late = await waiting();
    const calls = gateways.apns.requests.length;
    platform.setTime(late[0]!.not_before!);
    const nudge = { appId: shop.app.id, integrationId: shop.apns.id, ids: late.map(({ id }) => id) };
    await platform.app.get(DeliveryWorker).deliver(nudge);
    await platform.app.get(Deferrals).drained();
    expect(gateways.apns.requests.length - calls).toBe(10);
    const left = await waiting();
    expect(left).toHaveLength(20);
    const wait = left[0]!.not_before!.getTime() - hand.now.getTime();
    expect([wait >= 2 * SECOND, wait <= 4 * SECOND]).toEqual([true, true]);
    expect(await stateOf(shop)).toBe('2');
  });

  it('closes with the first answer and sends what waited', async () => {
    await fall();
    await shop.notify({ users: await people(shop, 'late', 30) });
    await hand.work();
    gateways.apns.script('*', []);
    platform.setTime((await waiting())[0]!.not_before!);
    await hand.work();
    expect(await stateOf(shop)).toBe('0');
    const late = (await shop.deliveries()).slice(15);
    for (const row of late) expect([row.state, row.reason, ...attemptsOf(row)]).toEqual(['accepted', null, 'accepted']);
    hand.wait(10 * SECOND);
    await hand.work();
    expect(await shop.outcomes()).toEqual(Array(45).fill('accepted'));
    await shop.expectSums();
  });

  it('lets nothing wait past its end', async () => {
    await fall();
    await shop.notify({ users: await people(shop, 'late', 2) });
    const [soon] = await waiting();
    const end = new Date(hand.now.getTime() + 500);
    await shop.query('UPDATE delivery SET expires_at = $2 WHERE app_id = $1 AND id = $3', end, soon!.id);
    await hand.work();
    expect((await shop.outcomes()).slice(15).sort()).toEqual(['expired(channel_down)', 'queued(channel_down)']);
    const [failed] = await shop.query<{ sum: number }>('SELECT sum(failed)::int FROM delivery_tally WHERE app_id = $1');
    expect(failed).toEqual({ sum: 1 });
    await shop.expectSums();
  });

  it('is not found by the sweep, which would wake what waits', async () => {
    await fall();
    await shop.notify({ users: await people(shop, 'late', 3) });
    await hand.work();
    const before = await waiting();
    await shop.query(`UPDATE notification SET touched_at = now() - interval '1 hour' WHERE app_id = $1`);
    await hand.sweep();
    expect(await waiting()).toEqual(before);
  });

  it('forgets what it learned about settings that were changed since', async () => {
    await fall();
    gateways.apns.script('*', []);
    const revised = await shop.app.call('PATCH', `/v1/integrations/${shop.apns.publicId}`, {
      config: { requestTimeoutMs: 3_000 },
    });
    expect([revised.status, revised.body]).toEqual([200, revised.body]);
    await shop.notify({ users: await people(shop, 'late', 1) });
    await hand.work();
    expect((await shop.outcomes()).at(-1)).toBe('accepted');
  });
});

describe('a backlog behind the breaker', () => {
  it('drains by itself once the vendor answers again', async () => {
    const gateways = await startGateways();
    const platform = await TestPlatform.start({ role: 'all', egressAllow: ['127.0.0.1:*'] });
    try {
      const shop = await Shop.open(platform, gateways);
      gateways.apns.script('*', OUT_OF_ORDER, { repeatLast: true });
      const users = await people(shop, 'all', 5);
      await eventually(async () => {
        await shop.notify({ users });
        return (await stateOf(shop)) === '2';
      });
      for (let i = 0; i < 5; i++) await shop.notify({ users });
      gateways.apns.script('*', []);
      await eventually(async () => {
        const rows = await shop.deliveries();
        return rows.every(({ state }) => state === 'accepted');
      }, 40_000);
      expect((await shop.deliveries()).some(({ attempt_count: attempts }) => attempts === 1)).toBe(true);
      expect(await stateOf(shop)).toBe('0');
      await shop.expectSums();
    } finally {
      await platform.stop();
      await gateways.close();
    }
  }, 60_000);
});

describe('a vendor that is silent', () => {
  it('keeps no other lane waiting, whatever comes through the queue', async () => {
    const gateways = await startGateways();
    // Apart, so that all nudges go through the queue.
    const api = await TestPlatform.start({ role: 'api', egressAllow: ['127.0.0.1:*'] });
    const { databaseUrl } = api;
    const worker = await TestPlatform.start({ role: 'worker', databaseUrl, egressAllow: ['127.0.0.1:*'] });
    try {
      gateways.apns.script('*', ['silence'], { repeatLast: true });
      const apnsConfig = { ...gateways.apnsConfig, requestTimeoutMs: 10_000 };
      const shop = await Shop.open(api, { ...gateways, apnsConfig });
      const users = await people(shop, 'silent', 8);
      for (const user of users) await shop.notify({ users: [user] });
      await gateways.apns.received(4);
      for (const user of users) await shop.notify({ users: [user] });
      const token = freshFcmToken();
      await shop.app.device('lively', 'fcm', token);
      await shop.notify({ users: ['lively'] });
      await eventually(async () => shop.onFcm(token).length > 0, 5_000);
    } finally {
      await worker.stop();
      await api.stop();
      await gateways.close();
    }
  }, 60_000);
});
