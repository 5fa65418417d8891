import {
  nimLogin,
  nimLogout,
  nimMessage,
  type NimMessage,
  rongCloudMessage,
  rongCloudPresence,
} from '@bellhop/simulators';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { type Phones, Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
/** 23:30 in Shanghai, where the app is at home, and 16:30 in Berlin. */
const NIGHT = new Date('2026-11-21T15:30:00Z');

describe('who is not pushed to, and why', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let phones: Phones;
  let now: Date;
  let nimUrl: string;

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
    now = new Date();
    nimUrl = (await shop.vendor('nim', APP)).inboundUrl;
  });
  afterEach(() => platform.setTime(undefined));

  const moveTo = (time: Date): void => {
    now = time;
    platform.setTime(time);
  };
  const message = (more: Partial<NimMessage> = {}) =>
    nimMessage(APP, { fromAccount: 'zhangsan', to: 'user_1', body: '你好', ...more }, { now });
  const put = async (path: string, body: object): Promise<void> =>
    expect((await shop.app.call('PUT', `/v1/users/user_1/${path}`, body)).status).toBe(200);
  const report = (phone: { installationId: string }, body: object): Promise<void> =>
    put(`presence/${encodeURIComponent(phone.installationId)}`, body);
  const login = (clientType: string) =>
    shop.deliver(nimUrl, nimLogin(APP, { accid: 'user_1', clientType, deviceId: clientType }, { now }));
  const logout = (clientType: string, reason: string) =>
    shop.deliver(nimUrl, nimLogout(APP, { accid: 'user_1', clientType, deviceId: clientType, reason }, { now }));

  const BOTH = (reason: string): string[] => [`skipped(${reason})`, `skipped(${reason})`];

  it.each<[name: string, arrange: () => Promise<unknown>, expected: string[]]>([
    ['switched pushes off', () => put('preferences', { pushEnabled: false }), BOTH('opted_out')],
    ['opted out of the kind', () => put('preferences', { optedOut: ['conversation.message'] }), BOTH('opted_out')],
    ['blocked the sender', () => put('preferences', { blockedSenders: ['zhangsan'] }), BOTH('blacklisted')],
    [
      'keeps strangers away',
      () => put('preferences', { friends: ['lisi'], allowStrangers: false }),
      BOTH('not_friend'),
    ],
    ['muted the conversation', () => put('preferences', { mutedConversations: ['zhangsan'] }), BOTH('do_not_disturb')],
    ['logged out at the vendor', () => logout('IOS', '1'), BOTH('logged_out')],
    ['was kicked out at the vendor', () => logout('AOS', '3'), BOTH('kicked')],
    ['only lost the connection', () => logout('IOS', '2'), ['accepted', 'accepted']],
    ['logged out of a browser', () => logout('WEB', '1'), ['accepted', 'accepted']],
    [
      'sits at a desktop and wants quiet phones',
      async () => {
        await put('preferences', { quietOnDesktop: true });
        await login('PC');
      },
      BOTH('desktop_online'),
    ],
    ['sits at a desktop', () => login('PC'), ['accepted', 'accepted']],
    ['has the app in front', () => report(phones.iphone, { state: 'foreground' }), ['skipped(foreground)', 'accepted']],
    [
      'logged out of the app',
      () => report(phones.android, { state: 'loggedOut' }),
      ['accepted', 'skipped(logged_out)'],
    ],
    ['put the app away', () => report(phones.iphone, { state: 'background' }), ['accepted', 'accepted']],
  ])('somebody who %s', async (_name, arrange, expected) => {
    await arrange();
    await shop.deliver(nimUrl, message());
    expect(await shop.outcomes()).toEqual(expected);
    expect(shop.pushes(phones)).toEqual(expected.map((outcome) => (outcome === 'accepted' ? 1 : 0)));
    await shop.expectSums();
  });

  it('has nothing to show for a message without words', async () => {
    await shop.deliver(nimUrl, message({ msgType: 'CUSTOM', body: '' }));
    expect(await shop.outcomes()).toEqual(BOTH('no_push_copy'));
    expect(shop.pushes(phones)).toEqual([0, 0]);
  });

  it('pushes again five minutes after the app was last seen in front', async () => {
    await report(phones.iphone, { state: 'foreground' });
    moveTo(new Date(now.getTime() + 299_000));
    await shop.deliver(nimUrl, message());
    moveTo(new Date(now.getTime() + 2_000));
    await shop.deliver(nimUrl, message());
    expect(await shop.outcomes()).toEqual(['skipped(foreground)', 'accepted', 'accepted', 'accepted']);
  });

  it('pushes again after the next log-in, whatever the order in which both are told', async () => {
    const at = (seconds: number) => ({ now: new Date(now.getTime() + seconds * 1000) });
    const session = { accid: 'user_1', clientType: 'IOS', deviceId: 'd-1' };
    await shop.deliver(nimUrl, nimLogout(APP, { ...session, reason: '1' }, at(-20)));
    await shop.deliver(nimUrl, message());
    await shop.deliver(nimUrl, nimLogin(APP, session, at(-10)));
    await shop.deliver(nimUrl, nimLogout(APP, { ...session, reason: '1' }, at(-15)));
    await shop.deliver(nimUrl, message());
    expect(await shop.outcomes()).toEqual([...BOTH('logged_out'), 'accepted', 'accepted']);
    expect(shop.pushes(phones)).toEqual([1, 1]);
  });

  it('leaves a message to the vendor that has the person online', async () => {
    const { inboundUrl } = await shop.vendor('rongcloud', APP);
    const say = () => shop.deliver(inboundUrl, rongCloudMessage(APP, { fromUserId: 'u', toUserId: 'user_1' }, { now }));
    const become = (status: '0' | '1', time: number) =>
      shop.deliver(
        inboundUrl,
        rongCloudPresence(APP, [{ userid: 'user_1', status, os: 'iOS', time, sessionId: 's' }], { now }),
      );
    await become('0', now.getTime() - 2_000);
    await say();
    // The other vendor does not serve them.
    await shop.deliver(nimUrl, message());
    await become('1', now.getTime() - 1_000);
    await say();
    expect(await shop.outcomes()).toEqual([...BOTH('online'), 'accepted', 'accepted', 'accepted', 'accepted']);
  });

  describe('do not disturb', () => {
    const window = { dndStart: '22:00', dndEnd: '07:30' };

    it.each<[words: string, preference: object, time: Date, quiet: boolean]>([
      ['at night in the zone of the app', window, NIGHT, true],
      ['after midnight', window, new Date('2026-11-21T20:00:00Z'), true],
      ['by day', window, new Date('2026-11-21T10:00:00Z'), false],
      ['at night elsewhere', { ...window, dndTimeZone: 'Europe/Berlin' }, NIGHT, false],
    ])('%s', async (_words, preference, time, quiet) => {
      await put('preferences', preference);
      moveTo(time);
      await shop.deliver(nimUrl, message());
      expect(await shop.outcomes()).toEqual(quiet ? BOTH('do_not_disturb') : ['accepted', 'accepted']);
    });

    it('goes by the zone of each device', async () => {
      await put('preferences', window);
      await shop.app.device('user_1', 'apns', phones.iosToken, { timeZone: 'Europe/Berlin', locale: 'zh-CN' });
      moveTo(NIGHT);
      await shop.deliver(nimUrl, message());
      expect(await shop.outcomes()).toEqual(['accepted', 'skipped(do_not_disturb)']);
    });
  });

  it('tells that somebody has no device, or none that a channel serves', async () => {
    await shop.app.call('PUT', '/v1/users/user_2/preferences', {});
    await shop.deliver(nimUrl, message({ to: 'user_2' }));
    await shop.app.device('user_3', 'apns', phones.iosToken, { appIdentifier: 'com.example.other' });
    await shop.deliver(nimUrl, message({ to: 'user_3' }));
    expect(await shop.outcomes()).toEqual(['skipped(no_token)', 'skipped(no_certificate)']);
    expect(shop.pushes(phones)).toEqual([0, 0]);
    await shop.expectSums();
  });

  it('pushes nothing about changes that are never shown', async () => {
    await login('IOS');
    expect((await shop.events()).map(({ state, reason }) => [state, reason])).toEqual([['routed', 'silent']]);
    expect(await shop.notifications()).toEqual([]);
  });
});
