import { RECEIPT_KEY } from '@bellhop/contracts';
import { type NimSimulator, startNimSimulator } from '@bellhop/simulators';
import { WorkLoops } from '../../src/core/work-loops.js';
import { Clock } from '../../src/platform/clock.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Outlet, type Refused, refusalOf } from '../support/delegated.js';
import { freshApnsToken, freshFcmToken, Shop } from '../support/shop.js';

// Pushes that NIM delivers: it knows accounts alone, so our store says whom tags and packages mean.

const APP = { appKey: '0eb5f0c1d2e3f4a5b6c7d8e9fa0b1c2d', appSecret: 'nim-demo-app-secret' };
const SENDER = 'kf_bot';
const PACKAGE = 'cn.example.shop';

interface Explanation {
  readonly targets: number;
  readonly send: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly payloads: readonly { readonly payload: Record<string, unknown>; readonly targets: number }[];
}

describe('a push that NIM delivers', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let vendor: NimSimulator;
  let aheadMs = 0;
  let outlet: Outlet;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    // A clock that goes on by itself: the rate that NIM allows is counted by it.
    const now = () => Date.now() + aheadMs;
    platform.app.get(Clock).now = () => new Date(now());
    vendor = await startNimSimulator({ ...APP, accounts: [SENDER, 'nim_ann', 'nim_bob', 'cleo', 'dora'], now });
  });
  afterAll(async () => {
    await platform?.stop();
    await vendor?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    aheadMs = 0;
    vendor.reset();
    await open();
  });

  async function open(config: object = {}): Promise<void> {
    const shop = await Shop.open(platform, gateways);
    const settings = { ...APP, sender: SENDER, baseUrls: [vendor.baseUrl], v2BaseUrl: vendor.url, deadlineMs: 5_000 };
    outlet = new Outlet(shop, await shop.vendor('nim', { ...settings, ...config }));
    await link('ann', 'nim_ann');
    await link('bob', 'nim_bob');
  }

  const link = (userId: string, accid: string) => outlet.shop.link(userId, outlet.channel.publicId, 'nim.accid', accid);
  const forms = () => vendor.requests.map(({ params }) => params as Record<string, string>);
  const outcomes = (deliveries: Awaited<ReturnType<Outlet['rested']>>) =>
    Object.fromEntries(deliveries.map(({ userId, state, reason }) => [userId ?? '', reason ?? state]));

  it('to users is one call each, under their names at NIM and with a receipt of its own', async () => {
    const content = { title: 'Order', body: 'On its way', sound: 'ding.caf', extras: { order: '42' } };
    const deliveries = await outlet.send({ users: ['ann', 'bob', 'cleo'] }, content);
    expect(vendor.requests.map(({ path }) => path)).toEqual(Array(3).fill('/nimserver/msg/sendAttachMsg.action'));
    expect(forms().map(({ from, to, pushcontent, sound }) => [from, to, pushcontent, sound])).toEqual(
      expect.arrayContaining([
        [SENDER, 'nim_ann', 'On its way', 'ding.caf'],
        [SENDER, 'nim_bob', 'On its way', 'ding.caf'],
        [SENDER, 'cleo', 'On its way', 'ding.caf'],
      ]),
    );
    const payloads = vendor.pushes.map(({ payload }) => payload);
    expect(payloads).toMatchObject(payloads.map(() => ({ pushTitle: 'Order', order: '42' })));
    const receipts = payloads.map((payload) => String(payload?.[RECEIPT_KEY]));
    expect(new Set(receipts).size).toBe(3);
    expect(receipts.filter((receipt) => !/^[\w-]{64}$/.test(receipt))).toEqual([]);
    expect(deliveries.map(({ userId, target, state }) => [userId, target, state])).toEqual([
      ['ann', { kind: 'vendorUser', userId: 'nim_ann' }, 'accepted'],
      ['bob', { kind: 'vendorUser', userId: 'nim_bob' }, 'accepted'],
      ['cleo', { kind: 'vendorUser', userId: 'cleo' }, 'accepted'],
    ]);
    await outlet.shop.expectSums();
    const reported = await platform.request<{ data: object[] }>('POST', '/v1/receipts', {
      body: { receipts: [{ receipt: receipts[0], kind: 'opened', installationId: 'i-1', platform: 'ios' }] },
    });
    expect(reported.body.data).toEqual([{ status: 'recorded' }]);
  });

  it('keeps every digit of the ids that NIM gives', async () => {
    await open({ mode: 'message' });
    const [delivery] = await outlet.send({ users: ['ann'] });
    expect(vendor.requests[0]?.path).toBe('/nimserver/msg/sendMsg.action');
    expect(delivery?.vendorMessageId).toBe(vendor.pushes[0]?.messageId);
    expect(BigInt(delivery?.vendorMessageId ?? 0)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
  });

  it('fails for an account that NIM does not know, and for no other', async () => {
    const deliveries = await outlet.send({ users: ['ann', 'stranger', 'bob'] });
    expect(outcomes(deliveries)).toEqual({ ann: 'accepted', stranger: 'account.unknown', bob: 'accepted' });
    expect(deliveries.find(({ userId }) => userId === 'stranger')).toMatchObject({
      state: 'failed',
      attempts: [{ outcome: 'rejected', vendorCode: '404' }],
    });
    expect(vendor.pushes.map(({ accid }) => accid).toSorted()).toEqual(['nim_ann', 'nim_bob']);
    await outlet.shop.expectSums();
  });

  it('that names nobody whom NIM knows calls nobody', async () => {
    const strict = await outlet.shop.vendor('nim', { ...APP, sender: SENDER }, { identitiesAreUserIds: false });
    outlet = new Outlet(outlet.shop, strict);
    expect(outcomes(await outlet.send({ users: ['cleo'] }))).toEqual({ cleo: 'no_identity' });
    expect(vendor.counters.requests).toBe(0);
  });

  describe('to tags and packages', () => {
    beforeEach(async () => {
      const { app } = outlet.shop;
      const device = (userId: string, gateway: 'apns' | 'fcm', appIdentifier: string) =>
        app.device(userId, gateway, gateway === 'apns' ? freshApnsToken() : freshFcmToken(), { appIdentifier });
      await device('ann', 'apns', PACKAGE);
      await device('ann', 'fcm', PACKAGE);
      await device('bob', 'fcm', 'cn.example.other');
      await device('cleo', 'fcm', PACKAGE);
      const tag = (userId: string, ...tags: string[]) => app.call('PUT', `/v1/users/${userId}/tags`, { tags });
      await tag('ann', 'vip', '北京');
      await tag('bob', 'vip');
      await tag('cleo', 'vip', '上海');
      await tag('dora', 'phoneless');
    });

    it.each<[name: string, audience: object, accounts: string[]]>([
      ['all of some tags', { allOf: ['vip', '北京'] }, ['nim_ann']],
      ['any of some tags', { allOf: ['vip'], anyOf: ['北京', '上海'] }, ['cleo', 'nim_ann']],
      ['a package', { packageName: PACKAGE }, ['cleo', 'nim_ann']],
      ['a package and a tag', { allOf: ['北京'], packageName: PACKAGE }, ['nim_ann']],
      ['somebody without a phone here', { anyOf: ['phoneless'] }, ['dora']],
      ['those with an iPhone', { allOf: ['vip'], platforms: ['ios'] }, ['nim_ann']],
    ])('means %s of our store, each person once', async (_name, audience, accounts) => {
      const id = await outlet.notify(audience);
      await outlet.shop.settled();
      expect(vendor.pushes.map(({ accid }) => accid).toSorted()).toEqual(accounts);
      expect((await outlet.deliveries(id)).map(({ state }) => state)).toEqual(accounts.map(() => 'accepted'));
      // The phones that those people have with us are not told a second time.
      expect([gateways.apns.requests.length, gateways.fcm.requests.length]).toEqual([0, 0]);
      await outlet.shop.expectSums();
    });

    it('leaves out who wants nothing, and explains that beforehand', async () => {
      await outlet.shop.app.call('PUT', '/v1/users/ann/preferences', { optedOut: ['marketing'] });
      const asked = { audience: { allOf: ['vip'] }, content: { body: 'Sale' }, category: 'marketing' };
      const { body: said } = await outlet.ask<Explanation>(asked, '/v1/notifications/explain');
      expect(said).toMatchObject({ targets: 3, send: 2, skipped: { opted_out: 1 } });
      expect(vendor.counters.requests).toBe(0);
      const id = await outlet.notify(asked.audience, asked.content, { category: 'marketing' });
      await outlet.shop.settled();
      expect(outcomes(await outlet.deliveries(id))).toEqual({ ann: 'opted_out', bob: 'accepted', cleo: 'accepted' });
      expect(vendor.pushes.map(({ accid }) => accid).toSorted()).toEqual(['cleo', 'nim_bob']);
    });
  });

  it('to everyone is refused with the field, unless it is switched on', async () => {
    const body = { audience: { everyone: true }, content: { body: 'Maintenance' } };
    expect(refusalOf(await outlet.ask<Refused>(body))).toEqual([
      422,
      'notification.content_invalid',
      '/audience/everyone',
    ]);
    expect([await outlet.shop.notifications(), vendor.counters.requests]).toEqual([[], 0]);
    await open({ pushToAll: true });
    const deliveries = await outlet.send({ ...body.audience, platforms: ['ios'] }, body.content);
    expect(vendor.requests).toMatchObject([
      {
        path: '/im/v2/push_notification',
        params: { target_os: ['ios'], push_config: { push_content: 'Maintenance' } },
      },
    ]);
    expect(vendor.pushes.map(({ accid }) => accid)).toEqual([SENDER, 'nim_ann', 'nim_bob', 'cleo', 'dora']);
    expect(deliveries).toMatchObject([
      {
        state: 'accepted',
        userId: null,
        target: { kind: 'audience', audience: { kind: 'everyone', platforms: ['ios'] } },
        vendorMessageId: vendor.pushes[0]?.messageId,
      },
    ]);
  });

  it('disturbs those who want quiet only where it is forced, there and here', async () => {
    const quiet = { dndStart: '00:00', dndEnd: '23:59' };
    await outlet.shop.app.call('PUT', '/v1/users/ann/preferences', quiet);
    expect(outcomes(await outlet.send({ users: ['ann', 'bob'] }))).toEqual({ ann: 'do_not_disturb', bob: 'accepted' });
    expect(vendor.pushes.map(({ forced }) => forced)).toEqual([false]);
    vendor.reset();
    await outlet.send({ users: ['ann'] }, undefined, { forced: true });
    expect(forms()).toMatchObject([{ to: 'nim_ann', isForcePush: 'true' }]);
    expect(vendor.pushes.map(({ forced }) => forced)).toEqual([true]);
  });

  it('carries what only the push services of NIM know', async () => {
    const payload = { channel_id: 'im', hwField: { click_action: { type: 3 } }, apsField: { 'thread-id': 'orders' } };
    const content = { title: 'Order', body: 'On its way', vendorOptions: { nim: { payload, save: 1, badge: false } } };
    const asked = { audience: { users: ['ann'] }, content };
    const { body: said } = await outlet.ask<Explanation>(asked, '/v1/notifications/explain');
    await outlet.send(asked.audience, content);
    expect(vendor.pushes).toMatchObject([{ payload: { pushTitle: 'Order', ...payload }, badge: false }]);
    const sent = forms()[0] as Record<string, string>;
    expect(sent.save).toBe('1');
    const withoutReceipt = (fields: Record<string, unknown> = {}) => {
      const { payload: text, ...others } = fields;
      const { [RECEIPT_KEY]: receipt, ...rest } = JSON.parse(String(text)) as Record<string, unknown>;
      return { ...others, payload: rest, receiptLength: String(receipt).length };
    };
    expect(withoutReceipt(said.payloads[0]?.payload)).toEqual({ ...withoutReceipt(sent), to: 'nim_ann' });
  });

  it('waits when NIM wants a pause, and is not repeated when nobody knows what became of it', async () => {
    vendor.script('nim_ann', [416]);
    vendor.script('nim_bob', ['lost']);
    const id = await outlet.notify({ users: ['ann', 'bob'] });
    const first = await eventually(async () => {
      const all = await outlet.deliveries(id);
      return all.every(({ attempts }) => attempts.length === 1) && all;
    });
    expect(outcomes(first)).toEqual({ ann: 'rate.exceeded', bob: 'network.no_answer' });
    expect(first.map(({ state }) => state)).toEqual(['queued', 'unknown']);
    aheadMs = 3_600_000;
    await platform.app.get(WorkLoops).sweep();
    const rested = await outlet.rested(id);
    expect(outcomes(rested)).toEqual({ ann: 'accepted', bob: 'network.no_answer' });
    expect(vendor.pushesTo('nim_bob')).toHaveLength(1);
    await outlet.shop.expectSums();
  });
});
