import { Inbound } from '@bellhop/contracts';
import { Module } from '@nestjs/common';
import { PLUGIN_MODULES } from '../../src/plugins.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { AcmeInbound } from '../support/example-vendor/acme.inbound.js';
import { AcmeModule } from '../support/example-vendor/index.js';
import { Shop } from '../support/shop.js';

const SECRET = 'acme-secret-0123456789';

/** It takes the id of another one, and its documentation is nowhere. */
@Inbound()
class Impostor extends AcmeInbound {
  override readonly manifest = { ...new AcmeInbound().manifest, id: 'nim', documentation: '' };
}

@Module({ providers: [Impostor] })
class ImpostorModule {}

describe('a vendor of one folder and one entry in the list of plugins', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ plugins: [...PLUGIN_MODULES, AcmeModule, ImpostorModule] });
    shop = await Shop.open(platform, gateways);
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });

  const post = (url: string, body: object, secret = SECRET): Promise<Response> =>
    fetch(url, { method: 'POST', headers: { 'x-acme-secret': secret }, body: JSON.stringify(body) });

  it('stands in the catalogue, with a form for its settings', async () => {
    const { body } = await shop.app.call<{ id: string }[]>('GET', '/v1/plugins');
    expect(body.map(({ id }) => id)).toEqual([
      'acme',
      'apns',
      'echat',
      'fcm',
      'kf5',
      'nim',
      'rongcloud',
      'udesk',
      'webhook',
    ]);
    expect((await shop.app.call('GET', '/v1/plugins/acme')).body).toMatchObject({
      name: 'Acme Orders',
      configSchema: {
        type: 'object',
        properties: { secret: { type: 'string', minLength: 16, writeOnly: true, title: 'Shared secret' } },
        required: ['secret'],
        additionalProperties: false,
      },
      inbound: { authenticity: 'shared-secret', emits: ['acme.order_shipped'], identities: ['acme.customer'] },
    });
  });

  it('is not kept from its work by one that cannot be used', async () => {
    const { body } = await shop.app.call('GET', '/v1/plugins/nim');
    expect(body['name']).not.toBe('Acme Orders');
  });

  it('has its settings checked', async () => {
    const body = { plugin: 'acme', name: 'Acme', config: { secret: 'short' } };
    const reply = await shop.app.call('POST', '/v1/integrations', body);
    expect([reply.status, reply.body['errors']]).toMatchObject([400, [{ field: '/config/secret' }]]);
  });

  it('pushes events of a kind of its own', async () => {
    const phones = await shop.person('user_1');
    const body = { plugin: 'acme', name: 'Acme', config: { secret: SECRET } };
    const { body: created } = await shop.app.call<{ callbackUrl: string }>('POST', '/v1/integrations', body);
    const order = { order: '42', customer: 'user_1', carrier: 'UPS' };
    expect((await post(created.callbackUrl, order, 'wrong')).status).toBe(401);
    for (let times = 0; times < 2; times++) expect((await post(created.callbackUrl, order)).status).toBe(204);
    expect((await post(created.callbackUrl, { order: '43' })).status).toBe(204);
    await shop.settled();
    const shown = [{ title: 'Order shipped', body: 'Order 42 is on its way with UPS' }];
    expect([shop.alerts(phones), shop.notices(phones)]).toEqual([shown, shown]);
    expect(shop.payload(phones)).toMatchObject({
      deepLink: 'shop://orders/42',
      extras: { vendor: 'acme', kind: 'acme.order_shipped', order: '42' },
    });
    expect((await shop.events()).map(({ kind, state, reason }) => [kind, state, reason])).toEqual([
      ['acme.order_shipped', 'routed', null],
      [null, 'quarantined', 'acme.field_missing'],
    ]);
  });
});
