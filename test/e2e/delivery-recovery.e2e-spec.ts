import { nimMessage } from '@bellhop/simulators';
import { MAX_ATTEMPTS } from '../../src/core/delivery/decide.js';
import { DeliveryWorker } from '../../src/core/delivery/delivery-worker.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { attemptsOf, Handwork } from '../support/handwork.js';
import { freshApnsToken, Shop } from '../support/shop.js';

const SECOND = 1_000;
const APP = { appKey: 'app-key', appSecret: 'app-secret' };

describe('deliveries after a crash', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let hand: Handwork;
  let token: string;

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
    token = freshApnsToken();
    await shop.app.device('user_1', 'apns', token);
  });
  afterEach(() => {
    platform.setTime(undefined);
    gateways.apns.reset();
  });

  const notify = () => shop.notify({ users: ['user_1'] });
  /** As a worker leaves a row that is killed between the call and the writing of its result. */
  const abandon = (leaseUntil: Date) =>
    shop.query(
      `WITH claimed AS (
         UPDATE delivery SET state = 'sending', fence = fence + 1 WHERE app_id = $1 RETURNING app_id, id, fence
       )
       INSERT INTO delivery_claim (app_id, id, lease_until, ids, fences)
       SELECT app_id, gen_random_uuid(), $2::timestamptz, array_agg(id), array_agg(fence) FROM claimed GROUP BY app_id`,
      leaseUntil,
    );

  it('are found by the sweep when their lease is over, sent again under the same id, and marked', async () => {
    await notify();
    await abandon(new Date(hand.now.getTime() + SECOND));
    await hand.sweep();
    expect(await shop.outcomes()).toEqual(['sending']);
    hand.wait(2 * SECOND);
    await hand.sweep();
    const lost = await hand.only();
    expect(lost).toMatchObject({ state: 'queued', reason: 'worker.lost', attempt_count: 1 });
    expect(lost.attempts).toMatchObject([{ at: hand.now.toISOString(), outcome: 'unknown', reason: 'worker.lost' }]);
    await shop.expectSums();
    await hand.work();
    const delivery = await hand.only();
    expect([delivery.state, ...attemptsOf(delivery)]).toEqual(['accepted', 'unknown', 'accepted!']);
    expect(shop.onApns(token).map(({ headers }) => headers['apns-id'])).toEqual([delivery.id]);
    await shop.expectSums();
  });

  it('are dead letters like any other when their last attempt was lost', async () => {
    const events = ['delivery.dead', 'notification.done'];
    expect((await shop.app.call('POST', '/v1/webhooks', { url: 'http://127.0.0.1:9/', events })).status).toBe(201);
    await notify();
    await shop.query('UPDATE delivery SET attempt_count = $2 WHERE app_id = $1', MAX_ATTEMPTS - 1);
    await abandon(new Date(hand.now.getTime() - SECOND));
    await hand.sweep();
    expect(await shop.outcomes()).toEqual(['dead(worker.lost)']);
    const announced = await shop.query<{ type: string }>(
      'SELECT type FROM webhook_message WHERE app_id = $1 ORDER BY id',
    );
    expect(announced.map(({ type }) => type)).toEqual(events);
    const [failed] = await shop.query<{ sum: number }>('SELECT sum(failed)::int FROM delivery_daily WHERE app_id = $1');
    expect(failed).toEqual({ sum: 1 });
    await shop.expectSums();
  });

  it('are not sent again after they expired meanwhile', async () => {
    await notify();
    await abandon(hand.now);
    hand.wait(25 * 3600 * SECOND);
    await hand.sweep();
    await hand.work();
    expect(await shop.outcomes()).toEqual(['expired(worker.lost)']);
    expect(shop.onApns(token)).toEqual([]);
    await shop.expectSums();
  });

  it('do not take the late result of a worker that was given up', async () => {
    await notify();
    const [nudge] = await hand.nudges();
    const worker = platform.app.get(DeliveryWorker);
    // The first call is held at the gateway, and will be refused; the second one goes through, after that.
    gateways.apns.script(token, ['PayloadTooLarge', { status: 200, delayMs: 400 }]);
    gateways.apns.hold();
    const late = worker.deliver(nudge!);
    await gateways.apns.received(1);
    hand.wait(91 * SECOND);
    await hand.sweep();
    expect(await shop.outcomes()).toEqual(['queued(worker.lost)']);
    const current = worker.deliver(nudge!);
    await gateways.apns.received(2);
    expect(await hand.only()).toMatchObject({ state: 'sending', fence: 2 });
    gateways.apns.release();
    await late;
    expect(await hand.only()).toMatchObject({ state: 'sending', fence: 2 });
    await current;
    const delivery = await hand.only();
    expect([delivery.state, delivery.fence, ...attemptsOf(delivery)]).toEqual(['accepted', 2, 'unknown', 'accepted!']);
    await shop.expectSums();
  });

  it('and events whose nudges were lost are found by the sweep of the next worker', async () => {
    const { inboundUrl } = await shop.vendor('nim', APP);
    await shop.post(inboundUrl, nimMessage(APP, { fromAccount: 'a', to: 'user_1', body: 'hi' }, { now: hand.now }));
    await notify();
    await platform.sql.query('DELETE FROM pgboss.job');
    await shop.query(`UPDATE inbound_event SET received_at = now() - interval '61 seconds' WHERE app_id = $1`);
    await shop.query(`UPDATE delivery SET updated_at = now() - interval '61 seconds' WHERE app_id = $1`);
    await shop.query(
      `UPDATE notification SET created_at = now() - interval '61 seconds', touched_at = NULL WHERE app_id = $1`,
    );
    const worker = await TestPlatform.start({ role: 'worker', databaseUrl: platform.databaseUrl });
    try {
      await shop.settled();
      expect(await shop.outcomes()).toEqual(['accepted', 'accepted']);
      expect(shop.alerts({ iosToken: token })).toHaveLength(2);
      await shop.expectSums();
    } finally {
      await worker.stop();
    }
  });

  it('wait for their turn as long as their nudge waits, and get another one when it is gone', async () => {
    await notify();
    const jobs = () =>
      platform.sql.query(`SELECT 1 FROM pgboss.job WHERE name = 'deliver' AND data ->> 'appId' = $1`, [shop.app.id]);
    const age = async () => {
      await shop.query(`UPDATE delivery SET updated_at = now() - interval '1 hour' WHERE app_id = $1`);
      await shop.query(`UPDATE notification SET touched_at = now() - interval '1 hour' WHERE app_id = $1`);
    };
    await age();
    await platform.sql.query(
      `UPDATE pgboss.job SET created_on = now() - interval '1 hour' WHERE data ->> 'appId' = $1`,
      [shop.app.id],
    );
    await hand.sweep();
    expect(await jobs()).toHaveLength(1);
    await platform.sql.query(`DELETE FROM pgboss.job WHERE data ->> 'appId' = $1`, [shop.app.id]);
    await age();
    await hand.sweep();
    expect(await jobs()).toHaveLength(1);
    await hand.work();
    expect(await shop.outcomes()).toEqual(['accepted']);
  });

  it('are swept by one process at a time', async () => {
    await notify();
    await abandon(new Date(hand.now.getTime() - SECOND));
    await Promise.all(Array.from({ length: 5 }, () => hand.sweep()));
    expect(attemptsOf(await hand.only())).toEqual(['unknown']);
  });
});
