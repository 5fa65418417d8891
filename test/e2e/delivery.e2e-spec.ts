import { MAX_ATTEMPTS } from '../../src/core/delivery/decide.js';
import { DeliveryWorker } from '../../src/core/delivery/delivery-worker.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { attemptsOf, Handwork } from '../support/handwork.js';
import { freshApnsToken, freshFcmToken, Shop } from '../support/shop.js';

const SECOND = 1_000;
const HOUR = 3_600_000;

describe('deliveries', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let hand: Handwork;
  let token: string;

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
    token = freshApnsToken();
    await shop.app.device('user_1', 'apns', token);
  });
  afterEach(() => {
    platform.setTime(undefined);
    gateways.apns.reset();
    gateways.fcm.reset();
  });

  const notify = (more: object = {}) => shop.notify({ users: ['user_1'] }, { title: 'Hello' }, more);
  /** What the day's figures say of this app. */
  const counted = async () => {
    const [sums] = await shop.query<{ failed: number; pushed: number }>(
      'SELECT coalesce(sum(failed), 0)::int AS failed, coalesce(sum(pushed), 0)::int AS pushed FROM delivery_tally WHERE app_id = $1',
    );
    return sums;
  };
  const retry = (id: string) => shop.app.call('POST', `/v1/deliveries/dlv_${id.replaceAll('-', '')}/retry`, {});

  it('are tried again later, never earlier than planned, under the same id', async () => {
    gateways.apns.script(token, ['ServiceUnavailable', 'InternalServerError']);
    await notify();
    await hand.work();
    const first = await hand.only();
    expect(first).toMatchObject({ state: 'queued', reason: 'gateway.unavailable', attempt_count: 1 });
    const wait = Number(first.not_before) - hand.now.getTime();
    expect(wait).toBeGreaterThanOrEqual(SECOND);
    expect(wait).toBeLessThanOrEqual(5 * SECOND);
    await shop.expectSums();

    platform.setTime(new Date(Number(first.not_before) - 1));
    await hand.work();
    expect(shop.onApns(token)).toHaveLength(1);
    expect(attemptsOf(await hand.workWhenDue())).toEqual(['transient', 'transient']);
    const last = await hand.workWhenDue();
    expect(last).toMatchObject({ state: 'accepted', reason: null, not_before: null, held_at: null });
    expect(await shop.query('SELECT 1 FROM delivery_claim WHERE app_id = $1')).toEqual([]);
    expect(attemptsOf(last)).toEqual(['transient', 'transient', 'accepted']);
    expect(last.attempts[0]).toMatchObject({ reason: 'gateway.unavailable', vendorCode: 'ServiceUnavailable' });
    expect(shop.onApns(token).map(({ headers }) => headers['apns-id'])).toEqual(Array(3).fill(last.id));
    await shop.expectSums();
  });

  it('come back by the queue, not by chance', async () => {
    gateways.apns.script(token, ['ServiceUnavailable']);
    await notify();
    await hand.work();
    const [job] = await platform.sql.query<{ data: { ids: string[] }; start_after: Date }[]>(
      `SELECT data, start_after FROM pgboss.job WHERE name = 'deliver' AND data ->> 'appId' = $1 AND start_after > now()`,
      [shop.app.id],
    );
    const { id, not_before } = await hand.only();
    expect(job).toEqual({ data: expect.objectContaining({ ids: [id] }), start_after: not_before });
  });

  it('wait as long as the gateway asks', async () => {
    const android = freshFcmToken('quota90');
    await shop.app.device('user_2', 'fcm', android);
    await shop.notify({ users: ['user_2'] });
    await hand.work();
    const { not_before, state } = await hand.only();
    expect(state).toBe('queued');
    expect(Number(not_before) - hand.now.getTime()).toBeGreaterThanOrEqual(89 * SECOND);
    expect(shop.onFcm(android)).toHaveLength(1);
  });

  it('are not sent once they are of no use', async () => {
    await notify({ ttlSeconds: 60 });
    hand.wait(60 * SECOND);
    await hand.work();
    expect(await shop.outcomes()).toEqual(['expired(expired)']);
    expect(shop.onApns(token)).toEqual([]);
    await shop.expectSums();
  });

  it('end when the next attempt would come too late', async () => {
    gateways.apns.script(token, ['TooManyProviderTokenUpdates']);
    await notify({ ttlSeconds: 600 });
    await hand.work();
    expect(await shop.outcomes()).toEqual(['expired(credentials.updated_too_often)']);
    await shop.expectSums();
  });

  it('die after their last attempt, and live again when somebody asks for it', async () => {
    gateways.apns.script(token, ['ServiceUnavailable'], { repeatLast: true });
    await notify({ ttlSeconds: 48 * 3600 });
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) await hand.workWhenDue();
    const dead = await hand.only();
    expect(dead).toMatchObject({ state: 'dead', reason: 'gateway.unavailable', attempt_count: MAX_ATTEMPTS });
    expect(shop.onApns(token)).toHaveLength(MAX_ATTEMPTS);
    hand.wait(HOUR);
    await hand.work();
    expect(shop.onApns(token)).toHaveLength(MAX_ATTEMPTS);
    await shop.expectSums();

    gateways.apns.reset();
    expect(await counted()).toEqual({ failed: 1, pushed: 0 });
    const revived = await retry(dead.id);
    expect([revived.status, revived.body['state']]).toEqual([202, 'queued']);
    expect(await counted()).toEqual({ failed: 0, pushed: 0 });
    await shop.expectSums();
    await hand.work();
    const delivered = await hand.only();
    expect([delivered.state, delivered.attempts.length]).toEqual(['accepted', MAX_ATTEMPTS + 1]);
    expect(await counted()).toEqual({ failed: 0, pushed: 1 });
    await shop.expectSums();
    const again = await retry(dead.id);
    expect([again.status, again.body['code']]).toEqual([422, 'delivery.not_retryable']);
  });

  it('live again without ending the planning of the others', async () => {
    gateways.apns.script(token, ['PayloadTooLarge']);
    await notify();
    await hand.work();
    const { id } = await hand.only();
    await shop.query(`UPDATE notification SET state = 'planning', done_at = NULL WHERE app_id = $1`);
    expect((await retry(id)).status).toBe(202);
    expect((await shop.notifications())[0]).toMatchObject({ state: 'planning', pending_count: 1 });
  });

  it('stay what they are once their notification is cancelled', async () => {
    gateways.apns.script(token, ['PayloadTooLarge']);
    await notify();
    await hand.work();
    const { id } = await hand.only();
    await shop.query(`UPDATE notification SET state = 'cancelled', cancelled_at = now() WHERE app_id = $1`);
    const reply = await retry(id);
    expect([reply.status, reply.body['code']]).toEqual([422, 'notification.cancelled']);
    expect(await shop.outcomes()).toEqual(['failed(payload.too_large)']);
    expect(await counted()).toEqual({ failed: 1, pushed: 0 });
  });

  it('live again once, however many ask for it', async () => {
    gateways.apns.script(token, ['PayloadTooLarge']);
    await notify();
    await hand.work();
    expect(await shop.outcomes()).toEqual(['failed(payload.too_large)']);
    const { id } = await hand.only();
    const statuses = (await Promise.all(Array.from({ length: 10 }, () => retry(id)))).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([202, ...Array<number>(9).fill(422)]);
    await shop.expectSums();
    await hand.work();
    expect(await shop.outcomes()).toEqual(['accepted']);
    await shop.expectSums();
  });

  it('are sent again and marked when the connection broke before the answer', async () => {
    gateways.apns.script(token, ['drop']);
    await notify();
    await hand.work();
    expect(await hand.only()).toMatchObject({ state: 'queued', reason: 'network.no_answer' });
    const delivery = await hand.workWhenDue();
    expect(attemptsOf(delivery)).toEqual(['unknown', 'accepted!']);
    expect(shop.onApns(token).map(({ headers }) => headers['apns-id'])).toEqual([delivery.id, delivery.id]);
    await shop.expectSums();
  });

  it('are not marked when the gateway had surely not taken them', async () => {
    await gateways.apns.refuse();
    await notify();
    await hand.work();
    await gateways.apns.listen();
    expect(attemptsOf(await hand.workWhenDue())).toEqual(['transient', 'accepted']);
    expect(shop.onApns(token)).toHaveLength(1);
  });

  it('go on, every one of them and none before its time, when what held them is resumed', async () => {
    const integration = `/v1/integrations/${shop.apns.publicId}`;
    await notify();
    await shop.app.call('POST', `${integration}/pause`, {});
    await hand.work();
    const later = new Date(hand.now.getTime() + HOUR);
    await shop.query(
      `INSERT INTO delivery (app_id, id, notification_id, integration_id, channel, device_id, locale, priority, state, reason,
                             not_before, held_at, expires_at, created_at, updated_at)
       SELECT app_id, gen_random_uuid(), notification_id, integration_id, channel, device_id, locale, priority, state, reason,
              $2, held_at, expires_at, created_at, updated_at
       FROM delivery, generate_series(1, 5001) WHERE app_id = $1`,
      later,
    );
    expect((await shop.app.call('POST', `${integration}/resume`)).status).toBe(200);
    const found = await shop.query(
      'SELECT state, reason, not_before, count(*)::int FROM delivery WHERE app_id = $1 GROUP BY 1, 2, 3 ORDER BY 4',
    );
    const queued = { state: 'queued', reason: null };
    expect(found).toEqual([
      { ...queued, not_before: null, count: 1 },
      { ...queued, not_before: later, count: 5_001 },
    ]);
    const [nudged] = await platform.sql.query<{ count: number }[]>(
      `SELECT sum(jsonb_array_length(data -> 'ids'))::int AS count FROM pgboss.job
       WHERE name = 'deliver' AND data ->> 'appId' = $1 AND start_after > now()`,
      [shop.app.id],
    );
    expect(nudged).toEqual({ count: 5_001 });
  });

  it('are sent although another one of their batch cannot be read', async () => {
    const lost = await shop.app.device('user_2', 'apns', freshApnsToken());
    await shop.query(`UPDATE device SET sealed_token = '\\x00' WHERE app_id = $1 AND id = $2`, lost.id);
    await shop.notify({ users: ['user_1', 'user_2'] });
    await hand.work();
    expect((await shop.outcomes()).toSorted()).toEqual(['accepted', 'queued(delivery.unreadable)']);
    expect(shop.onApns(token)).toHaveLength(1);
    await shop.expectSums();
  });

  it('are sent once when two workers get the same batch', async () => {
    const other = await TestPlatform.start({ role: 'api', databaseUrl: platform.databaseUrl });
    try {
      const tokens = Array.from({ length: 60 }, () => freshApnsToken());
      await Promise.all(tokens.map((it, i) => shop.app.device(`user_${i + 10}`, 'apns', it)));
      await shop.notify({ users: tokens.map((_, i) => `user_${i + 10}`) });
      const [nudge] = await hand.nudges();
      expect(nudge?.ids).toHaveLength(60);
      const half = { ...nudge!, ids: [...nudge!.ids].reverse().slice(0, 40) };
      const workers = [platform, other].map(({ app }) => app.get(DeliveryWorker));
      await Promise.all(workers.flatMap((worker) => [worker.deliver(half), worker.deliver(nudge!)]));
      expect(tokens.map((it) => shop.onApns(it).length)).toEqual(Array(60).fill(1));
      expect(await shop.outcomes()).toEqual(Array(60).fill('accepted'));
      await shop.expectSums();
    } finally {
      await other.stop();
    }
  });

  it('of one notification end one by one, and its counts add up all the time', async () => {
    const steps = ['ok', 'Unregistered', 'BadDeviceToken', 'PayloadTooLarge', 'TooManyRequests', 'emptyBody'] as const;
    for (const [i, step] of steps.entries()) {
      await shop.app.device(`mixed_${i}`, 'apns', freshApnsToken(step));
      await shop.app.device(`mixed_${i}`, 'fcm', freshFcmToken('fail1'));
    }
    await shop.notify({ users: [...steps.keys()].map((i) => `mixed_${i}`).concat('nobody') });
    await shop.expectSums();
    for (let round = 0; round < 3; round++) {
      await hand.work();
      await shop.expectSums();
      hand.wait(20 * SECOND);
    }
    const outcomes = Object.groupBy(await shop.outcomes(), (outcome) => outcome);
    expect(Object.fromEntries(Object.entries(outcomes).map(([outcome, all]) => [outcome, all?.length]))).toEqual({
      'skipped(no_token)': 1,
      'failed(token.unregistered)': 1,
      'failed(token.not_recognised)': 1,
      'failed(payload.too_large)': 1,
      'queued(target.too_many_requests)': 1,
      'queued(gateway.error)': 1,
      accepted: 7,
    });
  });
});
