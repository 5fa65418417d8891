import { executed } from '@bellhop/contracts/testing';
import { type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { readFileSync } from 'node:fs';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Outlet, refusalOf } from '../support/delegated.js';
import { Shop } from '../support/shop.js';

// What RongCloud would refuse is refused by our API, with the field, before anything is stored or called.

/** A body of `/push`; members may be of any kind, since that is what some cases are about. */
interface Push {
  readonly platform?: readonly string[];
  readonly fromuserid?: string;
  readonly audience?: Readonly<Partial<Record<'is_to_all' | 'userid' | 'tag' | 'tag_or' | 'packageName', unknown>>>;
  readonly message?: { readonly content?: unknown; readonly objectName?: string };
  readonly notification?: { readonly alert?: unknown; readonly ios?: object; readonly android?: object };
}

interface ValidationCase {
  readonly id: string;
  readonly body: Push;
  readonly expect: 'ok' | 'reject';
  readonly warn?: string;
}

const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };
const FIXTURES = new URL('../../libs/vendors/rongcloud/fixtures/', import.meta.url);

/** A fixture file, with its `{"$repeat":n,"value":"u"}` expanded to u0 … u(n-1). */
function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8'), (_name, value: unknown) => {
    const { $repeat: count, value: prefix } = (value ?? {}) as { $repeat?: number; value?: string };
    return count === undefined ? value : Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  }) as T;
}

const { push, broadcast } = fixture<Record<'push' | 'broadcast', ValidationCase[]>>('validation-cases.json');
const { badge: badges } = fixture<{
  badge: { id: string; ios: object; expect: { apnsBadge?: number; reject?: string } }[];
}>('override-and-badge.json');

/**
 * Status and field of each refusal. Our words can say every one of these cases: `contentAvailable` is `silent`, `fromuserid` and
 * `message` are the parts of `chatMessage`, and a value of the wrong kind is one here as well.
 */
const REFUSALS: Readonly<Record<string, readonly [status: number, ...fields: string[]]>> = {
  'RC-VAL-P02': [400, '/audience/platforms'],
  'RC-VAL-P03': [400, '/audience/platforms'],
  'RC-VAL-P04': [400, '/audience'],
  'RC-VAL-P05': [422, '/content/body'],
  'RC-VAL-P06': [422, '/content/body'],
  'RC-VAL-P07': [400, '/content/overrides/ios/body'],
  'RC-VAL-P09': [422, '/audience/users'],
  'RC-VAL-P10': [422, '/audience/allOf'],
  'RC-VAL-P12': [400, '/content/overrides/ios/silent'],
  'RC-VAL-M03': [400, '/content/chatMessage/from'],
  'RC-VAL-M04': [400, '/content/chatMessage/type', '/content/chatMessage/content'],
  'RC-VAL-M06': [422, '/content/chatMessage/type'],
  'RC-VAL-M07': [400, '/content/chatMessage/content'],
  'RC-VAL-M08': [400, '/content/chatMessage/content'],
};
/** RongCloud clears the number of the icon for every one below 1; we know one word for that. */
const OUR_BADGES: Readonly<Record<string, string>> = { 'RC-BDG-03': 'reject' };

/** The same, in the words of `POST /v1/notifications`. */
function bodyOf({ platform: platforms, audience, notification, fromuserid: from, message }: Push): object {
  const { is_to_all: everyone, userid: users, tag: allOf, tag_or: anyOf, packageName } = audience ?? {};
  const { alert: body, ios, android } = notification ?? {};
  const overrides = { ...(ios && { ios: overrideOf(ios) }), ...(android && { android: overrideOf(android) }) };
  const chatMessage = { from, type: message?.objectName, content: message?.content };
  return {
    ...(audience && { audience: { everyone, users, allOf, anyOf, packageName, platforms } }),
    content: {
      body,
      ...(notification && { overrides }),
      ...((from ?? message) !== undefined && { chatMessage }),
    },
  };
}

function overrideOf(part: object): object {
  const { alert: body, contentAvailable, ...same } = part as { alert?: unknown; contentAvailable?: unknown };
  const silent = contentAvailable === 0 || contentAvailable === 1 ? contentAvailable === 1 : contentAvailable;
  return { ...same, body, silent };
}

