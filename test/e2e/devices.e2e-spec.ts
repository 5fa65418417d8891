import { randomBytes } from 'node:crypto';
import { DevicesModule } from '../../src/core/devices/devices.module.js';
import { DevicesService } from '../../src/core/devices/devices.service.js';
import { internalId } from '../../src/platform/ids.js';
import { FakeGatewaysModule } from '../support/fake-gateways.js';
import { type Reply, type RestApp, startRestApp } from '../support/rest-app.js';

interface DeviceReply {
  readonly id: string;
  readonly userId: string | null;
  readonly installationId: string;
  readonly tokenTail: string;
  readonly environment: string;
  readonly state: string;
  readonly tokenUpdatedAt: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

const hexToken = (): string => randomBytes(20).toString('hex');

describe('devices', () => {
  let rest: RestApp;
  let key: string;
  let appId: string;

  beforeAll(async () => {
    rest = await startRestApp(FakeGatewaysModule, DevicesModule);
  });
  afterAll(() => rest?.close());
  beforeEach(async () => {
    const seeded = await rest.seed('send');
    key = seeded.key;
    appId = seeded.app.id;
  });

  const register = (user: string, installation: string, body: object): Promise<Reply<DeviceReply>> =>
    rest.call('PUT', `/v1/users/${user}/devices/${installation}`, {
      key,
      body: { gateway: 'hex', platform: 'ios', ...body },
    });
  const rows = (): Promise<Record<string, unknown>[]> =>
    rest.dataSource.query('SELECT * FROM device WHERE app_id = $1 ORDER BY id', [appId]);

  it('registers an install without ever showing its token', async () => {
    const token = hexToken();
    const body = {
      token,
      environment: 'sandbox',
      appIdentifier: 'com.acme',
      locale: 'zh-CN',
      contentKey: 'zh-Hans',
      timeZone: 'Asia/Shanghai',
    };
    const reply = await register('u-1', 'i-1', body);
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      id: expect.stringMatching(/^dev_[0-9a-f]{32}$/),
      userId: 'u-1',
      installationId: 'i-1',
      gateway: 'hex',
      platform: 'ios',
      identifier: 'token',
      tokenTail: token.slice(-4),
      environment: 'sandbox',
      appIdentifier: 'com.acme',
      locale: 'zh-CN',
      contentKey: 'zh-Hans',
      timeZone: 'Asia/Shanghai',
      state: 'active',
      stateReason: null,
      lastAcceptedAt: null,
    });
    expect(reply.text).not.toContain(token);
    expect((await rest.call('GET', `/v1/devices/${reply.body.id}`, { key })).body).toEqual(reply.body);
    expect((await rest.call<{ data: object[] }>('GET', '/v1/users/u-1/devices', { key })).body.data).toEqual([
      reply.body,
    ]);
    expect(JSON.stringify(await rows())).not.toContain(token);
  });

  it('opens the sealed token, and finds it by its hash whatever its spelling', async () => {
    const token = hexToken();
    const devices = rest.get(DevicesService);
    const { body } = await register('u-1', 'i-1', { token: token.toUpperCase() });
    const device = await devices.get(appId, internalId('dev', body.id));
    expect(devices.openToken(device)).toBe(token);
    expect(devices.tokenHash('hex', token.toUpperCase())).toEqual(device.tokenHash);
    expect(devices.tokenHash('word', token)).not.toEqual(device.tokenHash);
    expect(() => devices.openToken({ ...device, id: '01990000-0000-7000-8000-000000000000' })).toThrow(Error);
  });

