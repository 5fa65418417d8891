import { type PushMessage, RECEIPT_KEY, type SendItem } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { aMessage, anItem, configFor, itemOf, loadFixture, type PushExample } from '../testing/builders.js';
import { RongCloudChannel } from './rongcloud.channel.js';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import type { WirePush } from './rongcloud.push.js';

type Target = SendItem['target'];
type Audience = Extract<Target, { kind: 'audience' }>['audience'];

const channel = new RongCloudChannel();
const config = configFor(['https://api.example']);

function inspect(changes: Partial<PushMessage> = {}, others: Partial<SendItem> = {}, settings = config) {
  return channel.inspect(anItem({ message: aMessage(changes), ...others }), settings);
}

function bodyOf(
  changes: Partial<PushMessage> = {},
  others: Partial<SendItem> = {},
  settings: RongCloudConfig = config,
): WirePush {
  const { issues, rendered } = inspect(changes, others, settings);
  expect(issues).toEqual([]);
  return rendered?.payload as WirePush;
}

const fieldsOf = (changes: Partial<PushMessage> = {}, others: Partial<SendItem> = {}) =>
  inspect(changes, others).issues.map(({ field }) => field);
const to = (audience: Audience): Partial<SendItem> => ({ target: { kind: 'audience', audience } });
const many = (count: number, prefix = 'u') => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const tags = (allOf: readonly string[], anyOf: readonly string[] = []): Audience => ({
  kind: 'tags',
  allOf,
  anyOf,
  platforms: ['ios', 'android'],
});

describe('what each platform shows', () => {
  interface OverrideFile {
    readonly overrides: {
      id: string;
      notification: PushExample['notification'];
      expect: Record<'ios' | 'android', { body: string; title: string | null; data: object | null }>;
    }[];
    readonly badge: { id: string; ios: object; expect: { apnsBadge?: number; reject?: string } }[];
  }
  const { overrides, badge } = loadFixture<OverrideFile>('override-and-badge.json');
  const example = (notification: PushExample['notification']) =>
    itemOf({ platform: ['ios', 'android'], audience: { is_to_all: true }, notification })!;

  it('has all of its cases', () => expect([overrides.length, badge.length]).toEqual([5, 8]));

  it.each(overrides.map((each) => [each.id, each] as const))('%s', (id, { notification, expect: expected }) => {
    const { rendered } = channel.inspect(example(notification), config);
    const { alert, ios, android } = (rendered!.payload as WirePush).notification!;
    const shown = ({ alert: body = alert, title = null, extras: data = null }: Record<string, unknown> = {}) => ({
      body,
      title,
      data,
    });
    expect({ ios: shown(ios), android: shown(android) }).toEqual(expected);
    executed('rongcloud/override-and-badge.json', id);
  });

  it.each(badge.map((each) => [each.id, each] as const))('%s', (id, { ios, expect: { apnsBadge, reject } }) => {
    const { issues, rendered } = channel.inspect(example({ alert: 'a', ios }), config);
    expect(issues.map(({ field }) => field)).toEqual(reject ? ['/content/overrides/ios/badge'] : []);
    expect((rendered?.payload as WirePush | undefined)?.notification?.ios?.badge).toBe(apnsBadge);
    executed('rongcloud/override-and-badge.json', id);
  });

  it('is the same on both where nothing differs', () => {
    const { notification } = bodyOf({ title: 'T', badge: 0, silent: true, extras: { k: 'v' } });
    expect(notification).toEqual({
      alert: 'this is a push',
      ios: { title: 'T', badge: 0, contentAvailable: 1, extras: { k: 'v' } },
      android: { extras: { k: 'v' } },
    });
  });

  it('is what its override says, with extras of its own', () => {
    const { notification } = bodyOf({
      title: 'T',
      silent: true,
      extras: { k: 'v' },
      overrides: { ios: { title: 'I', silent: false, extras: { own: '1' } } },
    });
    expect(notification).toEqual({
      alert: 'this is a push',
      ios: { title: 'I', extras: { own: '1' } },
      android: { extras: { k: 'v' } },
    });
  });

  it('carries the receipt token and the deep link beside the extras', () => {
    const { notification } = bodyOf({ deepLink: 'shop://order/1', extras: { k: 'v' } }, { receipt: 'r'.repeat(64) });
    const extras = { k: 'v', deepLink: 'shop://order/1', [RECEIPT_KEY]: 'r'.repeat(64) };
    expect(notification).toEqual({ alert: 'this is a push', ios: { extras }, android: { extras } });
  });

  it('leaves out platforms that get nothing', () => {
    const target = to({ kind: 'everyone', platforms: ['android'] });
    expect(bodyOf({ title: 'T', extras: { k: 'v' } }, target)).toEqual({
      platform: ['android'],
      audience: { is_to_all: true },
      notification: { alert: 'this is a push', android: { extras: { k: 'v' } } },
    });
  });

  it('uses the keys that the vendor has for iPhones', () => {
    const { notification } = bodyOf({
      threadId: 't',
      collapseId: 'c',
      category: 'order',
      imageUrl: 'https://a.example/p.png',
    });
    expect(notification?.ios).toEqual({
      'thread-id': 't',
      'apns-collapse-id': 'c',
      category: 'order',
      richMediaUri: 'https://a.example/p.png',
    });
    expect(bodyOf({ collapseId: '订单' }).notification?.ios?.['apns-collapse-id']).toMatch(/^[\da-f]{32}$/);
  });

  it('may have options that only this vendor knows', () => {
    const vendorOptions = {
      rongcloud: { ios: { 'thread-id': 'mine' }, android: { hw: { importance: 'NORMAL' } } },
      nim: { anything: 1 },
    };
    expect(bodyOf({ threadId: 't', vendorOptions }).notification).toEqual({
      alert: 'this is a push',
      ios: { 'thread-id': 'mine' },
      android: { hw: { importance: 'NORMAL' } },
    });
  });
});

