import {
  echatChat,
  echatXml,
  kf5Chat,
  nimMessage,
  rongCloudMessage,
  type Callback,
  udeskMessage,
  udeskMessages,
} from '@bellhop/simulators';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Random } from '../chaos/stage/random.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { rawRequest } from '../support/raw-http.js';
import { type Phones, Shop } from '../support/shop.js';
import { VENDORS, type Vendor } from './malformed/vendors.js';

const KEY = { appKey: 'app-key', appSecret: 'app-secret' };
const ECHAT = { token: 'echat-token' };
const NOW = (): { now: Date } => ({ now: new Date() });

/** What callbacks of vendors hold is shown as text at most: nothing in it is fetched, opened or expanded. */
describe('contents of callbacks', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let phones: Phones;
  /** Whoever follows a link ends up here. */
  let trap: Server;
  let visits = 0;
  let link: string;

  beforeAll(async () => {
    trap = createServer((socket) => {
      visits++;
      socket.destroy();
    });
    trap.listen(0, '127.0.0.1');
    await once(trap, 'listening');
    link = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
    trap.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
    phones = await shop.person('user_1');
  });

  interface Linking {
    readonly plugin: string;
    readonly config?: Record<string, unknown>;
    readonly identity: readonly [kind: string, value: string];
    readonly callbacks: (url: string) => readonly Callback[];
  }

  const LINKING: readonly Linking[] = [
    {
      plugin: 'kf5',
      identity: ['kf5.user_id', '7'],
      callbacks: (url) => [kf5Chat({ userId: 7, text: `<img src="${url}"><a href="${url}">x</a>`, devices: [] })],
    },
    {
      plugin: 'udesk',
      identity: ['udesk.web_token', 'web_1'],
      callbacks: (url) => [
        udeskMessages({
          webToken: 'web_1',
          pluginId: 42,
          messages: ['image', 'audio', 'video', 'file', 'rich', 'message', 'link'].map((type) => ({
            ...udeskMessage(type, { content: url, url, file_url: url, filename: url, src: url, title: url }),
            agent_avatar: url,
          })),
        }),
      ],
    },
    {
      plugin: 'echat',
      config: ECHAT,
      identity: ['echat.member_uid', 'uid_1'],
      callbacks: (url) =>
        ['21', '22', '23', '25'].map((contentType, i) => {
          const more = { viewUrl: url, staffPhoto: url, staffHeadUrl: url, myData: url };
          const chat = { companyId: '60', msgId: `${i}`, uid: 'uid_1', contentType, content: url, ...more };
          return echatChat(ECHAT, chat, NOW());
        }),
    },
    {
      plugin: 'rongcloud',
      config: KEY,
      identity: ['rongcloud.user_id', 'rc_1'],
      callbacks: (url) =>
        ['RC:TxtMsg', 'RC:ImgMsg', 'RC:ImgTextMsg', 'RC:FileMsg', 'RC:LBSMsg', 'app:own'].map((objectName) => {
          const content = JSON.stringify({ content: url, imageUri: url, fileUrl: url, url, extra: url, title: url });
          return rongCloudMessage(KEY, { fromUserId: 'a', toUserId: 'rc_1', objectName, content }, NOW());
        }),
    },
    {
      plugin: 'nim',
      config: KEY,
      identity: ['nim.accid', 'nim_1'],
      callbacks: (url) =>
        ['TEXT', 'PICTURE', 'AUDIO', 'VIDEO', 'LOCATION', 'FILE', 'CUSTOM'].map((msgType) => {
          const attach = JSON.stringify({ url, name: url, ext: url });
          return nimMessage(KEY, { fromAccount: 'a', to: 'nim_1', msgType, body: url, attach }, NOW());
        }),
    },
  ];

  it.each(LINKING)('of $plugin: links are nowhere but in words', async ({ plugin, config, identity, callbacks }) => {
    const before = visits;
    const { inboundUrl, publicId } = await shop.vendor(plugin, config);
    await shop.link('user_1', publicId, ...identity);
    for (const url of [
      `${link}/a.png`,
      'javascript:alert(document.cookie)',
      'file:///etc/passwd',
      `//${link.slice(7)}`,
    ]) {
      for (const callback of callbacks(url)) await shop.deliver(inboundUrl, callback);
    }
    const iphone = shop.onApns(phones.iosToken).map(({ payload }) => payload as { aps: object; deepLink?: string });
    const android = shop.onFcm(phones.androidToken).map(({ message }) => message as unknown as Record<string, unknown>);
    expect([iphone.length > 0, android.length]).toEqual([true, iphone.length]);
    for (const { aps, deepLink, ...rest } of iphone) {
      expect(deepLink?.startsWith('shop://support/') ?? true).toBe(true);
      const { alert: _words, ...shown } = aps as { alert: object };
      expect(JSON.stringify([shown, rest])).not.toMatch(/javascript:|file:|\/\/127\.0\.0\.1/);
    }
    for (const { notification, data, android: own, ...rest } of android) {
      const { title: _title, body: _body, ...shown } = notification as { title: string; body: string };
      expect(JSON.stringify([shown, data, own, rest])).not.toMatch(/javascript:|file:|\/\/127\.0\.0\.1/);
    }
    expect(visits).toBe(before);
  });

  describe('of Echat: XML', () => {
    const random = new Random(1);
    const inner = echatXml({ msgId: '1', companyId: '60', uid: 'uid_1', visitorType: '1', content: '&a;' });
    const laughs = (levels: number): string => {
      const lines = Array.from({ length: levels }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`);
      return `<!DOCTYPE x [<!ENTITY l0 "ha">${lines.join('')}]><xml><content>&l${levels};</content></xml>`;
    };
    const BOMBS: readonly [name: string, xml: () => string | Buffer][] = [
      ['a billion laughs', () => laughs(12)],
      [
        'one long entity many times',
        () => `<!DOCTYPE x [<!ENTITY a "${'x'.repeat(9_999)}">]><xml>${'&a;'.repeat(9_999)}</xml>`,
      ],
      ['an entity from a file', () => `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${inner}`],
      ['an entity from an address', () => `<!DOCTYPE x [<!ENTITY a SYSTEM "${link}/a">]>${inner}`],
      ['a document type elsewhere', () => `<!DOCTYPE x SYSTEM "${link}/x.dtd">${inner}`],
      ['a parameter entity', () => `<!DOCTYPE x [<!ENTITY % p SYSTEM "${link}/p"> %p;]>${inner}`],
      ['a document type in lower case', () => `<!doctype x [<!entity a "b">]>${inner}`],
      [
        'a document type behind a comment',
        () => `<!-- -->\n<?x?><!DOCTYPE x [<!ENTITY a SYSTEM "${link}/c">]>${inner}`,
      ],
      ['another encoding', () => Buffer.from(`\uFEFF<!DOCTYPE x [<!ENTITY a SYSTEM "${link}/u">]>${inner}`, 'utf16le')],
      [
        'an inclusion',
        () =>
          inner.replace('<msgId>', `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="${link}/i"/><msgId>`),
      ],
      ['a style sheet', () => `<?xml-stylesheet type="text/xsl" href="${link}/s"?>${inner}`],
      [
        'a schema',
        () =>
          inner.replace(
            '<xml>',
            `<xml xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:noNamespaceSchemaLocation="${link}/n">`,
          ),
      ],
      ['elements within elements', () => `${'<a>'.repeat(60_000)}${inner}`],
      ['a tag without end', () => `<xml><msgId ${'a="b" '.repeat(30_000)}`],
      ['blanks without end', () => `<xml><content><![CDATA[${' '.repeat(150_000)}`],
    ];
    const vendors = VENDORS.filter(({ plugin }) => plugin === 'echat');

    it.each(BOMBS)('with %s is not expanded, fetched or waited for', async (_name, xml) => {
      const before = visits;
      for (const vendor of vendors) {
        const { inboundUrl } = await shop.vendor('echat', { ...vendor.config });
        const reply = await postXml(vendor, inboundUrl, Buffer.from(xml() as string));
        expect([vendor.name, reply.status, reply.body]).toEqual([vendor.name, 200, 'success']);
        expect(reply.ms).toBeLessThan(3_000);
      }
      const events = await shop.query<{ state: string; text: string; length: number }>(
        `SELECT state, coalesce(event::text, '') AS text, length(coalesce(event::text, '')) AS length
         FROM inbound_event WHERE app_id = $1`,
      );
      expect(events.length).toBe(vendors.length);
      for (const { text, length } of events) expect([/root:|haha/.test(text), length < 20_000]).toEqual([false, true]);
      expect(visits).toBe(before);
    });

    async function postXml(vendor: Vendor, url: string, body: Buffer) {
      const [specimen] = vendor.specimens;
      const signed = vendor.sign(random, { ...(specimen as Vendor['specimens'][number]), name: 'chatSend', body });
      const search = new URLSearchParams(signed.query.map(([name, value]): [string, string] => [name, value]));
      const started = performance.now();
      const reply = await rawRequest(`${url}?${search.toString()}`, {
        headers: Object.fromEntries(signed.headers),
        body: signed.body,
      });
      return { ...reply, ms: performance.now() - started };
    }
  });
});
