import { generateKeyPairSync } from 'node:crypto';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { freshApnsToken, Shop } from '../support/shop.js';

interface Refused {
  readonly code: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

const pem = (key: { export(options: { type: 'pkcs8'; format: 'pem' }): unknown }): string =>
  key.export({ type: 'pkcs8', format: 'pem' }) as string;
const RSA = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
const OTHER_CURVE = pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey);

describe('bad input', () => {
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

  const refused = async (method: string, path: string, body: unknown) => {
    const reply = await shop.app.call<Refused>(method, path, body);
    const { code, errors = [] } = reply.body;
    return { status: reply.status, code, fields: errors.map(({ field }) => field), text: JSON.stringify(reply.body) };
  };

  describe('notifications', () => {
    const create = (change: object) =>
      refused('POST', '/v1/notifications', { audience: { users: ['user_1'] }, content: { title: 'x' }, ...change });

    it.each<[words: string, change: object, status: number, fields: string[]]>([
      ['no audience', { audience: undefined }, 400, ['/audience']],
      ['an audience of nobody', { audience: { users: [] } }, 422, ['/audience']],
      ['two audiences', { audience: { users: ['a'], devices: [`dev_${'0'.repeat(32)}`] } }, 422, ['/audience/devices']],
      ['no audience at all', { audience: {} }, 422, ['/audience']],
      [
        '1,001 users',
        { audience: { users: Array.from({ length: 1_001 }, (_, i) => `user_${i}`) } },
        422,
        ['/audience/users'],
      ],
      ['numbers for users', { audience: { users: [1] } }, 400, ['/audience/users', '/audience/users']],
      ['devices that are none', { audience: { devices: ['a'] } }, 400, ['/audience/devices']],
      ['nothing to show', { content: {} }, 422, ['/content/body']],
      [
        'a silent push with words',
        { content: { silent: true, title: 'x', badge: 1 } },
        422,
        ['/content/title', '/content/badge'],
      ],
      ['a badge beyond its range', { content: { title: 'x', badge: 10_000 } }, 400, ['/content/badge']],
      ['a picture without https', { content: { title: 'x', imageUrl: 'http://a/b.png' } }, 400, ['/content/imageUrl']],
      ['a deep link that is a path', { content: { title: 'x', deepLink: '/orders' } }, 400, ['/content/deepLink']],
      ['extras that are no texts', { content: { title: 'x', extras: { a: 1 } } }, 400, ['/content/extras']],
      [
        'NUL in a text',
        { content: { title: 'a\0b', extras: { c: '\ud800' } } },
        400,
        ['/content/title', '/content/extras/c'],
      ],
      ['a ttl of a second', { ttlSeconds: 1 }, 400, ['/ttlSeconds']],
      ['an unknown field inside', { content: { title: 'x', colour: 'red' } }, 400, ['/content/colour']],
    ])('with %s are refused', async (_words, change, status, fields) => {
      const reply = await create(change);
      expect([reply.status, reply.fields]).toEqual([status, fields]);
      expect(await shop.notifications()).toEqual([]);
    });

    it('of a null mean that the field is absent', async () => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      await shop.notify({ users: ['user_1'] }, { title: 'x', body: null, badge: null, extras: null, threadId: null });
      await shop.settled();
      expect(shop.payload({ iosToken: token })).toEqual({ aps: { alert: { title: 'x' } } });
    });
  });

  it.each([
    ['apns', 'ios', '1234567890'],
    ['apns', 'ios', `${'a'.repeat(63)}g`],
    ['apns', 'ios', `../../${'a'.repeat(64)}`],
    ['fcm', 'android', 'short'],
    ['fcm', 'android', `${'a'.repeat(30)} `],
  ])('a token that %s would not issue is refused before anything is stored', async (gateway, os, token) => {
    const reply = await refused('PUT', '/v1/users/user_1/devices/phone', { gateway, platform: os, token });
    expect(reply).toMatchObject({ status: 422, code: 'device.token_malformed', fields: ['/token'] });
    expect(reply.text).not.toContain(token);
    expect(await shop.query('SELECT id FROM device WHERE app_id = $1')).toEqual([]);
  });

  describe('credentials that cannot work', () => {
    const account = (change: object): string =>
      JSON.stringify({ ...(JSON.parse(gateways.fcmConfig['serviceAccount'] as string) as object), ...change });

    it.each<[plugin: 'apns' | 'fcm', words: string, config: () => object, field: string]>([
      ['apns', 'no key', () => ({ p8: '' }), '/config/p8'],
      ['apns', 'a path', () => ({ p8: '/etc/passwd' }), '/config/p8'],
      ['apns', 'an RSA key', () => ({ p8: RSA }), '/config/p8'],
      ['apns', 'another curve', () => ({ p8: OTHER_CURVE }), '/config/p8'],
      ['apns', 'a short key id', () => ({ keyId: 'ABC' }), '/config/keyId'],
      ['apns', 'an address without https', () => ({ productionUrl: 'http://127.0.0.1' }), '/config/productionUrl'],
      ['fcm', 'no JSON', () => ({ serviceAccount: '{' }), '/config/serviceAccount'],
      ['fcm', 'an object', () => ({ serviceAccount: { type: 'service_account' } }), '/config/serviceAccount'],
      ['fcm', 'no project', () => ({ serviceAccount: account({ project_id: undefined }) }), '/config/serviceAccount'],
      ['fcm', 'no private key', () => ({ serviceAccount: account({ private_key: 'x' }) }), '/config/serviceAccount'],
      [
        'fcm',
        'a key of another kind',
        () => ({ serviceAccount: account({ private_key: OTHER_CURVE }) }),
        '/config/serviceAccount',
      ],
      ['fcm', 'an unknown field', () => ({ colour: 'red' }), '/config/colour'],
    ])('%s: %s', async (plugin, _words, change, field) => {
      const valid = plugin === 'apns' ? gateways.apnsConfig : gateways.fcmConfig;
      const config = { ...valid, ...change() };
      const created = await refused('POST', '/v1/integrations', { plugin, name: 'x', config });
      expect(created).toMatchObject({ status: 400, code: 'config.invalid' });
      expect(new Set(created.fields)).toEqual(new Set([field]));
      const { publicId } = plugin === 'apns' ? shop.apns : shop.fcm;
      const revised = await refused('PATCH', `/v1/integrations/${publicId}`, { config: change() });
      expect([revised.status, new Set(revised.fields)]).toEqual([400, new Set([field])]);
      for (const { text } of [created, revised]) expect(text).not.toMatch(/PRIVATE KEY|MIIE|MIG/);
      const [{ count } = { count: '' }] = await shop.query<{ count: string }>(
        'SELECT count(*) FROM integration WHERE app_id = $1 AND revision = 1',
      );
      expect(count).toBe('2');
    });

    it('null for what a change leaves as it is when it is left out', async () => {
      for (const field of ['name', 'config', 'settings']) {
        const refusal = await refused('PATCH', `/v1/integrations/${shop.apns.publicId}`, { [field]: null });
        expect([refusal.status, new Set(refusal.fields)]).toEqual([400, new Set([`/${field}`])]);
      }
    });

    it('of an unknown plugin, and settings that nobody knows', async () => {
      const unknown = await refused('POST', '/v1/integrations', { plugin: 'nobody', name: 'x', config: {} });
      expect([unknown.status, unknown.fields]).toEqual([400, ['/plugin']]);
      const settings = { hideContent: 'yes', colour: 'red' };
      const odd = await refused('POST', '/v1/integrations', { plugin: 'kf5', name: 'x', config: {}, settings });
      expect([odd.status, odd.fields.sort()]).toEqual([400, ['/settings/colour', '/settings/hideContent']]);
    });
  });

  it('secrets stand in no reply', async () => {
    const secrets = ['the-first-secret-of-nim', 'the-second-secret-of-nim'] as const;
    const created = await shop.app.call<{ id: string; config: object; callbackUrl: string }>(
      'POST',
      '/v1/integrations',
      {
        plugin: 'nim',
        name: 'NIM',
        config: { appKey: 'visible', appSecret: secrets[0] },
      },
    );
    expect(created.status).toBe(201);
    expect(created.body.config).toMatchObject({ appKey: 'visible', appSecret: { set: true } });
    const urlSecret = created.body.callbackUrl.split('/').at(-1) ?? '';
    const path = `/v1/integrations/${created.body.id}`;
    const replies = [
      await shop.app.call('PATCH', path, { config: { appSecret: secrets[1] } }),
      await shop.app.call('GET', path),
      await shop.app.call('GET', '/v1/integrations'),
      await shop.app.call('POST', `${path}/pause`, {}),
      await shop.app.call('POST', `${path}/resume`),
      await shop.app.call('POST', `${path}/check`),
      await shop.app.call('GET', '/v1/plugins'),
    ];
    const { p8 } = gateways.apnsConfig as { p8: string };
    const keyLine = p8.split('\n')[1] as string;
    for (const { status, body } of [...replies, created]) {
      expect(status).toBeLessThan(300);
      for (const secret of [...secrets, keyLine, 'PRIVATE KEY']) expect(JSON.stringify(body)).not.toContain(secret);
    }
    for (const { body } of replies) expect(JSON.stringify(body)).not.toContain(urlSecret);
    const rows = JSON.stringify(await shop.query('SELECT * FROM integration WHERE app_id = $1'));
    for (const secret of [...secrets, keyLine, urlSecret]) expect(rows).not.toContain(secret);
  });
});
