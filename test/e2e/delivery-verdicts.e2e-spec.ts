import { apnsTestCredentials, type ApnsSimulator, createAuthority, startApnsSimulator } from '@bellhop/simulators';
import { DeliveryWorker } from '../../src/core/delivery/delivery-worker.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Handwork } from '../support/handwork.js';
import { freshApnsToken, freshFcmToken, Shop } from '../support/shop.js';

const MINUTE = 60_000;

interface StoredDevice {
  readonly state: string;
  readonly state_reason: string | null;
  readonly environment: string;
  readonly accepted_at: Date | null;
}

describe('what gateways say about devices', () => {
  const credentials = apnsTestCredentials();
  let platform: TestPlatform;
  let gateways: Gateways;
  let sandbox: ApnsSimulator;
  let shop: Shop;
  let hand: Handwork;

  beforeAll(async () => {
    const authority = await createAuthority();
    gateways = await startGateways({ apns: { environment: 'production', credentials, authority } });
    sandbox = await startApnsSimulator({ credentials, authority, environment: 'sandbox' });
    Object.assign(gateways.apnsConfig, credentials, {
      sandboxUrl: sandbox.url,
      certificateAuthority: authority.caPem,
    });
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(async () => {
    await platform?.stop();
    await sandbox?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    platform.setTime(new Date());
    shop = await Shop.open(platform, gateways);
    hand = new Handwork(shop);
  });
  afterEach(() => {
    platform.setTime(undefined);
    gateways.apns.reset();
    gateways.fcm.reset();
    sandbox.reset();
  });

  const registry = () =>
    shop.query<StoredDevice>(
      `SELECT state, state_reason, environment, accepted_at FROM device
       LEFT JOIN device_reach r ON r.app_id = device.app_id AND r.device_id = device.id WHERE device.app_id = $1 ORDER BY id`,
    );
  const integration = async () => (await shop.app.call('GET', `/v1/integrations/${shop.apns.publicId}`)).body;
  const push = async (): Promise<string[]> => {
    await shop.notify({ users: ['user_1'] });
    await hand.work();
    return shop.outcomes();
  };

  describe('410', () => {
    it.each([
      ['older than the registration counts for nothing', -MINUTE, { state: 'active', state_reason: null }],
      ['newer retires the device', MINUTE, { state: 'retired', state_reason: 'token.unregistered' }],
    ])('%s', async (_words, ms, device) => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      const timestamp = hand.now.getTime() + ms;
      gateways.apns.script(token, [{ status: 410, reason: 'Unregistered', timestamp }]);
      hand.wait(2 * MINUTE);
      expect(await push()).toEqual(['failed(token.unregistered)']);
      expect(await registry()).toMatchObject([device]);
      await shop.expectSums();
    });

    it('that was under way while the app registered again counts for nothing', async () => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      const timestamp = hand.now.getTime() + MINUTE;
      gateways.apns.script(token, [{ status: 410, reason: 'Unregistered', timestamp }]);
      gateways.apns.hold();
      const pushed = push();
      await gateways.apns.received(1);
      hand.wait(2 * MINUTE);
      await shop.app.device('user_1', 'apns', token);
      gateways.apns.release();
      expect(await pushed).toEqual(['failed(token.unregistered)']);
      expect(await registry()).toMatchObject([{ state: 'active' }]);
    });

    it('of a retired device is not asked for again, until the app registers it again', async () => {
      const token = freshApnsToken('Unregistered');
      const android = freshFcmToken('unregistered');
      await shop.app.device('user_1', 'apns', token);
      await shop.app.device('user_1', 'fcm', android);
      hand.wait(MINUTE);
      await push();
      expect((await registry()).map(({ state }) => state)).toEqual(['retired', 'retired']);
      expect((await push()).slice(2)).toEqual(['skipped(no_token)']);
      expect([shop.onApns(token).length, shop.onFcm(android).length]).toEqual([1, 1]);
      await shop.app.device('user_1', 'apns', token);
      expect((await registry()).map(({ state }) => state).sort()).toEqual(['active', 'retired']);
    });

    it('that arrives between planning and sending stops what is still queued', async () => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      await shop.notify({ users: ['user_1'] });
      await shop.query(`UPDATE device SET state = 'retired' WHERE app_id = $1`);
      await hand.work();
      expect(await shop.outcomes()).toEqual(['skipped(device_not_active)']);
      expect(shop.onApns(token)).toEqual([]);
      await shop.expectSums();
    });
  });

  describe('environments', () => {
    it('are learned from the gateway that takes the token', async () => {
      const token = freshApnsToken('ok', { environment: 'sandbox' });
      await shop.app.device('user_1', 'apns', token, { environment: 'unknown' });
      expect(await push()).toEqual(['accepted']);
      expect(await registry()).toMatchObject([{ environment: 'sandbox', state: 'active' }]);
      await push();
      expect(shop.onApns(token).map(({ answer }) => answer)).toEqual(['400 BadDeviceToken']);
      expect(sandbox.requests.map(({ answer }) => answer)).toEqual(['200', '200']);
    });

    it('that refuse the token both retire it', async () => {
      const token = freshApnsToken('BadDeviceToken');
      await shop.app.device('user_1', 'apns', token, { environment: 'unknown' });
      hand.wait(MINUTE);
      expect(await push()).toEqual(['failed(token.not_recognised)']);
      expect([shop.onApns(token).length, sandbox.requests.length]).toEqual([1, 1]);
      expect(await registry()).toMatchObject([{ state: 'retired', state_reason: 'token.not_recognised' }]);
    });

    it('of which the known one refuses the token make it suspect', async () => {
      const token = freshApnsToken('ok', { environment: 'sandbox' });
      await shop.app.device('user_1', 'apns', token, { environment: 'production' });
      hand.wait(MINUTE);
      expect(await push()).toEqual(['failed(token.not_recognised)']);
      expect(sandbox.requests).toEqual([]);
      expect(await registry()).toMatchObject([{ state: 'suspect', state_reason: 'token.not_recognised' }]);
    });
  });

  describe('a wrong binding', () => {
    it('wipes no registry: 25 devices refused by topic pause the integration, and are sent to once it is mended', async () => {
      const tokens = Array.from({ length: 25 }, () => freshApnsToken());
      await Promise.all(tokens.map((token, i) => shop.app.device(`user_${i}`, 'apns', token)));
      gateways.apns.script('*', ['DeviceTokenNotForTopic'], { repeatLast: true });
      hand.wait(MINUTE);
      await shop.notify({ users: tokens.map((_, i) => `user_${i}`) });
      await hand.work();
      expect((await registry()).map(({ state }) => state)).toEqual(Array(25).fill('active'));
      expect(await integration()).toMatchObject({ state: 'paused', pauseReason: 'mass_invalidation', revision: 1 });
      expect(await shop.outcomes()).toEqual(Array(25).fill('held(integration_paused)'));
      await shop.expectSums();

      // What comes in meanwhile waits with them.
      await push();
      expect(await shop.outcomes()).toEqual(Array(26).fill('held(integration_paused)'));
      expect(gateways.apns.counters.requests).toBe(25);

      gateways.apns.reset();
      const path = `/v1/integrations/${shop.apns.publicId}`;
      const mended = await shop.app.call('PATCH', path, { config: { bundleId: 'com.example.right' } });
      expect([mended.status, mended.body]).toMatchObject([200, { state: 'active', pauseReason: null, revision: 2 }]);
      await hand.work();
      expect(await shop.outcomes()).toEqual(Array(26).fill('accepted'));
      expect([...new Set(gateways.apns.requests.map(({ headers }) => headers['apns-topic']))]).toEqual([
        'com.example.right',
      ]);
      expect((await registry()).every(({ state, accepted_at }) => state === 'active' && accepted_at)).toBe(true);
      await shop.expectSums();
    });

    it('of single devices among others is theirs', async () => {
      for (let i = 0; i < 30; i++) {
        await shop.app.device(`user_${i}`, 'apns', freshApnsToken(i === 0 ? 'ok' : 'DeviceTokenNotForTopic'));
      }
      hand.wait(MINUTE);
      await shop.notify({ users: Array.from({ length: 30 }, (_, i) => `user_${i}`) });
      await hand.work();
      const states = Map.groupBy(await registry(), ({ state }) => state);
      expect([states.get('active')?.length, states.get('suspect')?.length]).toEqual([1, 29]);
      expect(await integration()).toMatchObject({ state: 'active' });
    });
  });

  describe('wrong credentials', () => {
    const path = () => `/v1/integrations/${shop.apns.publicId}`;

    it('pause the integration and name the setting; mended, everything is sent', async () => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      gateways.apns.script('*', ['InvalidProviderToken'], { repeatLast: true });
      expect(await push()).toEqual(['held(integration_paused)']);
      expect(await integration()).toMatchObject({ state: 'paused', pauseReason: 'misconfigured' });
      expect(String((await integration())['pauseDetail'])).toContain('"p8"');
      await push();
      expect(gateways.apns.counters.requests).toBe(1);
      expect(await registry()).toMatchObject([{ state: 'active' }]);

      gateways.apns.reset();
      expect((await shop.app.call('PATCH', path(), { config: { p8: credentials.p8 } })).status).toBe(200);
      await hand.work();
      expect(await shop.outcomes()).toEqual(['accepted', 'accepted']);
      await shop.expectSums();
    });

    it('of one channel leave the other one alone', async () => {
      const phones = await shop.person('user_1');
      gateways.fcm.script('*', ['unauthenticated'], { repeatLast: true });
      await push();
      expect((await shop.outcomes()).sort()).toEqual(['accepted', 'held(integration_paused)']);
      expect(shop.onApns(phones.iosToken)).toHaveLength(1);
    });

    it('that were replaced while a batch was under way hold nothing for ever', async () => {
      const token = freshApnsToken();
      await shop.app.device('user_1', 'apns', token);
      gateways.apns.script(token, ['InvalidProviderToken']);
      gateways.apns.hold();
      const pushed = push();
      await gateways.apns.received(1);
      expect((await shop.app.call('PATCH', path(), { config: { p8: credentials.p8 } })).status).toBe(200);
      gateways.apns.release();
      await pushed;
      expect(await integration()).toMatchObject({ state: 'active', revision: 2 });
      await hand.sweep();
      await hand.work();
      expect(await shop.outcomes()).toEqual(['accepted']);
      await shop.expectSums();
    });
  });

  it('what an operator has paused is held, and sent after the resumption, which every process sees', async () => {
    const token = freshApnsToken();
    await shop.app.device('user_1', 'apns', token);
    const other = await TestPlatform.start({ role: 'api', databaseUrl: platform.databaseUrl });
    try {
      const path = `/v1/integrations/${shop.apns.publicId}`;
      expect((await shop.app.call('POST', `${path}/pause`, { detail: 'maintenance' })).status).toBe(200);
      await shop.notify({ users: ['user_1'] });
      const [nudge] = await hand.nudges();
      // The other process remembers the pause.
      await other.app.get(DeliveryWorker).deliver(nudge!);
      expect(await shop.outcomes()).toEqual(['held(integration_paused)']);
      expect((await shop.app.call('POST', `${path}/resume`)).body).toMatchObject({
        state: 'active',
        pauseReason: null,
      });
      await other.app.get(DeliveryWorker).deliver(nudge!);
      expect(await shop.outcomes()).toEqual(['accepted']);
      await shop.expectSums();
    } finally {
      await other.stop();
    }
  });
});
