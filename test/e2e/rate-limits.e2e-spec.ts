import { nimLogin, sendCallback } from '@bellhop/simulators';
import { ApiKeysService } from '../../src/access/api-keys.service.js';
import { Metrics } from '../../src/platform/metrics.js';
import { type ApiReply, PLATFORM_KEY, type TestApp, TestPlatform } from '../support/app.js';

const NIM = { appKey: 'key', appSecret: 'secret-of-the-test' };
/** Any receipt: what is limited is the call. */
const RECEIPTS = { receipts: [{ receipt: 'x', kind: 'opened' }] };

describe('rate limits', () => {
  let platform: TestPlatform;
  let app: TestApp;
  let now: Date;

  beforeAll(async () => {
    const env = {
      BELLHOP_API_RATE: '6',
      BELLHOP_INBOUND_RATE: '3',
      BELLHOP_RECEIPTS_RATE: '2',
      BELLHOP_TRUSTED_PROXIES: 'loopback',
    };
    platform = await TestPlatform.start({ role: 'api', env });
  });
  afterAll(() => platform?.stop());

  beforeEach(async () => {
    now = new Date();
    platform.setTime(now);
    app = await platform.createApp(['send']);
  });

  const pass = (seconds: number): void => {
    now = new Date(now.getTime() + seconds * 1000);
    platform.setTime(now);
  };
  const headersOf = ({ status, headers }: ApiReply<unknown>) => [
    status,
    headers.get('ratelimit-policy'),
    headers.get('ratelimit'),
    headers.get('retry-after'),
  ];
  const list = () => app.call('GET', '/v1/notifications');

  describe('of an API key', () => {
    it('are told with every reply, and refused with the time to wait', async () => {
      const policy = '"api";q=6;w=60';
      expect(headersOf(await list())).toEqual([200, policy, '"api";r=5;t=10', null]);
      pass(4);
      for (let left = 4; left >= 0; left--) {
        const reply = await list();
        expect(headersOf(reply)).toEqual([200, policy, `"api";r=${left};t=${10 * (6 - left) - 4}`, null]);
      }
      const refused = await list();
      expect(headersOf(refused)).toEqual([429, policy, '"api";r=0;t=56', '6']);
      expect(refused.headers.get('content-type')).toBe('application/problem+json');
      expect(refused.body).toMatchObject({
        type: 'urn:bellhop:problem:rate.limited',
        title: 'Too Many Requests',
        status: 429,
        code: 'rate.limited',
        instance: refused.headers.get('x-request-id'),
      });
      pass(6);
      expect((await list()).status).toBe(200);
      expect((await list()).status).toBe(429);
    });

    it('count what the key may not do, and nothing of other keys', async () => {
      const another = await platform.createApp();
      const refused = async () => (await app.call('GET', '/v1/webhooks')).status;
      for (let call = 0; call < 6; call++) expect(await refused()).toBe(403);
      expect(await refused()).toBe(429);
      expect((await another.call('GET', '/v1/notifications')).status).toBe(200);
      const { key } = await platform.app.get(ApiKeysService).issue(app.id, { name: 'second', scopes: ['read'] });
      expect((await platform.request('GET', '/v1/notifications', { key })).status).toBe(200);
    });

    it('hold for the platform key too', async () => {
      const statuses = new Set<number>();
      for (let call = 0; call < 7; call++) {
        statuses.add((await platform.request('GET', '/v1/apps', { key: PLATFORM_KEY })).status);
      }
      expect([...statuses]).toEqual([200, 429]);
    });

    it('are no business of callers without a key', async () => {
      for (let call = 0; call < 10; call++) {
        const { status, headers } = await platform.request('GET', '/v1/notifications');
        expect([status, headers.get('ratelimit')]).toEqual([401, null]);
      }
    });
  });

  describe('of an integration', () => {
    const states = async (integrationId: string): Promise<number> => {
      const [row] = await platform.sql.query<{ count: string }[]>(
        'SELECT count(*) FROM inbound_event WHERE integration_id = $1',
        [integrationId],
      );
      return Number(row?.count);
    };

    it('answer in the words that make the vendor send again, and store nothing', async () => {
      const integration = await app.integrate({ plugin: 'nim', name: 'NIM', config: NIM });
      const login = (deviceId: string) =>
        sendCallback(
          integration.inboundUrl,
          nimLogin(NIM, { accid: 'a', clientType: 'IOS', deviceId }, { now: new Date(now) }),
        );
      for (const device of ['1', '2', '3']) expect((await login(device)).status).toBe(200);
      expect(await login('4')).toEqual({ status: 503, body: '{"code":503}' });
      expect(await states(integration.id)).toBe(3);
      const { values } = await platform.app.get(Metrics).inbound.get();
      expect(values.find(({ labels }) => labels.result === 'rate_limited')?.value).toBe(1);

      pass(20);
      expect((await login('4')).status).toBe(200);
      expect((await login('5')).status).toBe(503);
    });

    it('are spent by genuine callbacks alone, and by those of one integration', async () => {
      const one = await app.integrate({ plugin: 'nim', name: 'one', config: NIM });
      const two = await app.integrate({ plugin: 'nim', name: 'two', config: NIM });
      const login = (url: string, secret = NIM.appSecret) =>
        sendCallback(
          url,
          nimLogin({ ...NIM, appSecret: secret }, { accid: 'a', clientType: 'IOS', deviceId: 'd' }, { now }),
        );
      for (let call = 0; call < 5; call++) expect((await login(one.inboundUrl, 'forged')).status).toBe(401);
      for (let call = 0; call < 3; call++) expect((await login(one.inboundUrl)).status).toBe(200);
      expect((await login(one.inboundUrl)).status).toBe(503);
      expect((await login(two.inboundUrl)).status).toBe(200);
    });
  });

  describe('of a client address', () => {
    const report = (forwarded: string) =>
      platform.request('POST', '/v1/receipts', { body: RECEIPTS, headers: { 'x-forwarded-for': forwarded } });

    it('hold for receipts, whoever is behind the proxy', async () => {
      const policy = '"receipts";q=2;w=60';
      expect(headersOf(await report('192.0.2.1'))).toEqual([200, policy, '"receipts";r=1;t=30', null]);
      expect(headersOf(await report('192.0.2.1'))).toEqual([200, policy, '"receipts";r=0;t=60', null]);
      expect(headersOf(await report('192.0.2.1'))).toEqual([429, policy, '"receipts";r=0;t=60', '30']);
      expect((await report('192.0.2.2')).status).toBe(200);
      // What stands before the last proxy was written by the client.
      expect((await report('198.51.100.7, 192.0.2.1')).status).toBe(429);
    });

    it('take a network of IPv6 for one client', async () => {
      for (const address of ['2001:db8:1:2::1', '2001:db8:1:2::2']) expect((await report(address)).status).toBe(200);
      expect((await report('2001:db8:1:2:ffff::3')).status).toBe(429);
      expect((await report('2001:db8:1:3::1')).status).toBe(200);
    });
  });

  it('of clients take no word of strangers when no proxy is trusted', async () => {
    const bare = await TestPlatform.start({
      role: 'api',
      databaseUrl: platform.databaseUrl,
      env: { BELLHOP_RECEIPTS_RATE: '1' },
    });
    try {
      const report = (address: string) =>
        bare.request('POST', '/v1/receipts', { body: RECEIPTS, headers: { 'x-forwarded-for': address } });
      expect((await report('192.0.2.1')).status).toBe(200);
      expect((await report('192.0.2.2')).status).toBe(429);
    } finally {
      await bare.stop();
    }
  });

  it('of 0 are none, and are not told', async () => {
    const free = await TestPlatform.start({
      role: 'api',
      databaseUrl: platform.databaseUrl,
      env: { BELLHOP_API_RATE: '0', BELLHOP_RECEIPTS_RATE: '0' },
    });
    try {
      const { status, headers } = await free.request('GET', '/v1/notifications', { key: app.key });
      expect([status, headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([200, null, null]);
      const receipts = await free.request('POST', '/v1/receipts', { body: RECEIPTS });
      expect([receipts.status, receipts.headers.get('ratelimit')]).toEqual([200, null]);
    } finally {
      await free.stop();
    }
  });
});