describe('whom a push goes to', () => {
  it.each<readonly [title: string, target: Target, expected: object]>([
    ['everybody', { kind: 'audience', audience: { kind: 'everyone', platforms: ['ios'] } }, { is_to_all: true }],
    ['one person', { kind: 'vendorUser', userId: 'u1' }, { is_to_all: false, userid: ['u1'] }],
    [
      'people, each once',
      { kind: 'audience', audience: { kind: 'users', users: ['u1', 'u2', 'u1'] } },
      { is_to_all: false, userid: ['u1', 'u2'] },
    ],
    [
      'tags and a package',
      { kind: 'audience', audience: { ...tags(['a'], ['b', 'b']), packageName: 'cn.example' } as Audience },
      { is_to_all: false, tag: ['a'], tag_or: ['b'], packageName: 'cn.example' },
    ],
  ])('%s', (_title, target, expected) => {
    expect(bodyOf({}, { target }).audience).toEqual(expected);
  });

  it('is always told as a boolean, with every platform beside users', () => {
    const body = bodyOf({}, { target: { kind: 'vendorUser', userId: 'u1' } });
    expect(body).toMatchObject({ platform: ['ios', 'android'], audience: { is_to_all: false } });
  });

  it('includes HarmonyOS where it is served and nothing is limited', () => {
    const settings = configFor(['https://api.example'], { harmonyOs: true });
    expect(bodyOf({ extras: { k: 'v' } }, {}, settings)).toMatchObject({
      platform: ['ios', 'android', 'harmonyOS'],
      notification: { harmonyOS: { extras: { k: 'v' } } },
    });
    const iphones = to({ kind: 'everyone', platforms: ['ios'] });
    expect(bodyOf({}, iphones, settings).platform).toEqual(['ios']);
  });
});

