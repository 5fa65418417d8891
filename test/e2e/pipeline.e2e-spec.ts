import {
  type Callback,
  echatChat,
  echatReply,
  echatUrlCheck,
  kf5Chat,
  kf5Ticket,
  nimMessage,
  rongCloudMessage,
  sendCallback,
  udeskClose,
  udeskMessages,
  udeskText,
} from '@bellhop/simulators';
import { issuePushInfo } from '../../libs/vendors/echat/src/echat.crypto.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { type Phones, Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
const ECHAT = { token: 'echat-token' };
const SECURE = { ...ECHAT, secure: { appId: 'ECHATAPP0001', encodingAesKey: Buffer.alloc(32, 3).toString('base64') } };

interface Vendor {
  readonly plugin: string;
  readonly config: Record<string, unknown>;
  /** What the vendor calls the user `user_1`, where it is another word. */
  readonly identity?: readonly [kind: string, value: string];
  readonly callback: (phones: Phones) => Callback;
  /** Title and body on the Chinese iPhone and on the English Android. */
  readonly zh: readonly [title: string, body: string];
  readonly en: readonly [title: string, body: string];
  readonly badge?: number;
  readonly collapseId?: string;
  readonly threadId?: string;
  readonly deepLink?: string;
  readonly extras: Readonly<Record<string, string>>;
}

const VENDORS: readonly Vendor[] = [
  {
    plugin: 'kf5',
    config: {},
    identity: ['kf5.user_id', '40057'],
    callback: () => kf5Ticket({ userId: 40057, ticketId: '123', devices: [] }),
    zh: ['工单有新回复', '您的工单 #123 有新的回复，点击查看'],
    en: ['Ticket updated', 'There is a new reply on ticket #123'],
    collapseId: 'kf5-ticket-123',
    deepLink: 'shop://support/kf5/ticket/123',
    extras: { vendor: 'kf5', kind: 'ticket.replied', ticketId: '123' },
  },
  {
    plugin: 'udesk',
    config: {},
    identity: ['udesk.web_token', 'web_1'],
    callback: () => udeskMessages({ webToken: 'web_1', pluginId: 42, messages: [udeskClose({ survey: true })] }),
    zh: ['会话已结束', '本次服务已结束，点击评价'],
    en: ['Conversation ended', 'This conversation has ended. Tap to rate it'],
    collapseId: 'udesk-close-3001',
    threadId: '3001',
    deepLink: 'shop://support/udesk/survey?conversation=3001',
    extras: { vendor: 'udesk', kind: 'conversation.closed', conversationId: '3001', pluginId: '42' },
  },
  {
    plugin: 'echat',
    config: {
      token: SECURE.token,
      mode: 'secure',
      ...SECURE.secure,
      encodingAesKey: SECURE.secure.encodingAesKey.slice(0, 43),
    },
    callback: () =>
      echatChat(
        SECURE,
        { companyId: '60', msgId: '345', uid: 'user_1', content: '您的订单<b>已发货</b>', unreadMsgCount: '3' },
        { now: new Date() },
      ),
    zh: ['Allen@Echat', '您的订单已发货'],
    en: ['Allen@Echat', '您的订单已发货'],
    badge: 3,
    collapseId: 'echat-60-1733339',
    threadId: '1733339',
    deepLink: 'shop://support/echat/chat?company=60&talk=1733339',
    extras: { vendor: 'echat', kind: 'conversation.message', chatCompanyId: '60', unreadMsgCount: '3' },
  },
  {
    plugin: 'rongcloud',
    config: APP,
    callback: () =>
      rongCloudMessage(APP, { fromUserId: 'user_2', toUserId: 'user_1', objectName: 'RC:ImgMsg' }, { now: new Date() }),
    zh: ['新消息', '[图片]'],
    en: ['New message', '[Photo]'],
    threadId: 'user_2',
    extras: { vendor: 'rongcloud', channelType: 'PERSON', fromUserId: 'user_2', targetId: 'user_1' },
  },
  {
    plugin: 'nim',
    config: APP,
    callback: () =>
      nimMessage(
        APP,
        { fromAccount: 'zhangsan', fromNick: '张三', to: 'user_1', msgType: 'AUDIO', attach: '{"dur":4000}' },
        { now: new Date() },
      ),
    zh: ['张三', '[语音] 4″'],
    en: ['张三', '[Voice] 4″'],
    threadId: 'zhangsan',
    extras: { vendor: 'nim', sessionType: 'p2p', fromAccount: 'zhangsan', to: 'user_1' },
  },
];

