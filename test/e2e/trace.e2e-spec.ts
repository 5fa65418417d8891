import { kf5Chat, kf5Ticket, type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Outlet, SharedClock } from '../support/delegated.js';
import { commandOf, RONGCLOUD_APP } from '../support/rongcloud-commands.js';
import { freshApnsToken, Shop } from '../support/shop.js';

interface Page<T> {
  readonly data: readonly T[];
}

interface Trace {
  readonly eventIds: readonly string[];
  readonly notificationIds: readonly string[];
  readonly omitted: number;
  readonly steps: readonly { stage: string; text: string; subject: string; state?: string; reason?: string }[];
}

describe('GET /v1/trace/{id}', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
  });

  const trace = (id: string, app = shop.app) => app.call<Trace>('GET', `/v1/trace/${id}`);
  /** An event that reached an Android phone, and an iPhone whose token is dead. */
  const happened = async () => {
    const { android } = await shop.person('user_1');
    await shop.query(`DELETE FROM device WHERE app_id = $1 AND gateway = 'apns'`);
    await shop.app.device('user_1', 'apns', freshApnsToken('Unregistered'));
    const { inboundUrl, publicId: integrationId } = await shop.vendor('kf5');
    await shop.link('user_1', integrationId, 'kf5.user_id', '7');
    await shop.deliver(inboundUrl, kf5Ticket({ userId: 7, ticketId: '9', devices: [{ token: 'x', platform: 'ios' }] }));
    const [event] = await shop.events();
    const [notification] = await shop.notifications();
    const deliveries = await shop.deliveries();
    return {
      android,
      evt: publicId('evt', event?.id ?? ''),
      ntf: publicId('ntf', notification?.id ?? ''),
      dlv: deliveries.map(({ id }) => publicId('dlv', id)),
    };
  };

  it('tells the whole way from any of its ids, with every reason', async () => {
    const { evt, ntf, dlv } = await happened();
    expect(dlv).toHaveLength(3);
    const { status, body } = await trace(evt);
    expect([status, body.eventIds, body.notificationIds, body.omitted]).toEqual([200, [evt], [ntf], 0]);
    const steps = body.steps.map(({ stage, subject, state, reason }) => [stage, subject, state, reason]);
    expect(steps).toEqual(
      expect.arrayContaining([
        ['received', evt, undefined, undefined],
        ['routed', evt, 'routed', undefined],
        ['planned', ntf, undefined, undefined],
        ['attempt', expect.any(String), 'accepted', undefined],
        ['attempt', expect.any(String), 'invalidTarget', 'token.unregistered'],
        ['delivery', expect.any(String), 'skipped', 'invalid_token'],
      ]),
    );
    const texts = body.steps.map(({ text }) => text);
    expect(texts).toEqual(
      expect.arrayContaining([
        'kf5: ticket.replied',
        'kf5.user_id 7: user user_1 (linked)',
        expect.stringMatching(/^callback device …x: invalid_token$/),
        'ticket.replied for 3 targets',
      ]),
    );
    for (const id of [ntf, ...dlv]) expect((await trace(id)).body).toEqual(body);
  });

  it('tells why an event led to nothing', async () => {
    const { inboundUrl } = await shop.vendor('kf5');
    await shop.deliver(inboundUrl, kf5Chat({ userId: 7, text: 'x', devices: [] }));
    const [event] = await shop.events();
    const { body } = await trace(publicId('evt', event?.id ?? ''));
    expect(body.steps.at(-1)).toMatchObject({ stage: 'routed', state: 'ignored', reason: 'unroutable' });
    expect(body.steps.at(-1)?.text).toContain('kf5.user_id 7: not linked to a user');
  });

  /** Stage and text of the steps about one subject, oldest first. */
  const told = async (id: string, about: string = id) =>
    (await trace(id)).body.steps.flatMap(({ stage, subject, text }) =>
      subject === about ? [`${stage}: ${text}`] : [],
    );

  it('tells what became of a notification that was scheduled, paused and cancelled', async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const schedule = { at, window: { start: '09:00', end: '21:00' } };
    const id = await shop.notify({ allOf: ['vip'] }, { body: 'Sale' }, { category: 'offers', schedule });
    const act = (action: string) => shop.app.call('POST', `/v1/notifications/${id}/${action}`);
    const asked = [
      `requested: offers to everyone with all of the tags vip, not before ${at}, between 09:00 and 21:00 there`,
      `planned: planned from ${at} on`,
    ];
    expect(await told(id)).toEqual(asked);
    await act('pause');
    const paused = [...asked, 'paused: paused: what is not being sent waits'];
    expect(await told(id)).toEqual(paused);
    await act('cancel');
    expect(await told(id)).toEqual([
      asked[0],
      ...paused.slice(2),
      'cancelled: a cancel was asked for',
      'cancelled: cancelled: nothing is in flight any more',
    ]);
  });

  it('tells what apps reported, and when everything had ended', async () => {
    const { iphone } = await shop.person('user_1');
    const id = await shop.notify({ devices: [publicId('dev', iphone.id)] }, { body: 'Sale' }, { category: 'offers' });
    await shop.settled();
    const [delivery] = await shop.deliveries();
    const receipt = platform.app.get(ReceiptTokens).issue(shop.app.id, delivery?.id ?? '');
    const { status } = await shop.app.call('POST', '/v1/receipts', { receipts: [{ receipt, kind: 'opened' }] });
    expect(status).toBe(200);
    const who = 'apns · ios · user user_1';
    expect(await told(id, publicId('dlv', delivery?.id ?? ''))).toEqual([
      expect.stringMatching(`^attempt: ${who}: attempt 1 accepted after \\d+ ms$`),
      `receipt: ${who}: delivered`,
      `receipt: ${who}: opened`,
    ]);
    expect(await told(id)).toEqual([
      `requested: offers to devices ${publicId('dev', iphone.id)}`,
      'planned: offers for 1 target',
      'done: every delivery has ended',
    ]);
  });

  it('shows the delivery that it is asked for, however many there are', async () => {
    const sql = `INSERT INTO device (app_id, id, user_id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
                                     token_updated_at, last_seen_at, state)
                 SELECT $1, gen_random_uuid(), 'u' || n, 'i' || n, 'android', 'none', 'token', '', n::text::bytea, now(), now(), 'active'
                 FROM generate_series(1, 210) AS n`;
    await shop.query(sql);
    const id = await shop.notify({ everyone: true });
    await shop.settled();
    const deliveries = await shop.deliveries();
    const first = publicId('dlv', deliveries[0]?.id ?? '');
    const last = publicId('dlv', deliveries.at(-1)?.id ?? '');
    expect(deliveries).toHaveLength(210);
    const user = deliveries.at(-1)?.user_id;
    expect(await told(last)).toEqual([`delivery: no channel · android · user ${user}: skipped (no_certificate)`]);
    expect((await trace(last)).body.omitted).toBe(9);
    expect((await trace(first)).body.omitted).toBe(10);
    expect(await told(id, last)).toEqual([]);
  });

  it("tells what commands of a vendor's protocol asked for", async () => {
    await shop.person('u1');
    const { inboundUrl } = await shop.vendor('rongcloud', RONGCLOUD_APP);
    const push = { platform: ['ios', 'android'], audience: { tag: ['vip'] }, notification: { alert: 'a secret' } };
    await shop.deliver(inboundUrl, commandOf('/user/tag/set.json', { userId: 'u1', tags: ['vip', 'bj'] }));
    await shop.deliver(inboundUrl, commandOf('/push.json', push));
    const [tags, pushed] = (await shop.events()).map(({ id }) => publicId('evt', id)) as [string, string];
    expect(await told(tags)).toEqual([
      'received: rongcloud: tags.replaced: tags of rongcloud.user_id u1: vip, bj',
      'routed: routed (applied)',
    ]);
    expect(await told(pushed)).toEqual([
      'received: rongcloud: push.requested: a push to everyone with all of the tags vip',
      'routed: routed',
    ]);
    expect(JSON.stringify((await trace(pushed)).body)).not.toContain('a secret');
  });

  describe('of what a vendor delivers', () => {
    let vendor: RongCloudSimulator;
    let clock: SharedClock;

    beforeAll(async () => {
      clock = new SharedClock(platform, '2026-01-05T01:00:00Z');
      vendor = await startRongCloudSimulator({ ...RONGCLOUD_APP, now: clock.now });
    });
    afterAll(async () => {
      platform.setTime(undefined);
      await vendor?.close();
    });

    it('names whom the vendor was asked to reach, the quota that holds it, and the next slot', async () => {
      const settings = { ...RONGCLOUD_APP, baseUrls: [vendor.url] };
      const outlet = new Outlet(shop, await shop.vendor('rongcloud', settings));
      const more = { category: 'offers' };
      await outlet.send({ users: ['u1', 'u2'] }, { body: 'One' }, more);
      await outlet.send({ everyone: true, platforms: ['ios'] }, { body: 'Two' }, more);
      const id = await outlet.notify({ everyone: true }, { body: 'Three' }, more);
      const [held] = await outlet.rested(id);
      const slot = '2026-01-05T02:00:00.000Z';
      expect(await told(id)).toEqual([
        'requested: offers to everyone, through rongcloud',
        'planned: offers for 1 target',
      ]);
      expect(await told(id, held?.id)).toEqual([
        `delivery: rongcloud · everyone: held (quota_exhausted), quota of the hour, not before ${slot}`,
      ]);
      const [first] = await shop.deliveries();
      const token = platform.app.get(ReceiptTokens).issue(shop.app.id, first?.id ?? '');
      const receipts = ['a', 'b', 'c'].map((installationId) => ({
        receipt: token,
        kind: 'delivered',
        installationId,
        platform: 'ios',
      }));
      expect((await shop.app.call('POST', '/v1/receipts', { receipts })).status).toBe(200);
      expect(await told(publicId('dlv', first?.id ?? ''))).toEqual([
        expect.stringMatching(/^attempt: rongcloud · accounts u1, u2: attempt 1 accepted after \d+ ms$/),
        'receipt: rongcloud · accounts u1, u2: delivered on 3 installations (ios)',
      ]);
    });
  });

  it('and everything else of an app is not there for another one', async () => {
    const { evt, ntf, dlv, android } = await happened();
    const stranger = await platform.createApp();
    const device = publicId('dev', android.id);
    const calls: [method: string, path: string, body?: object][] = [
      ...[evt, ntf, ...dlv].map((id): [string, string] => ['GET', `/v1/trace/${id}`]),
      ['GET', `/v1/events/${evt}`],
      ['GET', `/v1/events/${evt}/raw`],
      ['POST', `/v1/events/${evt}/replay`],
      ['GET', `/v1/notifications/${ntf}`],
      ['GET', `/v1/notifications/${ntf}/deliveries`],
      ['GET', `/v1/deliveries/${dlv[0]}`],
      ['POST', `/v1/deliveries/${dlv[0]}/retry`, {}],
      ['GET', `/v1/devices/${device}`],
      ['GET', `/v1/integrations/${shop.apns.publicId}`],
      ['PATCH', `/v1/integrations/${shop.apns.publicId}`, { name: 'mine' }],
      ['POST', `/v1/integrations/${shop.apns.publicId}/check`],
      ['POST', `/v1/integrations/${shop.apns.publicId}/pause`, {}],
      ['POST', `/v1/integrations/${shop.apns.publicId}/resume`],
      ['POST', `/v1/integrations/${shop.apns.publicId}/rotate-url-secret`, {}],
      ['POST', '/v1/notifications', { audience: { devices: [device] }, content: { title: 'x' } }],
      ['DELETE', `/v1/users/user_1/devices/${encodeURIComponent(android.installationId)}`],
    ];
    for (const [method, path, body] of calls) {
      const reply = await stranger.call(method, path, body);
      expect([method, path, reply.status, reply.body['code']]).toEqual([method, path, 404, 'not_found']);
    }
    for (const path of ['/v1/events', '/v1/notifications', '/v1/integrations', '/v1/users/user_1/devices']) {
      expect([path, (await stranger.call<Page<unknown>>('GET', path)).body.data]).toEqual([path, []]);
    }
    expect((await shop.app.call('GET', `/v1/integrations/${shop.apns.publicId}`)).body).toMatchObject({
      name: 'iPhones',
      state: 'active',
    });
  });
});
