import { type ApnsRequest, callbackUrl, rongCloudMessage } from '@bellhop/simulators';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { commandOf, RONGCLOUD_APP } from '../support/rongcloud-commands.js';
import { callSdk, type SdkCall } from '../support/rongcloud-sdk/index.js';
import { type Phones, Shop } from '../support/shop.js';

// An application server that uses RongCloud's own SDK for pushes, with nothing changed but its base URL.

const APP = RONGCLOUD_APP;
const BOTH = ['ios', 'android'];

type Vendor = Awaited<ReturnType<Shop['vendor']>>;

/** A call of the SDK against an integration, from a process of its own. */
const sdkOf =
  ({ inboundUrl }: Vendor, secret = APP.appSecret) =>
  (...calls: readonly SdkCall[]): Promise<unknown[]> =>
    callSdk({ appkey: APP.appKey, secret, api: inboundUrl }, ...calls);

/** A command without the SDK, for what the SDK cannot send. */
async function command(inboundUrl: string, address: string, body: unknown) {
  const call = commandOf(address, body);
  const reply = await fetch(callbackUrl(inboundUrl, call), call);
  return { status: reply.status, type: reply.headers.get('content-type'), body: await reply.text() };
}

const tagsOf = (reply: unknown): unknown => (reply as { tags: unknown }).tags;
const push = (audience: object, more: object = {}): SdkCall => [
  'Push.push',
  { platform: BOTH, audience, notification: { alert: 'hello' }, ...more },
];
const done = { code: 200, id: expect.stringMatching(/^evt_[\da-f]{32}$/) as string };