describe('the way of a callback to the phone', () => {
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

  describe.each(VENDORS)('$plugin', (vendor) => {
    it('makes one push per phone, each in its language, and none when it is sent again', async () => {
      const phones = await shop.person('user_1');
      const { publicId: sourceId, inboundUrl } = await shop.vendor(vendor.plugin, vendor.config);
      if (vendor.identity) await shop.link('user_1', sourceId, ...vendor.identity);
      const callback = vendor.callback(phones);
      await shop.deliver(inboundUrl, callback);

      const [event] = await shop.events();
      const eventId = `evt_${event?.id.replaceAll('-', '')}`;
      const { collapseId, threadId, deepLink, badge } = vendor;
      const extras = { ...vendor.extras, sourceId, eventId };
      expect(shop.pushes(phones)).toEqual([1, 1]);

      const [apns] = shop.onApns(phones.iosToken);
      expect(apns?.headers['apns-topic']).toBe('com.example.shop');
      expect([apns?.headers['apns-push-type'], apns?.headers['apns-priority']]).toEqual(['alert', '10']);
      expect(apns?.headers['apns-collapse-id']).toBe(collapseId);
      const payload = shop.payload(phones);
      expect(payload).toMatchObject({ aps: { alert: { title: vendor.zh[0], body: vendor.zh[1] } }, extras });
      expect([payload.aps.badge, payload.aps['thread-id'], payload.deepLink]).toEqual([badge, threadId, deepLink]);

      const [fcm] = shop.onFcm(phones.androidToken);
      expect(fcm?.message?.notification).toEqual({ title: vendor.en[0], body: vendor.en[1] });
      expect(fcm?.message?.data).toMatchObject({ ...extras, ...(deepLink && { deepLink }) });
      expect(fcm?.message?.['android']).toMatchObject({
        priority: 'high',
        notification: {
          sound: 'default',
          ...(collapseId && { tag: collapseId }),
          ...(badge && { notification_count: badge }),
        },
      });

      await shop.deliver(inboundUrl, callback);
      expect(await shop.events()).toHaveLength(1);
      expect(shop.pushes(phones)).toEqual([1, 1]);
      expect(await shop.outcomes()).toEqual(['accepted', 'accepted']);
      await shop.expectSums();
    });
  });

  describe('udesk', () => {
    it('makes one push of a batch, with a count and the last words', async () => {
      const phones = await shop.person('user_1');
      const { publicId, inboundUrl } = await shop.vendor('udesk');
      await shop.link('user_1', publicId, 'udesk.web_token', 'web_1');
      const messages = ['您好', '在吗', '请稍等'].map((text) => udeskText(text));
      const batch = udeskMessages({ webToken: 'web_1', pluginId: 42, messages });
      await shop.deliver(inboundUrl, batch);
      expect(shop.alerts(phones)).toEqual([{ title: 'Tom', body: '[3条] 请稍等' }]);
      expect(shop.notices(phones)).toEqual([{ title: 'Tom', body: '[3] 请稍等' }]);
      expect(shop.payload(phones).extras).toMatchObject({ messageCount: '3' });
      expect((await shop.events()).map(({ state, reason }) => [state, reason])).toEqual([
        ['routed', 'batched'],
        ['routed', 'batched'],
        ['routed', null],
      ]);
      await shop.deliver(inboundUrl, batch);
      // A batch that repeats known messages and brings one more tells the one.
      await shop.deliver(
        inboundUrl,
        udeskMessages({ webToken: 'web_1', pluginId: 42, messages: [...messages, udeskText('好了')] }),
      );
      expect(shop.alerts(phones).map(({ body }) => body)).toEqual(['[3条] 请稍等', '好了']);
      expect(await shop.events()).toHaveLength(4);
    });
  });

  describe('echat', () => {
    it('answers the check of its address, asked by GET or by POST', async () => {
      const { inboundUrl } = await shop.vendor('echat', { token: ECHAT.token });
      for (const method of ['GET', 'POST'] as const) {
        const check = echatUrlCheck(ECHAT, 'echo-7', { now: new Date(), method });
        expect([method, await sendCallback(inboundUrl, check)]).toEqual([method, { status: 200, body: 'echo-7' }]);
        const forged = echatUrlCheck(ECHAT, 'echo-7', { now: new Date(), method, forged: true });
        expect((await sendCallback(inboundUrl, forged)).status).toBe(401);
      }
      expect(await shop.events()).toEqual([]);
    });

    it('believes a pushInfo that we signed, and none that a visitor made up', async () => {
      const phones = await shop.person('user_1');
      const pushInfoKey = 'push-info-key-0123456789';
      const { id, inboundUrl } = await shop.vendor('echat', { token: ECHAT.token, pushInfoKey });
      const reply = (msgId: string, pushInfo: string) =>
        echatReply(
          ECHAT,
          'msgReply',
          { companyId: '60', msgId, uid: 'guest', visitorType: '0', pushInfo },
          { now: new Date() },
        );
      await shop.deliver(inboundUrl, reply('1', 'user_1'));
      await shop.deliver(inboundUrl, reply('2', issuePushInfo(pushInfoKey, 'another', 'user_1')));
      expect((await shop.events()).map(({ state, reason }) => `${state}(${reason})`)).toEqual(
        Array(2).fill('ignored(unroutable)'),
      );
      await shop.deliver(inboundUrl, reply('3', issuePushInfo(pushInfoKey, id, 'user_1')));
      expect(shop.alerts(phones)).toEqual([{ title: '您的留言有新回复', body: 'hello' }]);
      expect(shop.pushes(phones)).toEqual([1, 1]);
    });

    it('answers with the word that it waits for', async () => {
      const { inboundUrl } = await shop.vendor('echat', { token: ECHAT.token });
      const chat = echatChat(ECHAT, { companyId: '60', msgId: '1', uid: 'user_1' }, { now: new Date() });
      expect(await shop.post(inboundUrl, chat)).toBe('success');
      expect(await shop.post(inboundUrl, chat)).toBe('success');
      await shop.settled();
    });
  });

  it('tells everybody in a group who is not the sender, each once', async () => {
    const people = [await shop.person('user_1'), await shop.person('user_2'), await shop.person('user_3')];
    const { inboundUrl } = await shop.vendor('nim', APP);
    const group = { fromAccount: 'user_1', fromNick: '小明', to: 'team_7', convType: 'TEAM', body: '开会' };
    const members = ['user_1', 'user_2', 'user_3', 'user_3', 'nobody'];
    await shop.deliver(inboundUrl, nimMessage(APP, { ...group, tMembers: members }, { now: new Date() }));
    expect(people.map((phones) => shop.pushes(phones))).toEqual([
      [0, 0],
      [1, 1],
      [1, 1],
    ]);
    const [notification, ...others] = await shop.notifications();
    expect([notification?.target_count, others]).toEqual([4, []]);
    expect(shop.payload(people[1] as Phones).aps['thread-id']).toBe('team_7');
    await shop.expectSums();
  });

  it('shows no content where the integration hides it', async () => {
    const phones = await shop.person('user_1');
    const { inboundUrl } = await shop.vendor('nim', APP, { hideContent: true });
    const message = { fromAccount: 'zhangsan', fromNick: '张三', to: 'user_1', body: '密码是 geheim-4711' };
    await shop.deliver(inboundUrl, nimMessage(APP, message, { now: new Date() }));
    expect(shop.alerts(phones)).toEqual([{ title: '新消息', body: '您有一条新消息' }]);
    expect(shop.notices(phones)).toEqual([{ title: 'New message', body: 'You have a new message' }]);
    expect(JSON.stringify([shop.onApns(phones.iosToken), shop.onFcm(phones.androidToken)])).not.toMatch(/geheim|张三/);
  });

  it('keeps an event that concerns nobody, and pushes it once somebody is linked and it is replayed', async () => {
    const phones = await shop.person('user_1');
    const { publicId, inboundUrl } = await shop.vendor('kf5');
    await shop.deliver(inboundUrl, kf5Chat({ userId: 40057, text: '您好', devices: [] }));
    const [event] = await shop.events();
    expect(event).toMatchObject({ state: 'ignored', reason: 'unroutable' });
    const path = `/v1/events/evt_${event?.id.replaceAll('-', '')}`;
    await shop.link('user_1', publicId, 'kf5.user_id', '40057');
    expect((await shop.app.call('POST', `${path}/replay`)).status).toBe(202);
    await shop.settled();
    expect(shop.alerts(phones)).toEqual([{ title: '在线客服', body: '您好' }]);
    expect(shop.pushes(phones)).toEqual([1, 1]);
    expect((await shop.events())[0]).toMatchObject({ state: 'routed', reason: null });
    const again = await shop.app.call('POST', `${path}/replay`);
    expect([again.status, again.body['code']]).toEqual([422, 'event.not_replayable']);
  });
});