describe('a message that RongCloud would refuse', () => {
  const chat = { from: 'sys', type: 'RC:TxtMsg', content: '{"content":"hi"}' };
  const chatOf = (changes: object) => ({ chatMessage: { ...chat, ...changes } });

  it.each<readonly [title: string, message: Partial<PushMessage>, fields: string[]]>([
    ['without text', { body: undefined }, ['/content/body']],
    ['with an empty text', { body: '' }, ['/content/body']],
    ['silent without text', { body: undefined, silent: true }, ['/content/body']],
    ['with an empty override', { overrides: { android: { body: '' } } }, ['/content/overrides/android/body']],
    ['with too high a number', { badge: 10_000 }, ['/content/badge']],
    ['with a key of ours', { extras: { [RECEIPT_KEY]: 'x' } }, ['/content/extras/bellhop_receipt']],
    [
      'with a link twice',
      { deepLink: 'a://b', overrides: { ios: { extras: { deepLink: 'x' } } } },
      ['/content/overrides/ios/extras/deepLink'],
    ],
    ['with extras that are no texts', { extras: { 'a/b': 1 } as unknown as {} }, ['/content/extras/a~1b']],
    ['from nobody', chatOf({ from: '' }), ['/content/chatMessage/from']],
    ['from an id of 65 bytes', chatOf({ from: 'u'.repeat(65) }), ['/content/chatMessage/from']],
    ['of no type', chatOf({ type: '' }), ['/content/chatMessage/type']],
    ['of a type of 33 characters', chatOf({ type: 'A'.repeat(33) }), ['/content/chatMessage/type']],
    ['with empty content', chatOf({ type: 'A', content: '' }), ['/content/chatMessage/content']],
    ['with content that is no JSON', chatOf({ content: 'hi' }), ['/content/chatMessage/content']],
    ['with a title and no text', { body: undefined, title: 'T', ...chatOf({}) }, ['/content/body']],
    ['of 102,400 bytes', { body: 'x'.repeat(102_400) }, ['/content']],
    [
      'with options of the wrong kind',
      { vendorOptions: { rongcloud: { ios: { category: 1 }, android: { hw: 'x', alert: 'y' } } } },
      [
        '/content/vendorOptions/rongcloud/ios/category',
        '/content/vendorOptions/rongcloud/android/hw',
        '/content/vendorOptions/rongcloud/android/alert',
      ],
    ],
    [
      'with options for nothing',
      { vendorOptions: { rongcloud: { windows: {}, ios: 'x', constructor: {} } } },
      [
        '/content/vendorOptions/rongcloud/windows',
        '/content/vendorOptions/rongcloud/ios',
        '/content/vendorOptions/rongcloud/constructor',
      ],
    ],
  ])('%s', (_title, message, fields) => {
    expect(fieldsOf(message)).toEqual(fields);
    expect(inspect(message).rendered).toBeUndefined();
  });

  it.each<readonly [title: string, target: Target | Partial<SendItem>, fields: string[]]>([
    [
      'to a device',
      { kind: 'device', token: 't', identifier: 'token', platform: 'ios', environment: 'production' },
      ['/audience'],
    ],
    ['to an empty id', { kind: 'vendorUser', userId: '' }, ['/audience/users/0']],
    ['to an id of 65 bytes', to({ kind: 'users', users: ['u', '男'.repeat(22)] }), ['/audience/users/1']],
    ['to nobody', to({ kind: 'users', users: [] }), ['/audience/users']],
    ['to 1,001 people', to({ kind: 'users', users: many(1001) }), ['/audience/users']],
    ['to no platform', to({ kind: 'everyone', platforms: [] }), ['/audience/platforms']],
    ['under no condition', to(tags([])), ['/audience']],
    ['to 21 tags', to(tags(many(21, 't'))), ['/audience/allOf']],
    ['to any of 21 tags', to(tags([], many(21, 't'))), ['/audience/anyOf']],
    ['to a tag of 42 bytes', to(tags(['a', '男'.repeat(14)])), ['/audience/allOf/1']],
    ['to a tag with a comma', to(tags([], ['vip,gold'])), ['/audience/anyOf/0']],
  ])('%s', (_title, target, fields) => {
    const others = 'kind' in target ? { target } : target;
    expect(fieldsOf({}, others)).toEqual(fields);
  });

  it('is told apart to the byte', () => {
    const empty = inspect({ body: 'x' }).rendered!.bytes - 1;
    const bytes = 102_399;
    expect(inspect({ body: 'x'.repeat(bytes - empty) })).toMatchObject({ issues: [], rendered: { bytes } });
    expect(fieldsOf({ body: 'x'.repeat(bytes + 1 - empty) })).toEqual(['/content']);
  });

  it('takes 1,000 people, 20 + 20 tags, 39 bytes of a tag, 32 characters of a type', () => {
    expect(fieldsOf({}, to({ kind: 'users', users: many(1000) }))).toEqual([]);
    expect(fieldsOf({}, to(tags(many(20, 't'), many(20, 's'))))).toEqual([]);
    expect(fieldsOf({}, to(tags(['男'.repeat(13)])))).toEqual([]);
    expect(fieldsOf(chatOf({ type: 'A'.repeat(32), content: 'free' }))).toEqual([]);
  });

  it('follows the characters that the settings allow', () => {
    const settings = configFor(['https://api.example'], { tagCharacters: '[a-z,]' });
    expect(inspect({}, to(tags(['vip,gold'])), settings).issues).toEqual([]);
    expect(inspect({}, to(tags(['女'])), settings).issues).toHaveLength(1);
  });
});

