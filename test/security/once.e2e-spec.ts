import {
  type Callback,
  echatChat,
  kf5Chat,
  nimMessage,
  rongCloudMessage,
  sendCallback,
  udeskMessages,
  udeskText,
} from '@bellhop/simulators';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { rawRequest } from '../support/raw-http.js';
import { type Phones, Shop } from '../support/shop.js';

const KEY = { appKey: 'app-key', appSecret: 'app-secret' };
const ECHAT = { token: 'echat-token', companyId: '60' };
const AT_ONCE = 100;
const REDELIVERIES = 50;

interface Vendor {
  readonly plugin: string;
  readonly config?: Record<string, unknown>;
  readonly identity: readonly [kind: string, value: string];
  readonly callback: () => Callback;
}

/** One message of each vendor, for the person whom the identity names. */
const VENDORS: readonly Vendor[] = [
  {
    plugin: 'kf5',
    identity: ['kf5.user_id', '7'],
    callback: () => kf5Chat({ userId: 7, text: 'hello', devices: [] }),
  },
  {
    plugin: 'udesk',
    identity: ['udesk.web_token', 'web_1'],
    callback: () => udeskMessages({ webToken: 'web_1', pluginId: 42, messages: [udeskText('hello')] }),
  },
  {
    plugin: 'echat',
    config: { token: ECHAT.token },
    identity: ['echat.member_uid', 'uid_1'],
    callback: () => echatChat(ECHAT, { companyId: '60', msgId: '1', uid: 'uid_1' }, { now: new Date() }),
  },
  {
    plugin: 'rongcloud',
    config: KEY,
    identity: ['rongcloud.user_id', 'rc_1'],
    callback: () => rongCloudMessage(KEY, { fromUserId: 'a', toUserId: 'rc_1' }, { now: new Date() }),
  },
  {
    plugin: 'nim',
    config: KEY,
    identity: ['nim.accid', 'nim_1'],
    callback: () => nimMessage(KEY, { fromAccount: 'a', to: 'nim_1', body: 'hello' }, { now: new Date() }),
  },
];

interface Answered {
  readonly id?: string;
  readonly code?: string;
}

describe('what happens once', () => {
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

  const PATH = '/v1/notifications';
  const ASK = { audience: { users: ['user_1'] }, content: { title: 'Hello' } };
  const ask = (key: string, body: object = ASK, path = PATH, app = shop.app) =>
    app.call<Answered>('POST', path, body, { 'idempotency-key': key });

  describe('however often it is asked for under one key', () => {
    it('100 times at once', async () => {
      const replies = await Promise.all(Array.from({ length: AT_ONCE }, () => ask('k-1')));
      await shop.settled();
      const [row, ...others] = await shop.notifications();
      expect([others, shop.pushes(phones)]).toEqual([[], [1, 1]]);
      const id = `ntf_${row?.id.replaceAll('-', '')}`;
      const seen = new Set(replies.map(({ status, body }) => `${status} ${body.id ?? body.code}`));
      for (const one of seen) expect([`202 ${id}`, '409 idempotency.in_progress']).toContain(one);
      expect(seen).toContain(`202 ${id}`);
      // Whoever was told that it is under way gets the answer of the first when it asks again.
      const late = await ask('k-1');
      expect([late.status, late.body.id, late.headers.get('idempotent-replayed')]).toEqual([202, id, 'true']);
    });

    it('100 times at once, where it cannot be done', async () => {
      const replies = await Promise.all(
        Array.from({ length: AT_ONCE }, () => ask('k-1', { ...ASK, content: { title: 'x', colour: 'red' } })),
      );
      expect(new Set(replies.map(({ status }) => status))).not.toContain(202);
      expect(await shop.notifications()).toEqual([]);
    });

    it('by 50 with one body and 50 with another', async () => {
      const other = { ...ASK, content: { title: 'Something else' } };
      const replies = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => ask('k-1', i % 2 ? ASK : other)));
      await shop.settled();
      expect([(await shop.notifications()).length, shop.pushes(phones)]).toEqual([1, [1, 1]]);
      expect(replies.filter(({ status }) => status === 422).length).toBeGreaterThan(0);
    });
  });

  describe('a key that is misused', () => {
    it.each<[words: string, again: () => Promise<{ readonly status: number; readonly body: Answered }>]>([
      ['for another body', () => ask('k-1', { ...ASK, priority: 'normal' })],
      ['for another address', () => ask('k-1', ASK, `${PATH}/explain`)],
      ['for another parameter', () => ask('k-1', ASK, `${PATH}?a=1`)],
    ])('%s is refused, and the first answer stays', async (_words, again) => {
      const first = await ask('k-1');
      const second = await again();
      expect([second.status, second.body.code]).toEqual([422, 'idempotency.key_reused']);
      expect((await ask('k-1')).body).toEqual(first.body);
      expect(await shop.notifications()).toHaveLength(1);
    });

    it('by another app says nothing of the first', async () => {
      const other = await platform.createApp();
      const first = await ask('k-1');
      const second = await ask('k-1', ASK, PATH, other);
      expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([202, null]);
      expect(second.body.id).not.toBe(first.body.id);
    });

    const headers = (...keys: string[]) => ({
      authorization: `Bearer ${shop.app.key}`,
      'content-type': 'application/json',
      'idempotency-key': keys.length === 1 ? (keys[0] as string) : (keys as unknown as string),
    });

    it.each<[words: string, ...keys: string[]]>([
      ['too long', 'x'.repeat(256)],
      ['empty', ''],
      ['a blank', ' '],
      ['with a blank inside', 'a b'],
      ['with a tabulator', 'a\tb'],
      ['of bytes', '\u0080\u00ff'],
      ['sent twice', 'k-1', 'k-2'],
    ])('%s is refused before anything happens', async (_words, ...keys) => {
      const reply = await rawRequest(platform.url + PATH, { headers: headers(...keys), body: JSON.stringify(ASK) });
      expect([reply.status, JSON.parse(reply.body)]).toEqual([
        400,
        expect.objectContaining({ code: 'idempotency.key_malformed' }),
      ]);
      expect(await shop.notifications()).toEqual([]);
    });

    it('that means something to a database is a key like any other', async () => {
      for (const key of [`';DROP/**/TABLE/**/idempotency_key;--`, '__proto__', '%00', '../..', '$1', 'x'.repeat(255)]) {
        const first = await ask(key);
        expect([first.status, (await ask(key)).body.id]).toEqual([202, first.body.id]);
      }
    });
  });

  it.each(VENDORS)(
    '50 redeliveries at once of a callback of $plugin',
    async ({ plugin, config, identity, callback }) => {
      const { inboundUrl, publicId } = await shop.vendor(plugin, config);
      await shop.link('user_1', publicId, ...identity);
      const sent = callback();
      const replies = await Promise.all(Array.from({ length: REDELIVERIES }, () => sendCallback(inboundUrl, sent)));
      expect(new Set(replies.map(({ status, body }) => `${status} ${body}`)).size).toBe(1);
      expect(replies[0]?.status).toBe(200);
      await shop.settled();
      // The vendor comes back later as well.
      await shop.deliver(inboundUrl, sent);
      const rows = await shop.query<{ events: number; raw: number }>(
        `SELECT (SELECT count(*)::int FROM inbound_event WHERE app_id = $1) AS events,
              (SELECT count(*)::int FROM inbound_raw WHERE app_id = $1) AS raw`,
      );
      expect([rows, shop.pushes(phones)]).toEqual([[{ events: 1, raw: 1 }], [1, 1]]);
    },
  );
});
