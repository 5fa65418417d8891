import { nimLogin, nimLogout, nimMessage } from '@bellhop/simulators';
import { EventRouter } from '../../src/core/routing/event-router.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };

describe('processes that share a database', () => {
  let api: TestPlatform;
  let workers: TestPlatform[];
  let gateways: Gateways;
  let shop: Shop;

  beforeAll(async () => {
    gateways = await startGateways();
    api = await TestPlatform.start({ role: 'api' });
    workers = [];
  });
  afterAll(async () => {
    for (const worker of workers ?? []) await worker.stop();
    await api?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(api, gateways);
  });

  const startWorker = async (): Promise<TestPlatform> => {
    const worker = await TestPlatform.start({ role: 'worker', databaseUrl: api.databaseUrl });
    workers.push(worker);
    return worker;
  };

  it('one accepts, another one pushes as soon as it is there', async () => {
    const phones = await shop.person('user_1');
    const { inboundUrl } = await shop.vendor('nim', APP);
    const message = { fromAccount: 'zhangsan', to: 'user_1', body: '你好' };
    await shop.post(inboundUrl, nimMessage(APP, message, { now: new Date() }));
    expect((await shop.events()).map(({ state }) => state)).toEqual(['accepted']);
    expect([await shop.deliveries(), shop.pushes(phones)]).toEqual([[], [0, 0]]);
    const worker = await startWorker();
    await shop.settled();
    expect(shop.pushes(phones)).toEqual([1, 1]);
    // A worker takes no callbacks.
    expect((await fetch(inboundUrl.replace(api.url, worker.url), { method: 'POST', body: '{}' })).status).toBe(503);
  });

  it('two workers route the events of a conversation in their order, and each of them once', async () => {
    await startWorker();
    const people = await Promise.all(['a', 'b', 'c', 'd'].map((name) => shop.person(`user_${name}`)));
    const { inboundUrl } = await shop.vendor('nim', APP);
    for (let i = 0; i < 10; i++) {
      await Promise.all(
        people.map(({ userId }) => {
          const message = { fromAccount: `to_${userId}`, to: userId, body: `${i}` };
          return shop.post(inboundUrl, nimMessage(APP, message, { now: new Date() }));
        }),
      );
    }
    await shop.settled();
    const rows = await shop.query<{ user_id: string; body: string }>(
      `SELECT e.event -> 'conversation' ->> 'id' AS user_id, e.event -> 'message' ->> 'text' AS body
       FROM notification n JOIN inbound_event e ON e.app_id = n.app_id AND e.id = n.event_id
       WHERE n.app_id = $1 ORDER BY n.created_at, n.id`,
    );
    for (const { userId } of people) {
      const bodies = rows.filter(({ user_id }) => user_id === `to_${userId}`).map(({ body }) => body);
      expect([userId, bodies]).toEqual([userId, Array.from({ length: 10 }, (_, i) => `${i}`)]);
    }
    expect(people.map((phones) => shop.pushes(phones))).toEqual(people.map(() => [10, 10]));
    await shop.expectSums();
  });

  it('two routers that get the same nudge make one notification', async () => {
    // Without a worker that takes the nudge first: a database of its own.
    const one = await TestPlatform.start({ role: 'api' });
    const lonely = await Shop.open(one, gateways);
    const there = await TestPlatform.start({ role: 'api', databaseUrl: one.databaseUrl });
    try {
      await lonely.person('user_1');
      const nim = await lonely.vendor('nim', APP);
      const { inboundUrl } = nim;
      const session = { accid: 'user_1', clientType: 'IOS', deviceId: 'd' };
      const now = new Date();
      await lonely.post(inboundUrl, nimLogout(APP, { ...session, reason: '1' }, { now }));
      await lonely.post(inboundUrl, nimLogin(APP, session, { now: new Date(now.getTime() + 1000) }));
      for (let i = 0; i < 20; i++) {
        const message = { fromAccount: `user_${i % 3}`, to: 'user_1', body: `${i}` };
        await lonely.post(inboundUrl, nimMessage(APP, message, { now }));
      }
      const ids = (await lonely.events()).map(({ id }) => id);
      const nudge = { apps: ids.map(() => lonely.app.id), ids, integrations: [nim.id] };
      const reversed = { ...nudge, ids: [...ids].reverse() };
      await Promise.all([one.app.get(EventRouter).route(nudge), there.app.get(EventRouter).route(reversed)]);
      expect((await lonely.events()).map(({ state }) => state)).toEqual(Array(22).fill('routed'));
      expect(await lonely.notifications()).toHaveLength(20);
      expect(await lonely.outcomes()).toEqual(Array(40).fill('queued'));
    } finally {
      await there.stop();
      await one.stop();
    }
  });

  it('what waits in a conversation is routed in its order, some at a time, however much it is', async () => {
    const one = await TestPlatform.start({ role: 'api' });
    const lonely = await Shop.open(one, gateways);
    const there = await TestPlatform.start({ role: 'api', databaseUrl: one.databaseUrl });
    try {
      await lonely.person('user_1');
      const nim = await lonely.vendor('nim', APP);
      const message = { fromAccount: 'zhangsan', to: 'user_1', body: '你好' };
      await lonely.post(nim.inboundUrl, nimMessage(APP, message, { now: new Date() }));
      const waiting = 2_500;
      await lonely.query(
        `WITH copied AS (DELETE FROM inbound_event WHERE app_id = $1 RETURNING *)
         INSERT INTO inbound_event SELECT (jsonb_populate_record(NULL::inbound_event, to_jsonb(copied) || jsonb_build_object(
           'id', overlay(id::text PLACING lpad(n::text, 12, '0') FROM 25), 'key', n, 'alias_key', NULL,
           'callback_id', overlay(callback_id::text PLACING lpad(n::text, 12, '0') FROM 25)))).*
         FROM copied, generate_series(1, $2) n`,
        waiting,
      );
      const last = (await lonely.events()).at(-1)?.id as string;
      const nudge = { apps: [lonely.app.id], ids: [last], integrations: [nim.id] };
      await Promise.all([one, there].map(({ app }) => app.get(EventRouter).route(nudge)));
      const routed = await lonely.query<{ number: string; round: string }>(
        `SELECT right(event_id::text, 12) AS number, xmin::text AS round FROM notification WHERE app_id = $1 ORDER BY id`,
      );
      expect(routed.map(({ number }) => Number(number))).toEqual(Array.from({ length: waiting }, (_, i) => i + 1));
      expect(new Set(routed.map(({ round }) => round)).size).toBe(3);
    } finally {
      await there.stop();
      await one.stop();
    }
  });
});
