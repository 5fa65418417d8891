import { kf5Chat, type Kf5Device, kf5Samples } from '@bellhop/simulators';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { freshApnsToken, freshFcmToken, Shop } from '../support/shop.js';

interface StoredDevice {
  readonly id: string;
  readonly user_id: string | null;
  readonly state: string;
  readonly environment: string;
  readonly sealed_token: Buffer;
}

describe('devices that a callback names', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let kf5: Awaited<ReturnType<Shop['vendor']>>;

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
    kf5 = await shop.vendor('kf5');
  });

  let said = 0;
  const chat = (devices: readonly Kf5Device[], inboundUrl = kf5.inboundUrl, userId: number | string = 40057) =>
    shop.deliver(inboundUrl, kf5Chat({ userId, text: `您好 ${++said}`, devices }));
  const ios = (token: string): Kf5Device => ({ token, platform: 'ios' });
  const android = (token: string): Kf5Device => ({ token, platform: 'android' });
  const registry = () => shop.query<StoredDevice>('SELECT * FROM device WHERE app_id = $1 ORDER BY created_at, id');

  it('pushes to registered ones, found by token in any spelling or by our own id', async () => {
    const phones = await shop.person('user_1');
    await chat([ios(phones.iosToken.toUpperCase()), android(`dev_${phones.android.id.replaceAll('-', '')}`)]);
    expect(await shop.outcomes()).toEqual(['accepted', 'accepted']);
    expect(shop.pushes(phones)).toEqual([1, 1]);
    expect(await registry()).toHaveLength(2);
  });

  it('pushes once to a device that is both linked and named', async () => {
    const phones = await shop.person('user_1');
    await shop.link('user_1', kf5.publicId, 'kf5.user_id', '40057');
    await chat([ios(phones.iosToken), ios(phones.iosToken.toUpperCase()), ios(phones.iosToken)]);
    expect(shop.pushes(phones)).toEqual([1, 1]);
    expect(await shop.outcomes()).toEqual(['accepted', 'accepted']);
  });

  it('takes unknown ones into the registry, and finds them there the next time', async () => {
    const tokens = [freshApnsToken(), freshFcmToken()] as const;
    await shop.link('user_1', kf5.publicId, 'kf5.user_id', '40057');
    await chat([ios(tokens[0]), android(tokens[1])]);
    const adopted = await registry();
    expect(adopted.map(({ user_id, state, environment }) => `${user_id} ${state} ${environment}`).toSorted()).toEqual([
      'user_1 active production',
      'user_1 active unknown',
    ]);
    expect(adopted.some(({ sealed_token }) => tokens.some((token) => sealed_token.includes(token)))).toBe(false);
    await chat([ios(tokens[0]), android(tokens[1])]);
    expect((await registry()).map(({ id }) => id)).toEqual(adopted.map(({ id }) => id));
    expect(shop.pushes({ iosToken: tokens[0], androidToken: tokens[1] } as never)).toEqual([2, 2]);
    await shop.expectSums();
  });

  it('takes unknown ones of somebody unknown as well', async () => {
    const token = freshApnsToken();
    await chat([ios(token)]);
    expect(await registry()).toMatchObject([{ user_id: null, state: 'active' }]);
    expect(shop.onApns(token)).toHaveLength(1);
  });

  it('leaves unknown ones alone where the integration does not trust callbacks', async () => {
    const careful = await shop.vendor('kf5', {}, { trustCallbackDevices: false });
    const token = freshApnsToken();
    await chat([ios(token)], careful.inboundUrl);
    expect(await registry()).toEqual([]);
    expect((await shop.events())[0]).toMatchObject({ state: 'ignored', reason: 'unroutable' });
    expect(shop.onApns(token)).toEqual([]);
  });

  it('skips what no gateway would issue, with the reason', async () => {
    await chat([ios('1234567890'), android('短')]);
    expect(await shop.outcomes()).toEqual(['skipped(invalid_token)', 'skipped(invalid_token)']);
    await shop.post(kf5.inboundUrl, kf5Samples.legacyChat);
    await shop.settled();
    expect((await shop.outcomes()).at(-1)).toBe('skipped(invalid_token)');
    expect(await registry()).toEqual([]);
    await shop.expectSums();
  });

  it('does not push to a device that somebody else has registered', async () => {
    const phones = await shop.person('user_1');
    const others = await shop.person('user_2');
    await shop.link('user_1', kf5.publicId, 'kf5.user_id', '40057');
    await chat([ios(others.iosToken)]);
    expect((await shop.outcomes()).sort()).toEqual(['accepted', 'accepted', 'skipped(device_of_another_user)']);
    expect([shop.pushes(phones), shop.pushes(others)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  it('does not know ids and tokens of another app', async () => {
    const stranger = await Shop.open(platform, gateways);
    const theirs = await stranger.person('user_1');
    await chat([ios(`dev_${theirs.iphone.id.replaceAll('-', '')}`)]);
    expect(shop.pushes(theirs)).toEqual([0, 0]);
    expect(await stranger.deliveries()).toEqual([]);
    expect(await shop.outcomes()).toEqual(['skipped(invalid_token)']);
  });

  it('takes one token once, however many callbacks bring it at the same time', async () => {
    const token = freshApnsToken();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        shop.post(kf5.inboundUrl, kf5Chat({ userId: 1, text: `text ${i}`, devices: [ios(token)] })),
      ),
    );
    await shop.settled();
    expect(await registry()).toHaveLength(1);
    expect(await shop.outcomes()).toEqual(Array(20).fill('accepted'));
    expect(shop.onApns(token)).toHaveLength(20);
  });

  it('keeps tokens out of replies', async () => {
    const token = freshApnsToken();
    await chat([ios(token)]);
    const [event] = await shop.events();
    const [delivery] = await shop.deliveries();
    const paths = [
      `/v1/events/evt_${event?.id.replaceAll('-', '')}`,
      '/v1/events',
      `/v1/deliveries/dlv_${delivery?.id.replaceAll('-', '')}`,
      `/v1/trace/evt_${event?.id.replaceAll('-', '')}`,
    ];
    for (const path of paths) {
      const { status, body } = await shop.app.call('GET', path);
      expect([path, status, JSON.stringify(body).includes(token)]).toEqual([path, 200, false]);
    }
  });
});
