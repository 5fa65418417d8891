import { kf5Chat, kf5Ticket } from '@bellhop/simulators';
import { publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
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
    platform = await TestPlatform.start();
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