describe('a message of which RongCloud may ignore something', () => {
  const warnings = (changes: Partial<PushMessage>, others: Partial<SendItem> = {}) => inspect(changes, others).warnings;
  const iphones = to({ kind: 'everyone', platforms: ['ios'] });
  const chatMessage = { from: 'sys', type: 'RC:TxtMsg', content: '{}' };

  it('is silent about what works', () => {
    const works = { title: 'T', badge: 1, silent: true, threadId: 't', collapseId: 'c', category: 'x' };
    expect(warnings(works, iphones)).toEqual([]);
    expect(warnings({ extras: { k: 'v' }, deepLink: 'a://b' })).toEqual([]);
  });

  it.each<readonly [title: string, message: Partial<PushMessage>, words: RegExp]>([
    ['a title on Android', { title: 'T' }, /^title has no place in RongCloud's push to Android$/],
    ['a number on Android', { overrides: { android: { badge: 3 } } }, /^badge has no place .* Android$/],
    ['a channel', { androidChannel: 'orders' }, /^androidChannel has no place/],
    ['options that nobody documented', { vendorOptions: { rongcloud: { ios: { x: 1 } } } }, /ios\/x is not documented/],
    ['a title in a broadcast', { title: 'T', chatMessage }, /^title is not documented for broadcast/],
    ['extras without notification', { body: undefined, extras: { k: 'v' }, chatMessage }, /^extras and deepLink/],
  ])('tells of %s', (_title, message, words) => {
    expect(warnings(message)).toContainEqual(expect.stringMatching(words));
  });

  it('tells of sounds, subtitles, long titles and packages', () => {
    expect(warnings({ sound: 'ding', subtitle: 's', title: 'T'.repeat(51) }, iphones)).toHaveLength(3);
    const packaged = to({ ...tags([]), packageName: 'cn.example' } as Audience);
    expect(warnings({ chatMessage }, packaged)).toEqual(['packageName is not documented for broadcast messages']);
  });
});

describe('a broadcast message', () => {
  const chatMessage = { from: 'sys', type: 'APP:Order', content: 'free' };

  it('may come without a notification', () => {
    expect(bodyOf({ body: undefined, chatMessage }, { receipt: 'r' })).toEqual({
      platform: ['ios', 'android'],
      audience: { is_to_all: true },
      fromuserid: 'sys',
      message: { objectName: 'APP:Order', content: 'free' },
    });
  });

  it('may come with one', () => {
    expect(bodyOf({ chatMessage }).notification).toEqual({ alert: 'this is a push' });
  });
});