describe("RongCloud's server SDK, pointed here", () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let vendor: Vendor;
  let sdk: ReturnType<typeof sdkOf>;

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
    vendor = await shop.vendor('rongcloud', APP);
    sdk = sdkOf(vendor);
  });

  /** Waits until every command has been carried out to its end. */
  async function carriedOut(): Promise<void> {
    await shop.settled();
    await eventually(async () => (await shop.notifications()).every(({ state }) => state === 'done'));
  }

  /** How many pushes each phone got, by user: [iPhone, Android]. */
  const pushed = (people: readonly Phones[]) => people.map((phones) => shop.pushes(phones));

  describe('tags', () => {
    it('are set for one and for many, read, and taken away', async () => {
      const everybody: SdkCall = ['User.Tag.getList', ['u1', 'u2', 'u3', 'u4'].map((id) => ({ id }))];
      const replies = await sdk(
        ['User.Tag.set', { id: 'u1', tags: ['bj', '男'] }],
        ['User.Tag.batchSet', { users: [{ id: 'u2' }, { id: 'u3' }], tags: ['bj'] }],
        everybody,
        ['User.Tag.set', { id: 'u1', tags: ['sh'] }],
        ['User.Tag.remove', { id: 'u3' }],
        everybody,
      );
      const [set, batchSet, before, setAgain, remove, after] = replies;
      expect([set, batchSet, setAgain, remove].map((reply) => (reply as { code: unknown }).code)).toEqual([
        200, 200, 200, 200,
      ]);
      expect(tagsOf(before)).toEqual({ u1: ['bj', '男'], u2: ['bj'], u3: ['bj'], u4: [] });
      expect(tagsOf(after)).toEqual({ u1: ['sh'], u2: ['bj'], u3: [], u4: [] });
      await carriedOut();
      expect(tagsOf((await sdk(everybody))[0])).toEqual({ u1: ['sh'], u2: ['bj'], u3: [], u4: [] });
    });

    it('belong to the user whom the id names', async () => {
      await shop.link('user_1', vendor.publicId, 'rongcloud.user_id', 'rc-1');
      await sdk(['User.Tag.batchSet', { users: [{ id: 'rc-1' }, { id: 'user_2' }], tags: ['vip'] }]);
      await carriedOut();
      const rows = await shop.query('SELECT user_id, tags FROM user_tag WHERE app_id = $1 ORDER BY user_id');
      expect(rows).toEqual(['user_1', 'user_2'].map((user_id) => ({ user_id, tags: ['vip'] })));
      const [asked] = await sdk(['User.Tag.getList', [{ id: 'rc-1' }, { id: 'user_1' }, { id: 'user_2' }]]);
      expect(tagsOf(asked)).toEqual({ 'rc-1': ['vip'], user_1: ['vip'], user_2: ['vip'] });
    });

    it('of an id that names nobody are not kept', async () => {
      const strict = await shop.vendor('rongcloud', APP, { identitiesAreUserIds: false });
      const replies = await sdkOf(strict)(
        ['User.Tag.set', { id: 'u1', tags: ['bj'] }],
        ['User.Tag.getList', [{ id: 'u1' }]],
      );
      expect(replies).toEqual([{ code: 200 }, { code: 200, tags: { u1: [] } }]);
      await carriedOut();
      expect(await shop.query('SELECT user_id FROM user_tag WHERE app_id = $1')).toEqual([]);
    });
  });

  describe('a push', () => {
    let people: readonly [Phones, Phones, Phones];

    beforeEach(async () => {
      people = [await shop.person('u1'), await shop.person('u2'), await shop.person('u3')];
    });

    const tagging: readonly SdkCall[] = [
      ['User.Tag.set', { id: 'u1', tags: ['bj', '男'] }],
      ['User.Tag.set', { id: 'u2', tags: ['bj', '女'] }],
    ];

    it.each<[string, object, readonly string[], (readonly [number, number])[]]>([
      [
        'all of some tags',
        { tag: ['bj', '男'] },
        BOTH,
        [
          [1, 1],
          [0, 0],
          [0, 0],
        ],
      ],
      [
        'any of some tags',
        { tag_or: ['男', '女', '老'] },
        BOTH,
        [
          [1, 1],
          [1, 1],
          [0, 0],
        ],
      ],
      [
        'all of these and any of those',
        { tag: ['bj'], tag_or: ['女'] },
        BOTH,
        [
          [0, 0],
          [1, 1],
          [0, 0],
        ],
      ],
      [
        'a tag on one platform',
        { tag: ['bj'] },
        ['ios'],
        [
          [1, 0],
          [1, 0],
          [0, 0],
        ],
      ],
      [
        'users, whatever the platform',
        { userid: ['u1', 'u3'], tag: ['女'] },
        ['ios'],
        [
          [1, 1],
          [0, 0],
          [1, 1],
        ],
      ],
      [
        'everybody',
        { is_to_all: true },
        BOTH,
        [
          [1, 1],
          [1, 1],
          [1, 1],
        ],
      ],
      [
        'everybody on one platform',
        { is_to_all: true, userid: ['u1'] },
        ['android'],
        [
          [0, 1],
          [0, 1],
          [0, 1],
        ],
      ],
      [
        'nobody',
        { tag: ['unknown'] },
        BOTH,
        [
          [0, 0],
          [0, 0],
          [0, 0],
        ],
      ],
    ])('to %s arrives on exactly their devices', async (_words, audience, platforms, expected) => {
      // Straight behind the tags that it needs: commands are carried out in their order.
      const replies = await sdk(...tagging, push(audience, { platform: platforms }));
      expect(replies.at(-1)).toEqual(done);
      await carriedOut();
      expect(pushed(people)).toEqual(expected);
    });

    it('shows on each platform what it says for it', async () => {
      const ios = { title: '标题', alert: 'for iPhones', badge: 7, extras: { id: '1' } };
      const notification = { alert: 'for all', ios, android: { extras: { id: '2' } } };
      await sdk(push({ userid: ['u1'] }, { notification }));
      await carriedOut();
      const [phones] = people;
      expect(shop.payload(phones)).toMatchObject({
        aps: { alert: { title: '标题', body: 'for iPhones' }, badge: 7 },
        extras: { id: '1' },
      });
      expect(shop.notices(phones)).toEqual([{ body: 'for all' }]);
      expect(shop.onFcm(phones.androidToken)[0]?.message?.data).toMatchObject({ id: '2' });
    });

    it('is silent on iPhones alone', async () => {
      const notification = { alert: 'for all', ios: { contentAvailable: 1 } };
      await sdk(push({ userid: ['u1'] }, { notification }));
      await carriedOut();
      const [phones] = people;
      const [silent] = shop.onApns(phones.iosToken) as readonly [ApnsRequest];
      expect(silent.payload).toMatchObject({ aps: { 'content-available': 1 } });
      expect((silent.payload as { aps: object }).aps).not.toHaveProperty('alert');
      expect(shop.notices(phones)).toEqual([{ body: 'for all' }]);
    });

    it('that goes with a broadcast message shows its notification', async () => {
      const message = { content: '{"content":"1111"}', objectName: 'RC:TxtMsg' };
      const content = { platform: BOTH, fromUserId: 'system', audience: { is_to_all: true }, message };
      const [reply] = await sdk(['Push.message', { ...content, notification: { alert: 'this is a push' } }]);
      expect(reply).toEqual(done);
      await carriedOut();
      expect(people.map((phones) => shop.notices(phones))).toEqual(people.map(() => [{ body: 'this is a push' }]));
    });

    it('that is asked for twice arrives twice', async () => {
      const replies = await sdk(push({ userid: ['u1'] }), push({ userid: ['u1'] }));
      expect(new Set(replies.map((reply) => (reply as { id: string }).id)).size).toBe(2);
      await carriedOut();
      expect(pushed(people)).toEqual([
        [2, 2],
        [0, 0],
        [0, 0],
      ]);
    });

    it('to users goes by their own path as well', async () => {
      await shop.link('u2', vendor.publicId, 'rongcloud.user_id', 'rc-2');
      const body = { userIds: ['rc-2', 'stranger'], notification: { title: 'T', pushContent: 'P' } };
      const reply = await command(vendor.inboundUrl, 'push/user.json', body);
      expect([reply.status, JSON.parse(reply.body)]).toEqual([200, done]);
      await carriedOut();
      expect(pushed(people)).toEqual([
        [0, 0],
        [1, 1],
        [0, 0],
      ]);
      expect(shop.alerts(people[1])).toEqual([{ title: 'T', body: 'P' }]);
    });

    it('has an id under which it can be found', async () => {
      const [reply] = await sdk(push({ userid: ['u1'] }));
      await carriedOut();
      const { status, body } = await shop.app.call('GET', `/v1/events/${(reply as { id: string }).id}`);
      expect([status, body]).toMatchObject([200, { kind: 'push.requested', state: 'routed' }]);
      expect(body['notificationId']).toMatch(/^ntf_/);
    });
  });

  describe('what breaks a rule', () => {
    it('is answered as the vendor would, and leaves nothing behind', async () => {
      const many = Array.from({ length: 21 }, (_, index) => `t${index}`);
      const replies = await sdk(
        ['User.Tag.set', { id: 'u1', tags: many }],
        ['User.Tag.set', { id: 'u1', tags: ['a'.repeat(41)] }],
        ['User.Tag.set', { id: 'u1', tags: ['vip,gold'] }],
        push({ is_to_all: false }),
        push({ is_to_all: true }, { notification: { alert: '' } }),
        push({ is_to_all: true }, { notification: { alert: 'x', ios: { extras: { id: 1 } } } }),
      );
      expect(replies.map((reply) => (reply as { code: unknown }).code)).toEqual([1502, 1005, 1002, 1002, 1002, 1501]);
      const [forged] = await sdkOf(vendor, 'another secret')(push({ is_to_all: true }));
      // The SDK's own number for the vendor's 1004.
      expect((forged as { code: unknown }).code).toBe('20000');
      expect(await shop.events()).toEqual([]);
      expect(await shop.query('SELECT callback_id FROM inbound_raw WHERE app_id = $1')).toEqual([]);
    });

    it.each<[string, unknown, number, string, string]>([
      ['push.json', '', 400, 'json', '{"code":1003,"errorMessage":"The body is missing.","url":"/push.json"}'],
      [
        'push.xml',
        { platform: [] },
        400,
        'xml',
        '<xml><code>1002</code><errorMessage>platform is required.</errorMessage><url>/push.xml</url></xml>',
      ],
      [
        'sms/send.json',
        {},
        404,
        'json',
        '{"code":404,"errorMessage":"There is no such command.","url":"/sms/send.json"}',
      ],
      [
        'push.json',
        'x'.repeat(1_000_000),
        413,
        'json',
        '{"code":1508,"errorMessage":"The body must be smaller than 100 KB.","url":"/push.json"}',
      ],
    ])('has a reply in the form that was asked for: %s', async (address, body, status, type, words) => {
      const reply = await command(vendor.inboundUrl, address, body);
      expect([reply.status, reply.body]).toEqual([status, words]);
      expect(reply.type).toContain(type);
      expect(await shop.events()).toEqual([]);
    });

    it('by its method is answered with the one that fits', async () => {
      const reply = await fetch(`${vendor.inboundUrl}/push.json`);
      expect([reply.status, reply.headers.get('allow')]).toEqual([405, 'POST']);
    });
  });

  it('is answered in XML where it asks for that', async () => {
    const set = await command(vendor.inboundUrl, 'user/tag/set.xml', { userId: 'u1', tags: ['bj'] });
    expect([set.status, set.type, set.body]).toEqual([200, 'text/xml; charset=utf-8', '<xml><code>200</code></xml>']);
    const get = await command(vendor.inboundUrl, 'user/tags/get.xml', 'userIds=u1');
    expect(get.body).toBe('<xml><code>200</code><result><user id="u1"><tag>bj</tag></user></result></xml>');
  });

  it('shares its integration with the callbacks of the vendor', async () => {
    const message = { fromUserId: 'u2', toUserId: 'u1' };
    await shop.post(vendor.inboundUrl, rongCloudMessage(APP, message, { now: new Date() }));
    expect(await sdk(['User.Tag.set', { id: 'u1', tags: [] }])).toEqual([{ code: 200 }]);
    await carriedOut();
    expect((await shop.events()).map(({ kind }) => kind)).toEqual(['conversation.message', 'tags.replaced']);
  });
});

describe('tags that nobody has carried out yet', () => {
  let platform: TestPlatform;
  let gateways: Gateways;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });

  it('are read by whoever was told that they are set, and by nobody else', async () => {
    const shop = await Shop.open(platform, gateways);
    const [vendor, other] = [await shop.vendor('rongcloud', APP), await shop.vendor('rongcloud', APP)];
    const everybody: SdkCall = ['User.Tag.getList', ['u1', 'u2', 'u3'].map((id) => ({ id }))];
    const replies = await sdkOf(vendor)(
      ['User.Tag.set', { id: 'u1', tags: ['old'] }],
      ['User.Tag.batchSet', { users: [{ id: 'u1' }, { id: 'u2' }], tags: ['new'] }],
      everybody,
      ['User.Tag.remove', { id: 'u2' }],
      everybody,
    );
    expect([replies[2], replies[4]].map(tagsOf)).toEqual([
      { u1: ['new'], u2: ['new'], u3: [] },
      { u1: ['new'], u2: [], u3: [] },
    ]);
    expect((await shop.events()).map(({ state }) => state)).toEqual(Array(3).fill('accepted'));
    expect(tagsOf((await sdkOf(other)(everybody))[0])).toEqual({ u1: [], u2: [], u3: [] });
  });
});
