import { NotificationsService } from '../../src/core/notifications/notifications.service.js';
import { publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, type TestApp, TestPlatform } from '../support/app.js';
import { freshApnsToken, type Phones, Shop } from '../support/shop.js';

interface NotificationView {
  readonly id: string;
  readonly state: string;
  readonly targets: number;
  readonly pending: number;
  readonly counts: { readonly byState: object; readonly byReason: object };
}

interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

describe('POST /v1/notifications', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let phones: Phones;

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
    phones = await shop.person('user_1');
  });

  const get = async <T>(path: string, app: TestApp = shop.app): Promise<T> => {
    const { status, body } = await app.call<T>('GET', path);
    expect([path, status]).toEqual([path, 200]);
    return body;
  };
  const dev = ({ id }: { id: string }): string => publicId('dev', id);

  it('informs users, tells how many, and keeps count', async () => {
    const body = {
      audience: { users: ['user_1', 'user_1', 'nobody'] },
      content: {
        title: 'On its way',
        body: 'Tomorrow',
        badge: 2,
        deepLink: 'shop://orders/42',
        extras: { orderId: '42' },
      },
      category: 'orders',
    };
    const { status, body: created } = await shop.app.call<NotificationView>('POST', '/v1/notifications', body);
    expect([status, created]).toMatchObject([202, { targets: 3, pending: 2, state: 'sending' }]);
    await shop.settled();
    expect(await get<NotificationView>(`/v1/notifications/${created.id}`)).toMatchObject({
      state: 'done',
      targets: 3,
      pending: 0,
      category: 'orders',
      counts: { byState: { accepted: 2, skipped: 1 }, byReason: { no_token: 1 } },
    });
    expect(shop.payload(phones)).toEqual({
      aps: { alert: { title: 'On its way', body: 'Tomorrow' }, badge: 2 },
      extras: { orderId: '42' },
      deepLink: 'shop://orders/42',
    });
    expect(shop.onFcm(phones.androidToken)).toMatchObject([
      {
        message: {
          notification: { title: 'On its way', body: 'Tomorrow' },
          data: { orderId: '42', deepLink: 'shop://orders/42' },
          android: { notification: { notification_count: 2 } },
        },
      },
    ]);
    await shop.expectSums();
  });

  it('informs single devices', async () => {
    const devices = [dev(phones.iphone), dev(phones.iphone)];
    const id = await shop.notify({ devices }, { body: 'Only here' });
    await shop.settled();
    expect(shop.pushes(phones)).toEqual([1, 0]);
    const { data } = await get<Page<object>>(`/v1/notifications/${id}/deliveries`);
    expect(data).toMatchObject([
      {
        state: 'accepted',
        channel: 'apns',
        deviceId: dev(phones.iphone),
        userId: 'user_1',
        attempts: [{ outcome: 'accepted' }],
      },
    ]);
  });

  it('lists page by page, newest first, without repeating or losing one', async () => {
    const users = Array.from({ length: 7 }, (_, i) => `user_${i + 10}`);
    await Promise.all(users.map((user) => shop.app.device(user, 'apns', freshApnsToken())));
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push(await shop.notify({ users }));
    const walk = async (path: string): Promise<string[]> => {
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Page<{ id: string }> = await get(`${path}?limit=2${cursor && `&cursor=${cursor}`}`);
        expect(page.data.length).toBeLessThanOrEqual(2);
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      return seen;
    };
    expect(await walk('/v1/notifications')).toEqual([...ids].reverse());
    const deliveries = await walk(`/v1/notifications/${ids[0]}/deliveries`);
    expect([deliveries.length, new Set(deliveries).size]).toEqual([7, 7]);
    expect(deliveries).toEqual([...deliveries].sort().reverse());
    await shop.settled();
  });

  it('speaks the language of each device', async () => {
    const french = freshApnsToken();
    await shop.app.device('user_1', 'apns', french, { locale: 'fr-CA' });
    const localized = { 'zh-CN': { title: '您好' }, en: { title: 'Hello' } };
    await shop.notify({ users: ['user_1'] }, { title: 'Bonjour', localized });
    await shop.settled();
    expect(shop.alerts(phones)).toEqual([{ title: '您好' }]);
    expect(shop.notices(phones)).toEqual([{ title: 'Hello' }]);
    expect(shop.alerts({ iosToken: french })).toEqual([{ title: 'Bonjour' }]);
  });

  it('wakes apps without a sound', async () => {
    await shop.notify({ users: ['user_1'] }, { silent: true, extras: { sync: '1' } });
    await shop.settled();
    const [apns] = shop.onApns(phones.iosToken);
    expect(apns?.payload).toEqual({
      aps: { 'content-available': 1 },
      extras: { sync: '1' },
      bellhop_receipt: expect.any(String) as string,
    });
    expect([apns?.headers['apns-push-type'], apns?.headers['apns-priority']]).toEqual(['background', '5']);
    const [fcm] = shop.onFcm(phones.androidToken);
    expect(fcm?.message).toMatchObject({ data: { sync: '1' }, android: { priority: 'normal' } });
    expect(fcm?.message?.notification).toBeUndefined();
  });

  it('passes priority and time to live on', async () => {
    const before = Math.floor(Date.now() / 1000);
    await shop.notify({ users: ['user_1'] }, { title: 'Later' }, { priority: 'normal', ttlSeconds: 600 });
    await shop.settled();
    const after = Math.ceil(Date.now() / 1000);
    const [apns] = shop.onApns(phones.iosToken);
    expect(apns?.headers['apns-priority']).toBe('5');
    const expiration = Number(apns?.headers['apns-expiration']);
    expect(expiration).toBeGreaterThanOrEqual(before + 600);
    expect(expiration).toBeLessThanOrEqual(after + 600);
    const android = shop.onFcm(phones.androidToken)[0]?.message?.['android'] as { priority: string; ttl: string };
    expect(android.priority).toBe('normal');
    expect(Number.parseInt(android.ttl, 10)).toBeLessThanOrEqual(600);
    expect(Number.parseInt(android.ttl, 10)).toBeGreaterThan(600 - 1 - (after - before));
  });

  it('respects what people chose, unless it is forced', async () => {
    await shop.app.call('PUT', '/v1/users/user_1/preferences', {
      dndStart: '00:00',
      dndEnd: '23:59',
      optedOut: ['ads'],
    });
    const ask = (more: object) => shop.notify({ users: ['user_1'] }, { title: 'x' }, more);
    await ask({});
    await ask({ forced: true });
    await ask({ forced: true, category: 'ads' });
    await shop.settled();
    expect(await shop.outcomes()).toEqual([
      'skipped(do_not_disturb)',
      'skipped(do_not_disturb)',
      'accepted',
      'accepted',
      'skipped(opted_out)',
      'skipped(opted_out)',
    ]);
  });

  describe('Idempotency-Key', () => {
    const call = (content: object, key = 'order-42') =>
      shop.app.call<NotificationView & { code: string }>(
        'POST',
        '/v1/notifications',
        { audience: { users: ['user_1'] }, content },
        { 'idempotency-key': key },
      );

    it('gives 100 calls at the same time one effect', async () => {
      const replies = await Promise.all(Array.from({ length: 100 }, () => call({ title: 'Once' })));
      const last = await call({ title: 'Once' });
      expect([last.status, last.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
      for (const { status, body } of replies) {
        expect([status, status === 202 ? body.id : body.code]).toEqual(
          status === 202 ? [202, last.body.id] : [409, 'idempotency.in_progress'],
        );
      }
      await shop.settled();
      expect(await shop.notifications()).toHaveLength(1);
      expect(shop.pushes(phones)).toEqual([1, 1]);
    });

    it('keeps to one effect when the reply to it got lost', async () => {
      const notifications = platform.app.get(NotificationsService);
      const reading = jest.spyOn(notifications, 'get').mockRejectedValueOnce(new Error('Connection terminated'));
      expect((await call({ title: 'Once' })).status).toBeGreaterThanOrEqual(500);
      reading.mockRestore();
      const [again, replayed] = [await call({ title: 'Once' }), await call({ title: 'Once' })];
      expect([again.status, replayed.body.id]).toEqual([202, again.body.id]);
      await shop.settled();
      expect(await shop.notifications()).toHaveLength(1);
      expect(shop.pushes(phones)).toEqual([1, 1]);
    });

    it('is refused for another request', async () => {
      await call({ title: 'Once' });
      const other = await call({ title: 'Twice' });
      expect([other.status, other.body.code]).toEqual([422, 'idempotency.key_reused']);
      expect((await call({ title: 'Twice' }, 'order-43')).status).toBe(202);
      await shop.settled();
      expect(shop.pushes(phones)).toEqual([2, 2]);
    });
  });
});