  describe('refuses before it stores', () => {
    it.each([
      ['device.token_malformed', { token: 'xyz'.repeat(12) }, '/token', 'must be 32 to 64 hexadecimal digits'],
      ['device.token_malformed', { token: `${'ab'.repeat(20)}!` }, '/token', 'must be 32 to 64 hexadecimal digits'],
      ['device.gateway_unknown', { gateway: 'pigeon', token: hexToken() }, '/gateway', 'must be one of hex, word'],
      ['device.platform_unsupported', { platform: 'android', token: hexToken() }, '/platform', 'must be one of ios'],
      [
        'device.identifier_unsupported',
        { identifier: 'fid', token: hexToken() },
        '/identifier',
        'must be one of token',
      ],
    ])('%s %j', async (code, body, field, message) => {
      const reply = await register('u-1', 'i-1', body);
      expect([reply.status, reply.body]).toMatchObject([422, { code, errors: [{ field, message }] }]);
      if (body.token) expect(reply.text).not.toContain(body.token);
      expect(await rows()).toEqual([]);
    });

    it.each([
      [{}, '/token'],
      [{ token: 7 }, '/token'],
      [{ token: 'a'.repeat(4097) }, '/token'],
      [{ token: hexToken(), platform: 'windows' }, '/platform'],
      [{ token: hexToken(), environment: 'dev' }, '/environment'],
      [{ token: hexToken(), timeZone: 'Mars/Olympus' }, '/timeZone'],
      [{ token: hexToken(), locale: '!' }, '/locale'],
      [{ token: hexToken(), appIdentifier: '\u0000' }, '/appIdentifier'],
      [{ token: hexToken(), contentKey: '' }, '/contentKey'],
      [{ token: hexToken(), contentKey: 'k'.repeat(65) }, '/contentKey'],
      [{ token: hexToken(), contentKey: 'a\nb' }, '/contentKey'],
      [{ token: hexToken(), contentKey: 7 }, '/contentKey'],
      [{ token: hexToken(), extra: true }, '/extra'],
    ])('400 %j', async (body, field) => {
      const reply = await register('u-1', 'i-1', body);
      expect(reply.status).toBe(400);
      expect(reply.body.errors.map((error) => error.field)).toContain(field);
      expect(await rows()).toEqual([]);
    });

    it.each([
      ['u'.repeat(129), 'i-1', '{userId}'],
      ['%00', 'i-1', '{userId}'],
      ['a%0Ab', 'i-1', '{userId}'],
      ['u-1', 'i'.repeat(129), '{installationId}'],
    ])('400 the path %s %s', async (user, installation, field) => {
      const reply = await register(user, installation, { token: hexToken() });
      expect([reply.status, reply.body.errors[0]?.field]).toEqual([400, field]);
    });
  });

  describe('registering again', () => {
    it('updates the install', async () => {
      const first = await register('u-1', 'i-1', { token: hexToken(), locale: 'en', contentKey: 'en' });
      const token = hexToken();
      const second = await register('u-1', 'i-1', { token });
      expect(second.body).toMatchObject({
        id: first.body.id,
        tokenTail: token.slice(-4),
        locale: null,
        contentKey: null,
      });
      expect(await rows()).toHaveLength(1);
    });

    it('counts as a fresh registration of the same token', async () => {
      const token = hexToken();
      const first = await register('u-1', 'i-1', { token });
      const second = await register('u-1', 'i-1', { token });
      expect(second.body.id).toBe(first.body.id);
      expect(Date.parse(second.body.tokenUpdatedAt)).toBeGreaterThan(Date.parse(first.body.tokenUpdatedAt));
    });

    it('moves a token to another person', async () => {
      const token = hexToken();
      const first = await register('u-1', 'i-1', { token });
      const second = await register('u-2', 'i-1', { token: token.toUpperCase() });
      expect(second.body).toMatchObject({ id: first.body.id, userId: 'u-2' });
      expect((await rest.call<{ data: object[] }>('GET', '/v1/users/u-1/devices', { key })).body.data).toEqual([]);
    });

    it('moves a token to another install', async () => {
      const token = hexToken();
      await register('u-1', 'i-1', { token });
      const moved = await register('u-1', 'i-2', { token });
      expect(moved.body.installationId).toBe('i-2');
      expect(await rows()).toHaveLength(1);
    });

    it('joins an install and a token that had a row each', async () => {
      const token = hexToken();
      await register('u-1', 'i-1', { token });
      const other = await register('u-2', 'i-2', { token: hexToken() });
      const joined = await register('u-2', 'i-2', { token });
      expect(joined.body).toMatchObject({ id: other.body.id, userId: 'u-2', tokenTail: token.slice(-4) });
      expect(await rows()).toHaveLength(1);
    });

    it('revives a retired device and keeps what is known of its token', async () => {
      const token = hexToken();
      const { body } = await register('u-1', 'i-1', { token });
      const change = (set: string): Promise<unknown> =>
        rest.dataSource.query(`UPDATE device SET ${set} WHERE app_id = $1`, [appId]);
      await change(`environment = 'sandbox'`);
      await rest.dataSource.query('INSERT INTO device_reach SELECT app_id, id, now() FROM device WHERE app_id = $1', [
        appId,
      ]);
      expect((await register('u-1', 'i-1', { token })).body).toMatchObject({
        id: body.id,
        environment: 'sandbox',
        lastAcceptedAt: expect.any(String),
      });
      await change(`state = 'retired', state_reason = 'token.unregistered'`);
      expect((await register('u-1', 'i-1', { token })).body).toMatchObject({
        id: body.id,
        state: 'active',
        stateReason: null,
        environment: 'unknown',
      });
      expect((await register('u-1', 'i-1', { token: hexToken() })).body).toMatchObject({ lastAcceptedAt: null });
    });

    it('keeps the same token of two gateways apart', async () => {
      const token = hexToken();
      await register('u-1', 'i-1', { token });
      await register('u-1', 'i-2', { token, gateway: 'word', platform: 'android' });
      expect(await rows()).toHaveLength(2);
    });

    it('keeps the same token of two apps apart', async () => {
      const token = hexToken();
      const first = await register('u-1', 'i-1', { token });
      const stranger = await rest.seed('send');
      const body = { gateway: 'hex', platform: 'ios', token };
      await rest.call('PUT', '/v1/users/u-9/devices/i-1', { key: stranger.key, body });
      expect((await rest.call('GET', `/v1/devices/${first.body.id}`, { key })).body.userId).toBe('u-1');
      expect((await rest.call('GET', `/v1/devices/${first.body.id}`, { key: stranger.key })).status).toBe(404);
    });
  });

