import {
  type Callback,
  echatChat,
  kf5Ticket,
  type ReceivedWebhook,
  startWebhookReceiver,
  type WebhookReceiver,
} from '@bellhop/simulators';
import { Webhook } from 'standardwebhooks';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Outlet, SharedClock } from '../support/delegated.js';
import { type Phones, Shop } from '../support/shop.js';

// Whom an event concerns is told on their devices, and once more through the company's own system.

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const ECHAT = { token: 'echat-test-token-01' };

interface Told {
  readonly type: string;
  readonly data: {
    readonly deliveryId: string;
    readonly userId: string;
    readonly title?: string;
    readonly body?: string;
    readonly deepLink?: string;
    readonly receipt: string;
  };
}

describe('an integration that also informs a webhook', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let receiver: WebhookReceiver;
  let shop: Shop;
  let webhook: { readonly id: string; readonly publicId: string };
  let phones: Phones;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    receiver = await startWebhookReceiver({ secrets: [SECRET] });
  });
  afterAll(async () => {
    await platform?.stop();
    await receiver?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    receiver.reset();
    shop = await Shop.open(platform, gateways);
    webhook = await shop.vendor('webhook', { url: receiver.url, secret: SECRET });
    phones = await shop.person('ann');
  });

  const alsoThrough = (...channels: { readonly publicId: string }[]) => ({
    alsoThrough: channels.map(({ publicId }) => publicId),
  });
  /** What the company's system was told, each call proved by the reference library. */
  const told = (): Told[] =>
    receiver.requests.map(({ body, headers }: ReceivedWebhook) => {
      return new Webhook(SECRET).verify(body, headers as Record<string, string>) as Told;
    });
  const kf5 = () => kf5Ticket({ userId: 40_057, devices: [], ticketId: '998' });
  const echat = () =>
    echatChat(ECHAT, { companyId: '521704', msgId: '900001', uid: '28474495', content: '您好' }, { now: new Date() });

  it.each<[vendor: string, identity: string, callback: () => Callback, words: object]>([
    [
      'kf5',
      'kf5.user_id 40057',
      kf5,
      { title: expect.any(String) as string, deepLink: 'shop://support/kf5/ticket/998' },
    ],
    ['echat', 'echat.member_uid 28474495', echat, { body: '您好' }],
  ])('does so for %s', async (plugin, identity, callback, words) => {
    const [kind = '', value = ''] = identity.split(' ');
    const vendor = await shop.vendor(plugin, plugin === 'echat' ? ECHAT : {}, alsoThrough(webhook));
    await shop.link('ann', vendor.publicId, kind, value);
    await shop.deliver(vendor.inboundUrl, callback());

    expect(shop.pushes(phones)).toEqual([1, 1]);
    const [call] = told() as [Told];
    expect([told().length, call]).toMatchObject([
      1,
      { type: 'notification.requested', data: { userId: 'ann', ...words } },
    ]);
    // The same words as on the phone, in the language of the notification.
    const { title, body } = call.data;
    expect(shop.alerts(phones)).toEqual([{ ...(title && { title }), ...(body && { body }) }]);

    const [{ id } = { id: '' }] = await shop.notifications();
    const deliveries = await new Outlet(shop, webhook).deliveries(`ntf_${id.replaceAll('-', '')}`);
    expect(deliveries.map(({ channel, state }) => `${channel} ${state}`).toSorted()).toEqual([
      'apns accepted',
      'fcm accepted',
      'webhook accepted',
    ]);
    const own = deliveries.find(({ channel }) => channel === 'webhook');
    expect(own).toMatchObject({ id: call.data.deliveryId, target: { kind: 'vendorUser', userId: 'ann' } });
    await shop.expectSums();
    await expectReceipt(call.data);
  });

  async function expectReceipt({ receipt }: Told['data']): Promise<void> {
    const receipts = [{ receipt, kind: 'opened', installationId: 'sms-gateway' }];
    const { body } = await platform.request('POST', '/v1/receipts', { body: { receipts } });
    expect(body).toEqual({ data: [{ status: 'recorded' }] });
    const [{ id } = { id: '' }] = await shop.notifications();
    const path = `/v1/notifications/ntf_${id.replaceAll('-', '')}/report`;
    const report = await shop.app.call<{ total: object; delegated: number }>('GET', path);
    expect(report.body).toMatchObject({ total: { targeted: 3, pushed: 3, opened: 1 }, delegated: 1 });
  }

  it('does so for somebody without a device, too', async () => {
    const vendor = await shop.vendor('kf5', {}, alsoThrough(webhook));
    await shop.link('bob', vendor.publicId, 'kf5.user_id', '40057');
    await shop.deliver(vendor.inboundUrl, kf5());
    expect(told().map(({ data }) => data.userId)).toEqual(['bob']);
    expect((await shop.outcomes()).toSorted()).toEqual(['accepted', 'skipped(no_token)']);
    await shop.expectSums();
  });

  it('does so only where the rules allow a push at all', async () => {
    const vendor = await shop.vendor('kf5', {}, alsoThrough(webhook));
    await shop.link('ann', vendor.publicId, 'kf5.user_id', '40057');
    await shop.app.call('PUT', '/v1/users/ann/preferences', { optedOut: ['ticket.replied'] });
    await shop.deliver(vendor.inboundUrl, kf5());
    expect([shop.pushes(phones), told()]).toEqual([[0, 0], []]);
    expect(new Set(await shop.outcomes())).toEqual(new Set(['skipped(opted_out)']));
  });

  it('calls nobody of another app', async () => {
    const stranger = await Shop.open(platform, gateways);
    const foreign = await stranger.vendor('webhook', { url: receiver.url, secret: SECRET });
    const vendor = await shop.vendor('kf5', {}, alsoThrough(foreign));
    await shop.link('ann', vendor.publicId, 'kf5.user_id', '40057');
    await shop.deliver(vendor.inboundUrl, kf5());
    expect([shop.pushes(phones), told()]).toEqual([[1, 1], []]);
  });

  it('calls again under the same id until the receiver takes it', async () => {
    const vendor = await shop.vendor('kf5', {}, alsoThrough(webhook));
    await shop.link('ann', vendor.publicId, 'kf5.user_id', '40057');
    receiver.script('status503');
    await shop.post(vendor.inboundUrl, kf5());
    await eventually(async () => (await shop.deliveries()).some(({ not_before }) => not_before !== null));
    await new SharedClock(platform, new Date()).sweepAt(new Date(Date.now() + 120_000));
    await eventually(async () => (await shop.outcomes()).every((outcome) => outcome === 'accepted'));
    platform.setTime(undefined);
    expect(receiver.counters).toMatchObject({ requests: 2, genuine: 2, repeated: 1 });
  });

  it('may be the channel of a notification, to people whom our tags name', async () => {
    await shop.app.call('PUT', '/v1/users/ann/tags', { tags: ['vip'] });
    await shop.person('bob');
    const outlet = new Outlet(shop, webhook);
    await outlet.send({ allOf: ['vip'] }, { title: 'Sale', extras: { order: '42' } });
    expect(told()).toMatchObject([{ data: { userId: 'ann', title: 'Sale', extras: { order: '42' } } }]);
    expect(shop.pushes(phones)).toEqual([0, 0]);
    await shop.expectSums();
  });
});