describe('a notification for RongCloud', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let vendor: RongCloudSimulator;
  let outlet: Outlet;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    vendor = await startRongCloudSimulator(APP);
  });
  afterAll(async () => {
    await platform?.stop();
    await vendor?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    vendor.reset();
    await platform.sql.query('DELETE FROM quota_entry');
    const shop = await Shop.open(platform, gateways);
    outlet = new Outlet(shop, await shop.vendor('rongcloud', { ...APP, baseUrls: [vendor.url] }));
  });

  /** Refused as a problem document that names the fields; nothing is written, nothing leaves, and no quota is used. */
  async function expectRefused(body: object, [status, ...fields]: readonly [number, ...string[]]): Promise<void> {
    for (const path of ['/v1/notifications', '/v1/notifications/explain']) {
      const reply = await outlet.ask(body, path);
      const [refused, , ...named] = refusalOf(reply);
      expect([refused, ...named]).toEqual([status, ...fields]);
      expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
    expect([await outlet.shop.notifications(), await outlet.shop.deliveries()]).toEqual([[], []]);
    expect(await platform.sql.query('SELECT 1 FROM quota_entry')).toEqual([]);
    expect(vendor.counters.requests).toBe(0);
  }

  async function expectTaken(body: object): Promise<void> {
    const { status, body: taken } = await outlet.ask(body);
    expect([status, taken]).toEqual([202, taken]);
    expect(await outlet.rested(taken.id)).toMatchObject([{ state: 'accepted' }]);
    expect(vendor.counters.answers).toEqual({ '200': 1 });
  }

  it('has all of the cases before it', () => {
    expect([push.length, broadcast.length, badges.length]).toEqual([13, 8, 8]);
    const refused = [...push, ...broadcast].flatMap(({ id, expect: wanted }) => (wanted === 'reject' ? id : []));
    expect(Object.keys(REFUSALS)).toEqual(refused);
  });

  it.each([...push, ...broadcast].map((each) => [each.id, each.expect, each] as const))(
    '%s is %s',
    async (id, wanted, { body, warn }) => {
      if (wanted === 'reject') await expectRefused(bodyOf(body), REFUSALS[id]!);
      else await expectTaken(bodyOf(body));
      if (warn) {
        const { body: explained } = await outlet.ask<{ warnings: string[] }>(bodyOf(body), '/v1/notifications/explain');
        expect(explained.warnings).toEqual([expect.stringMatching(/^rongcloud: badge has no place .* Android$/)]);
      }
      executed('rongcloud/validation-cases.json', id);
    },
  );

  it.each(badges.map((each) => [each.id, each] as const))('%s', async (id, { ios, expect: { apnsBadge, reject } }) => {
    const body = bodyOf({
      platform: ['ios'],
      audience: { is_to_all: true },
      notification: { alert: 'a', ios },
    });
    if (reject ?? OUR_BADGES[id]) return expectRefused(body, [400, '/content/overrides/ios/badge']);
    await expectTaken(body);
    const sent = vendor.requests[0]?.body as { notification: { ios: { badge?: number } } };
    expect(sent.notification.ios.badge).toBe(apnsBadge);
  });

  const everyone = { everyone: true };
  const content = { body: 'Hello' };
  it.each<[name: string, body: object, refusal: readonly [number, ...string[]]]>([
    ['nobody but "not everyone"', { audience: { everyone: false }, content }, [422, '/audience']],
    ['a tag of 41 bytes', { audience: { allOf: ['a'.repeat(41)] }, content }, [422, '/audience/allOf/0']],
    ['a tag with a comma', { audience: { anyOf: ['vip,gold'] }, content }, [422, '/audience/anyOf/0']],
    ['an empty text', { audience: everyone, content: { body: '' } }, [422, '/content/body']],
    [
      'extras that are no texts',
      { audience: everyone, content: { ...content, extras: { id: 1 } } },
      [400, '/content/extras'],
    ],
    [
      'content of RongCloud that is no JSON',
      { audience: everyone, content: { ...content, chatMessage: { from: 's', type: 'RC:TxtMsg', content: 'hi' } } },
      [422, '/content/chatMessage/content'],
    ],
    [
      'a channel of Android',
      { audience: everyone, content: { ...content, androidChannel: 'x' } },
      [422, '/content/androidChannel'],
    ],
    ['devices of ours', { audience: { devices: [`dev_${'0'.repeat(32)}`] }, content }, [422, '/audience/devices']],
    [
      'the wall clock of devices',
      { audience: everyone, content, schedule: { localTime: '2099-01-01T09:00' } },
      [422, '/schedule/localTime'],
    ],
    ['the past', { audience: everyone, content, schedule: { at: '2020-01-01T00:00:00Z' } }, [422, '/schedule/at']],
    [
      'options that RongCloud does not have',
      { audience: everyone, content: { ...content, vendorOptions: { rongcloud: { windows: {} } } } },
      [422, '/content/vendorOptions/rongcloud/windows'],
    ],
    ['a call of 100 KB', { audience: everyone, content: tooLarge() }, [422, '/content']],
  ])('is refused for %s', async (_name, body, refusal) => expectRefused(body, refusal));

  function tooLarge(): object {
    const value = 'x'.repeat(4_000);
    return { ...content, extras: Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`k${i}`, value])) };
  }
});