  describe('at once', () => {
    const statuses = (replies: readonly Reply<unknown>[]): number[] => [
      ...new Set(replies.map(({ status }) => status)),
    ];

    it('keeps one row for one token, whoever registers it', async () => {
      const token = hexToken();
      const calls = Array.from({ length: 30 }, (_, n) => register(`u-${n % 5}`, `i-${n}`, { token }));
      expect(statuses(await Promise.all(calls))).toEqual([200]);
      expect(await rows()).toHaveLength(1);
    });

    it('keeps one row for one install, whatever its tokens', async () => {
      const calls = Array.from({ length: 30 }, () => register('u-1', 'i-1', { token: hexToken() }));
      expect(statuses(await Promise.all(calls))).toEqual([200]);
      expect(await rows()).toHaveLength(1);
    });

    it('survives installs that swap their tokens', async () => {
      const tokens = [hexToken(), hexToken(), hexToken()];
      const calls = Array.from({ length: 90 }, (_, n) =>
        register(`u-${n % 2}`, `i-${n % 3}`, { token: tokens[(n * 7 + Math.floor(n / 3)) % 3] }),
      );
      expect(statuses(await Promise.all(calls))).toEqual([200]);
      expect((await rows()).length).toBeLessThanOrEqual(3);
    });
  });

  it('removes an install of its owner only', async () => {
    await register('u-1', 'i-1', { token: hexToken() });
    expect((await rest.call('DELETE', '/v1/users/u-2/devices/i-1', { key })).status).toBe(404);
    expect((await rest.call('DELETE', '/v1/users/u-1/devices/i-1', { key })).status).toBe(204);
    expect((await rest.call('DELETE', '/v1/users/u-1/devices/i-1', { key })).status).toBe(404);
    expect(await rows()).toEqual([]);
  });

  it('lists by pages, newest first', async () => {
    for (let n = 0; n < 5; n++) await register('u-1', `i-${n}`, { token: hexToken() });
    type Page = { data: DeviceReply[]; nextCursor: string | null };
    const first = await rest.call<Page>('GET', '/v1/users/u-1/devices?limit=3', { key });
    expect(first.body.data.map(({ installationId }) => installationId)).toEqual(['i-4', 'i-3', 'i-2']);
    const path = `/v1/users/u-1/devices?limit=3&cursor=${first.body.nextCursor}`;
    const last = await rest.call<Page>('GET', path, { key });
    expect(last.body.data.map(({ installationId }) => installationId)).toEqual(['i-1', 'i-0']);
    expect(last.body.nextCursor).toBeNull();
  });

  it('needs the scope send to register and read to look', async () => {
    const reader = await rest.seed('read');
    const body = { gateway: 'hex', platform: 'ios', token: hexToken() };
    expect((await rest.call('PUT', '/v1/users/u/devices/i', { key: reader.key, body })).status).toBe(403);
    expect((await rest.call('DELETE', '/v1/users/u/devices/i', { key: reader.key })).status).toBe(403);
    expect((await rest.call('GET', '/v1/users/u/devices', { key: reader.key })).status).toBe(200);
  });
});
