import { publicId } from '../../src/platform/ids.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { freshApnsToken, freshFcmToken, type Phones, Shop } from '../support/shop.js';
import { WorkLoops } from '../../src/core/work-loops.js';

interface NotificationView {
  readonly id: string;
  readonly state: string;
  readonly targets: number;
  readonly pending: number;
  readonly startsAt: string | null;
  readonly counts: { readonly byState: Record<string, number>; readonly byReason: Record<string, number> };
}

interface Problem {
  readonly code: string;
  readonly errors?: readonly { readonly field: string }[];
}

const CONTENT = { title: 'Sale', body: 'Today only' };

describe('broadcasts', () => {
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
    platform.setTime(undefined);
    gateways.apns.release();
    shop = await Shop.open(platform, gateways);
  });

  const tag = async (userId: string, ...tags: string[]) => {
    const { status } = await shop.app.call('PUT', `/v1/users/${userId}/tags`, { tags });
    expect(status).toBe(200);
  };
  const get = async (id: string) => (await shop.app.call<NotificationView>('GET', `/v1/notifications/${id}`)).body;
  const act = (id: string, action: string) =>
    shop.app.call<NotificationView & Problem>('POST', `/v1/notifications/${id}/${action}`);
  /** What the sweep would do at its next turn. */
  const sweep = () => platform.app.get(WorkLoops).sweep();
  const pushesOf = (phones: readonly Phones[]) => phones.map((one) => shop.pushes(one));

  it('reaches the devices of a tag expression, and nobody else', async () => {
    const [both, first, second] = [await shop.person('both'), await shop.person('first'), await shop.person('second')];
    await tag('both', 'vip', '北京');
    await tag('first', 'vip');
    await tag('second', '北京');
    const id = await shop.notify({ allOf: ['vip'], anyOf: ['北京', '上海'] }, CONTENT);
    await shop.settled();
    expect(pushesOf([both, first, second])).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
    expect(await get(id)).toMatchObject({ state: 'done', targets: 2, counts: { byState: { accepted: 2 } } });
    await shop.expectSums();
  });

  it('plans more devices than one slice holds, each once', async () => {
    const sql = `INSERT INTO device (app_id, id, user_id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
                                     token_updated_at, last_seen_at, state)
                 SELECT $1, gen_random_uuid(), 'u' || n, 'i' || n, 'android', 'none', 'token', '', n::text::bytea, now(), now(), 'active'
                 FROM generate_series(1, 2500) AS n`;
    await shop.query(sql);
    const id = await shop.notify({ everyone: true }, CONTENT);
    await shop.settled();
    expect(await get(id)).toMatchObject({
      state: 'done',
      targets: 2500,
      counts: { byReason: { no_certificate: 2500 } },
    });
    const [{ distinct } = {}] = await shop.query<{ distinct: number }>(
      'SELECT count(DISTINCT device_id)::int AS distinct FROM delivery WHERE app_id = $1',
    );
    expect(distinct).toBe(2500);
  });

  it('wants its own scope for everyone', async () => {
    const sender = await platform.createApp(['send']);
    const { status, body } = await sender.call<Problem>('POST', '/v1/notifications', {
      audience: { everyone: true },
      content: CONTENT,
    });
    expect([status, body.code]).toEqual([403, 'auth.scope_missing']);
  });

  it.each([
    ['no condition', { audience: {} }, '/audience'],
    ['everyone false alone', { audience: { everyone: false } }, '/audience'],
    ['too many users', { audience: { users: Array.from({ length: 1001 }, (_, i) => `u${i}`) } }, '/audience/users'],
    ['too many tags', { audience: { allOf: Array.from({ length: 21 }, (_, i) => `t${i}`) } }, '/audience/allOf'],
    ['a tag of 41 bytes', { audience: { anyOf: ['a'.repeat(41)] } }, '/audience/anyOf/0'],
    ['a past schedule', { audience: { everyone: true }, schedule: { at: '2020-01-01T00:00:00Z' } }, '/schedule/at'],
    [
      'a past local time',
      { audience: { everyone: true }, schedule: { localTime: '2020-01-01T00:00' } },
      '/schedule/localTime',
    ],
    [
      'two times',
      { audience: { everyone: true }, schedule: { at: '2099-01-01T00:00:00Z', localTime: '2099-01-01T00:00' } },
      '/schedule',
    ],
    ['an unknown channel', { audience: { everyone: true }, channel: `int_${'0'.repeat(32)}` }, '/channel'],
  ])('refuses %s and stores nothing', async (_, more, field) => {
    const { status, body } = await shop.app.call<Problem>('POST', '/v1/notifications', { content: CONTENT, ...more });
    expect([status, body.errors?.map((error) => error.field)]).toEqual([422, [field]]);
    expect(await shop.notifications()).toEqual([]);
  });

  it('waits for the moment, and tells when that is', async () => {
    const phones = await shop.person('someone');
    const at = new Date(Date.now() + 3_600_000);
    const id = await shop.notify({ everyone: true }, CONTENT, { schedule: { at: at.toISOString() } });
    expect(await get(id)).toMatchObject({ state: 'scheduled', targets: 0, startsAt: at.toISOString() });
    await sweep();
    expect(shop.pushes(phones)).toEqual([0, 0]);
    platform.setTime(new Date(at.getTime() + 120_000));
    await sweep();
    await eventually(async () => (await get(id)).state === 'done');
    expect(shop.pushes(phones)).toEqual([1, 1]);
  });

  it('keeps to the wall clock of each device', async () => {
    const now = new Date('2031-05-05T00:00:00Z');
    platform.setTime(now);
    const zones = ['Asia/Shanghai', 'America/New_York'];
    for (const timeZone of zones) await shop.app.device(timeZone, 'apns', freshApnsToken(), { timeZone });
    await shop.notify({ everyone: true }, CONTENT, { schedule: { localTime: '2031-05-05T09:00' } });
    await sweep();
    const rows = await eventually(async () => {
      const found = await shop.deliveries();
      return found.length === 2 && found;
    });
    expect(Object.fromEntries(rows.map(({ user_id, not_before }) => [user_id, not_before?.toISOString()]))).toEqual({
      'Asia/Shanghai': '2031-05-05T01:00:00.000Z',
      'America/New_York': '2031-05-05T13:00:00.000Z',
    });
  });

  it('pauses, resumes, and sends each device once', async () => {
    const people = await Promise.all(['a', 'b', 'c'].map((name) => shop.person(name)));
    const schedule = { at: new Date(Date.now() + 3_600_000).toISOString() };
    const id = await shop.notify({ everyone: true }, CONTENT, { schedule });
    expect((await act(id, 'pause')).body).toMatchObject({ state: 'scheduled', pausedAt: expect.any(String) as string });
    platform.setTime(new Date(Date.now() + 2 * 3_600_000));
    await sweep();
    expect(await shop.deliveries()).toEqual([]);
    expect((await act(id, 'resume')).status).toBe(200);
    await eventually(async () => (await get(id)).state === 'done');
    expect(pushesOf(people)).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  it('holds what waits while it is paused', async () => {
    const phones = await shop.person('someone');
    const schedule = { window: windowThatIsClosed() };
    const id = await shop.notify({ users: ['someone'] }, CONTENT, { schedule });
    await act(id, 'pause');
    expect(await shop.outcomes()).toEqual(['held(notification_paused)', 'held(notification_paused)']);
    platform.setTime(new Date(Date.now() + 25 * 3_600_000));
    await sweep();
    expect(shop.pushes(phones)).toEqual([0, 0]);
    await act(id, 'resume');
    await sweep();
    await eventually(async () => (await get(id)).state === 'done');
    expect(await shop.outcomes()).toEqual(['accepted', 'accepted']);
  });

  it('cancels what waits, lets end what is in flight, and sends nothing after that', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const token = freshApnsToken();
        await shop.app.device(`user_${i}`, 'apns', token);
        return token;
      }),
    );
    const schedule = { window: windowThatIsClosed() };
    const waiting = await shop.notify({ everyone: true }, CONTENT, { schedule });
    await eventually(async () => (await shop.deliveries()).length === 20);
    const { status, body } = await act(waiting, 'cancel');
    expect([status, body.state]).toEqual([200, 'cancelled']);
    expect(await get(waiting)).toMatchObject({ pending: 0, targets: 20, counts: { byState: { cancelled: 20 } } });
    await shop.expectSums();

    gateways.apns.hold();
    const flying = await shop.notify({ everyone: true }, CONTENT);
    await eventually(
      async () =>
        (await shop.query<object>(`SELECT 1 FROM delivery WHERE app_id = $1 AND state = 'sending'`)).length === 20,
    );
    const cancelled = act(flying, 'cancel');
    await eventually(
      async () =>
        (await shop.query<object>('SELECT 1 FROM notification WHERE app_id = $1 AND cancelled_at IS NOT NULL'))
          .length === 2,
    );
    gateways.apns.release();
    expect((await cancelled).body.state).toBe('cancelled');
    expect(await get(flying)).toMatchObject({ pending: 0, counts: { byState: { accepted: 20 } } });
    expect(tokens.map((token) => shop.onApns(token).length)).toEqual(tokens.map(() => 1));
    expect((await act(flying, 'cancel')).status).toBe(409);
    expect((await act(flying, 'pause')).body.code).toBe('notification.ended');
  });

  it('applies overrides per platform', async () => {
    const phones = await shop.person('someone');
    const overrides = {
      ios: { title: 'For iPhones', badge: 0, extras: { a: '1' } },
      android: { body: 'For the others' },
    };
    await shop.notify({ users: ['someone'] }, { ...CONTENT, extras: { b: '2' }, overrides });
    await shop.settled();
    expect(shop.payload(phones)).toEqual({
      aps: { alert: { title: 'For iPhones', body: 'Today only' }, badge: 0 },
      extras: { a: '1' },
    });
    expect(shop.notices(phones)).toMatchObject([{ title: 'Sale', body: 'For the others' }]);
  });

  it('uses the one channel that was chosen', async () => {
    const phones = await shop.person('someone');
    const { publicId: channel } = shop.fcm;
    await shop.notify({ users: ['someone'] }, CONTENT, { channel });
    await shop.settled();
    expect(shop.pushes(phones)).toEqual([0, 1]);
  });

  it('leaves out who opted out of the category', async () => {
    const phones = await shop.person('someone');
    await shop.app.call('PUT', '/v1/users/someone/preferences', { optedOut: ['marketing'] });
    await shop.notify({ everyone: true }, CONTENT, { category: 'marketing' });
    await shop.notify({ everyone: true }, CONTENT, { category: 'orders' });
    await shop.settled();
    expect(shop.pushes(phones)).toEqual([1, 1]);
    expect((await shop.outcomes()).toSorted()).toEqual([
      'accepted',
      'accepted',
      'skipped(opted_out)',
      'skipped(opted_out)',
    ]);
  });

  it('keeps the notifications of another app out of reach', async () => {
    const stranger = await platform.createApp();
    const id = await shop.notify({ everyone: true }, CONTENT, { schedule: { at: '2099-01-01T00:00:00Z' } });
    for (const action of ['pause', 'resume', 'cancel']) {
      expect((await stranger.call('POST', `/v1/notifications/${id}/${action}`)).status).toBe(404);
    }
    const foreign = { audience: { everyone: true }, content: CONTENT, channel: publicId('int', shop.apns.id) };
    expect((await stranger.call('POST', '/v1/notifications', foreign)).status).toBe(422);
  });

  it('counts a device once whatever finds it', async () => {
    const token = freshFcmToken();
    await shop.app.device('someone', 'fcm', token);
    await tag('someone', 'a', 'b');
    await shop.notify({ anyOf: ['a', 'b', 'a'] }, CONTENT);
    await shop.settled();
    expect(shop.onFcm(token)).toHaveLength(1);
  });
});

/** An hour that lies twelve hours away from now, on the wall of the test's apps. */
function windowThatIsClosed(): { start: string; end: string } {
  const hour = (new Date().getUTCHours() + 8 + 12) % 24;
  const clock = (value: number) => `${String(value % 24).padStart(2, '0')}:00`;
  return { start: clock(hour), end: clock(hour + 1) };
}
