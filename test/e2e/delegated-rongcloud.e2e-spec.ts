import { RECEIPT_KEY } from '@bellhop/contracts';
import {
  type RongCloudDevice,
  type RongCloudPush,
  type RongCloudSimulator,
  startRongCloudSimulator,
} from '@bellhop/simulators';
import type { IntegrationSettings } from '../../src/core/integrations/integration.settings.js';
import { internalId } from '../../src/platform/ids.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Outlet } from '../support/delegated.js';
import { Shop } from '../support/shop.js';

// Pushes that RongCloud delivers: one call for a whole audience, and its simulator says whose devices showed what.

const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };
const PACKAGE = 'cn.example.shop';
const BOTH = ['ios', 'android'] as const;
const RECEIPT = expect.stringMatching(/^[\w-]{64}$/) as string;

const device = (id: string, userId: string, platform: 'ios' | 'android', packageName = PACKAGE): RongCloudDevice => ({
  id,
  userId,
  platform,
  packageName,
});

describe('a push that RongCloud delivers', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let vendor: RongCloudSimulator;
  let outlet: Outlet;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    vendor = await startRongCloudSimulator(APP);
    vendor.directory.addDevices([
      device('d1', 'u1', 'ios'),
      device('d2', 'u1', 'android'),
      device('d3', 'u2', 'ios'),
      device('d4', 'u3', 'android', 'cn.example.other'),
    ]);
  });
  afterAll(async () => {
    await platform?.stop();
    await vendor?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    vendor.reset();
    await platform.sql.query('DELETE FROM quota_entry');
    await open();
  });

  async function open(settings: Partial<IntegrationSettings> = {}): Promise<void> {
    const shop = await Shop.open(platform, gateways);
    outlet = new Outlet(shop, await shop.vendor('rongcloud', { ...APP, baseUrls: [vendor.url] }, settings));
  }

  /** The only push of this test, by which everything at the vendor and at our own gateways is counted. */
  function onlyPush(): RongCloudPush {
    expect(vendor.requests.map(({ path, answer }) => [path, answer])).toEqual([['/push.json', '200']]);
    expect(vendor.pushes).toHaveLength(1);
    expect([gateways.apns.requests.length, gateways.fcm.requests.length]).toEqual([0, 0]);
    return vendor.pushes[0] as RongCloudPush;
  }
  const shownOn = (id: string) => onlyPush().arrivals.find(({ deviceId }) => deviceId === id);

  it.each<[name: string, audience: object, body: object, target: object, reached: string[]]>([
    [
      'tags, a package and a platform',
      { allOf: ['vip'], anyOf: ['北京', '上海'], packageName: PACKAGE, platforms: ['ios'] },
      {
        platform: ['ios'],
        audience: { is_to_all: false, tag: ['vip'], tag_or: ['北京', '上海'], packageName: PACKAGE },
      },
      { kind: 'tags', allOf: ['vip'], anyOf: ['北京', '上海'], packageName: PACKAGE, platforms: ['ios'] },
      ['d1'],
    ],
    [
      'users, on whatever platform',
      { users: ['u1', 'u3', 'u1'], platforms: ['ios'] },
      { platform: BOTH, audience: { is_to_all: false, userid: ['u1', 'u3'] } },
      { kind: 'users', users: ['u1', 'u3'] },
      ['d1', 'd2', 'd4'],
    ],
    [
      'everyone with an Android phone',
      { everyone: true, platforms: ['android'] },
      { platform: ['android'], audience: { is_to_all: true } },
      { kind: 'everyone', platforms: ['android'] },
      ['d2', 'd4'],
    ],
  ])('to %s is one call', async (_name, audience, body, target, reached) => {
    vendor.directory.setTags(['u1'], ['vip', '北京']);
    vendor.directory.setTags(['u2'], ['vip']);
    // Devices of our own are none of RongCloud's: they stay out of it.
    await outlet.shop.person('u1');
    const deliveries = await outlet.send(audience);
    const { id, arrivals } = onlyPush();
    expect(vendor.requests[0]?.body).toMatchObject({ ...body, notification: { alert: 'Hello' } });
    expect(arrivals.map(({ deviceId }) => deviceId)).toEqual(reached);
    expect(deliveries).toEqual([
      expect.objectContaining({
        state: 'accepted',
        channel: 'rongcloud',
        target: { kind: 'audience', audience: target },
        vendorMessageId: id,
        userId: null,
        deviceId: null,
      }),
    ]);
    // RongCloud's support finds the call by the id of the delivery.
    expect(vendor.requests[0]?.headers['x-request-id']).toBe(internalId('dlv', deliveries[0]?.id ?? ''));
    await outlet.shop.expectSums();
  });

  it('shows on each platform what is meant for it', async () => {
    const overrides = {
      ios: { title: 'For iPhones', body: 'Tap it', badge: 0, silent: true, extras: { only: 'ios' } },
      android: { body: 'Press it' },
    };
    const content = { title: 'Sale', body: 'Today', badge: 9_999, extras: { order: '42' }, overrides };
    await outlet.send({ everyone: true }, { ...content, deepLink: 'shop://orders/42', threadId: 'orders' });
    const both = { deepLink: 'shop://orders/42', [RECEIPT_KEY]: RECEIPT };
    expect(vendor.requests[0]?.body).toEqual({
      platform: BOTH,
      audience: { is_to_all: true },
      notification: {
        alert: 'Today',
        ios: {
          alert: 'Tap it',
          title: 'For iPhones',
          badge: 0,
          contentAvailable: 1,
          'thread-id': 'orders',
          extras: { only: 'ios', ...both },
        },
        android: { alert: 'Press it', extras: { order: '42', ...both } },
      },
    });
    expect(shownOn('d1')).toMatchObject({ title: 'For iPhones', body: 'Tap it', badge: 0, silent: true });
    expect(shownOn('d2')).toMatchObject({ body: 'Press it', silent: false });
  });

  it('goes with a broadcast message, which may come without it', async () => {
    const chatMessage = { from: 'service', type: 'RC:TxtMsg', content: '{"content":"hi"}' };
    await outlet.send({ users: ['u1'] }, { body: 'A new message', chatMessage });
    const message = { fromuserid: 'service', message: { objectName: 'RC:TxtMsg', content: '{"content":"hi"}' } };
    expect(onlyPush().command).toMatchObject({ mode: 'broadcast', audience: { userIds: ['u1'] } });
    expect(vendor.requests[0]?.body).toMatchObject({ ...message, notification: { alert: 'A new message' } });
    vendor.reset();
    await outlet.send({ users: ['u1'] }, { chatMessage });
    expect(vendor.requests[0]?.body).toEqual({
      platform: BOTH,
      audience: { is_to_all: false, userid: ['u1'] },
      ...message,
    });
    expect(onlyPush().arrivals).toEqual([]);
  });

  it('names people as RongCloud does, and leaves out whom it does not know', async () => {
    await open({ identitiesAreUserIds: false });
    await outlet.shop.link('ann', outlet.channel.publicId, 'rongcloud.user_id', 'u1');
    await outlet.shop.link('bob', outlet.channel.publicId, 'rongcloud.user_id', 'u2');
    const deliveries = await outlet.send({ users: ['ann', 'bob', 'u3'] });
    expect(vendor.requests[0]?.body).toMatchObject({ audience: { userid: ['u1', 'u2'] } });
    expect(deliveries.map(({ userId, state, reason }) => [userId, state, reason])).toEqual([
      [null, 'accepted', null],
      ['u3', 'skipped', 'no_identity'],
    ]);
    expect(onlyPush().arrivals.map(({ deviceId }) => deviceId)).toEqual(['d1', 'd2', 'd3']);
    await outlet.shop.expectSums();
  });

  it('leaves out whom nothing may be sent to, and explains that beforehand', async () => {
    await outlet.shop.app.call('PUT', '/v1/users/u1/preferences', { optedOut: ['marketing'] });
    const asked = { audience: { users: ['u1', 'u2', 'u3'] }, content: { body: 'Sale' }, category: 'marketing' };
    const { body: said } = await outlet.ask<object>(asked, '/v1/notifications/explain');
    expect(said).toMatchObject({
      targets: 2,
      send: 1,
      skipped: { opted_out: 1 },
      payloads: [{ payload: { audience: { userid: ['u2', 'u3'] } } }],
    });
    const deliveries = await outlet.send(asked.audience, asked.content, { category: 'marketing' });
    expect(vendor.requests[0]?.body).toMatchObject({ audience: { userid: ['u2', 'u3'] } });
    expect(deliveries.map(({ userId, state, reason }) => [userId, state, reason])).toEqual([
      [null, 'accepted', null],
      ['u1', 'skipped', 'opted_out'],
    ]);
    await outlet.shop.expectSums();
    vendor.reset();
    const nobody = await outlet.send({ users: ['u1'] }, asked.content, { category: 'marketing' });
    expect([nobody.map(({ reason }) => reason), vendor.counters.requests]).toEqual([['opted_out'], 0]);
  });

  it('is explained as it is sent', async () => {
    const asked = { audience: { everyone: true }, content: { title: 'Sale', body: 'Today', extras: { order: '42' } } };
    const { status, body } = await outlet.ask<Explanation>(asked, '/v1/notifications/explain');
    expect([status, vendor.counters.requests, await outlet.shop.notifications()]).toEqual([200, 0, []]);
    expect(body).toMatchObject({ targets: 1, send: 1, skipped: {}, parts: [{ channel: 'rongcloud', platform: null }] });
    expect(body.warnings).toEqual([expect.stringMatching(/^rongcloud: title has no place .* Android$/)]);
    await outlet.send(asked.audience, asked.content);
    const said = JSON.stringify(body.payloads[0]?.payload);
    const sent = JSON.stringify(vendor.requests[0]?.body);
    const receipt = new RegExp(`(?<="${RECEIPT_KEY}":")[\\w-]{64}`, 'g');
    expect(sent.replace(receipt, '-')).toBe(said.replace(receipt, '-'));
    expect(body.payloads[0]).toMatchObject({ bytes: Buffer.byteLength(sent), targets: 1, issues: [] });
    expect(vendor.requests[0]?.headers['content-length']).toBe(String(body.payloads[0]?.bytes));
  });

  describe('is reported by the apps that got it', () => {
    const report = async (...receipts: object[]) => {
      const { status, body } = await platform.request<{ data: { status: string; code?: string }[] }>(
        'POST',
        '/v1/receipts',
        { body: { receipts } },
      );
      expect(status).toBe(200);
      return body.data.map((answer) => answer.code ?? answer.status);
    };

    it('with the token out of the extras, or the link that the SDK opens the app with', async () => {
      await outlet.shop.person('u1');
      const id = await outlet.notify({ everyone: true });
      await outlet.rested(id);
      const receipt = shownOn('d1')?.extras?.[RECEIPT_KEY] ?? '';
      const extra = JSON.stringify(shownOn('d2')?.extras);
      const query = new URLSearchParams({ pushContent: 'Hello', pushId: onlyPush().id, extra });
      const link = `rong://${PACKAGE}/push_message?${query.toString()}`;
      const opened = { link, kind: 'opened', installationId: 'install-2', platform: 'android' };
      const answers = await report(
        { receipt, kind: 'delivered', installationId: 'install-1', platform: 'ios' },
        { receipt, kind: 'delivered', installationId: 'install-3', platform: 'ios' },
        opened,
        opened,
        { receipt, kind: 'opened' },
        { receipt: `${receipt.slice(0, -2)}AA`, kind: 'opened', installationId: 'install-1' },
      );
      expect(answers).toEqual([
        'recorded',
        'recorded',
        'recorded',
        'duplicate',
        'receipt.installation_required',
        'receipt.forged',
      ]);
      const { body } = await outlet.shop.app.call('GET', `/v1/notifications/${id}/report`);
      // One delivery for RongCloud, and the devices behind it by what they reported.
      expect(body).toMatchObject({
        delegated: 1,
        platforms: {
          ios: { reachable: 1, targeted: 0, delivered: 2, opened: 0, openRate: 0 },
          android: { reachable: 1, targeted: 0, delivered: 1, opened: 1, openRate: 1 },
          unknown: { reachable: null, targeted: 1, pushed: 1, delivered: 0 },
        },
        total: { reachable: 2, targeted: 1, pushed: 1, delivered: 3, opened: 1, deliveredRate: null },
      });
    });
  });

  describe('to tags that are mirrored', () => {
    const tag = async (userId: string, ...tags: string[]) => {
      expect((await outlet.shop.app.call('PUT', `/v1/users/${userId}/tags`, { tags })).status).toBe(200);
    };
    const mirrored = () =>
      eventually(async () => (await outlet.shop.query('SELECT 1 FROM tag_outbox WHERE app_id = $1')).length === 0);

    beforeEach(async () => {
      vendor.directory.setTags(['u1', 'u2', 'u3'], []);
      await open({ mirrorTags: true });
    });

    it('reaches whom our store would have found', async () => {
      await tag('u1', 'vip', '北京');
      await mirrored();
      const batch = { userIds: ['u2', 'u3'], tags: ['vip'] };
      expect((await outlet.shop.app.call('POST', '/v1/tags/batch', batch)).status).toBe(200);
      await mirrored();
      expect(vendor.requests.map(({ path, body }) => [path, body])).toEqual([
        ['/user/tag/set.json', { userId: 'u1', tags: ['vip', '北京'] }],
        ['/user/tag/batch/set.json', { userIds: ['u2', 'u3'], tags: ['vip'] }],
      ]);
      vendor.reset();
      await outlet.send({ allOf: ['vip'], platforms: ['ios'] });
      expect(onlyPush().arrivals.map(({ deviceId }) => deviceId)).toEqual(['d1', 'd3']);
    });

    it('follows the last of several changes', async () => {
      vendor.hold();
      await tag('u1', 'first');
      await vendor.received(1);
      await tag('u1', 'second');
      await tag('u1', 'third');
      vendor.release();
      await mirrored();
      expect(vendor.directory.tagsOf('u1')).toEqual(['third']);
      expect(vendor.requests.map(({ body }) => (body as { tags: string[] }).tags)).toEqual([['first'], ['third']]);
    });
  });
});

interface Explanation {
  readonly warnings: readonly string[];
  readonly payloads: readonly { readonly payload: unknown; readonly bytes: number }[];
}
