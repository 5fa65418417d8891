import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  accept,
  CommandRejectedError,
  effectiveAudience,
  type HttpReply,
  type InboundEvent,
  type Platform,
  type PlatformOverride,
  type PushRequest,
  type RawRequest,
  readConfig,
  sha1Hex,
} from '@bellhop/contracts';
import { acknowledgement, describeInbound, executed, InboundHarness, rawRequest } from '@bellhop/contracts/testing';
import { RongCloudInbound } from './rongcloud.inbound.js';
import { RongCloudConfig } from './rongcloud.manifest.js';

const fixture = <T>(name: string): T =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures', `${name}.json`), 'utf8')) as T;

interface ValidationCase {
  readonly id: string;
  readonly body: object;
  readonly expect: 'ok' | 'reject';
  readonly vendorCode?: number;
}

interface SeedRequest {
  readonly id: string;
  readonly path: string;
  readonly bodyRaw: string;
  readonly expectEffective: {
    readonly mode: 'tag' | 'push' | 'broadcast';
    readonly audience?: {
      readonly all?: true;
      readonly userIds?: readonly string[];
      readonly tagsAll?: readonly string[];
      readonly packageName?: string;
    };
    readonly platformFilter?: readonly Platform[] | null;
    readonly ios?: SeedPush;
    readonly android?: SeedPush;
  };
}

interface SeedPush {
  readonly title?: string;
  readonly body?: string;
  readonly silent?: boolean;
  readonly badge?: { readonly value: number };
  readonly data?: Readonly<Record<string, string>>;
}

const validation =
  fixture<Readonly<Record<'tagSet' | 'tagBatchSet' | 'push' | 'broadcast', readonly ValidationCase[]>>>(
    'validation-cases',
  );
const { requests: captured } = fixture<{
  readonly requests: readonly { id: string; path: string; contentType: string; bodyRaw: string }[];
}>('node-sdk-capture');
const { requests: seeds } = fixture<{ readonly requests: readonly SeedRequest[] }>('seed-requests');
const audiences = fixture<{
  readonly cases: readonly { id: string; request: object; expectDevices: readonly string[] | null }[];
}>('audience-resolution');
const { overrides, badge: badges } = fixture<{
  readonly overrides: readonly {
    id: string;
    notification: object;
    expect: Record<Platform, { body: string; title: string | null; data: object | null }>;
  }[];
  readonly badge: readonly { id: string; ios: object; expect: { apnsBadge?: number; reject?: string } }[];
}>('override-and-badge');

const adapter = new RongCloudInbound();
const config = readConfig(RongCloudConfig, { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' });
const now = new Date('2026-01-15T08:00:00Z');
const SIGNED_AT = '1408710653';

interface Parts {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signedWith?: string;
}

/** A command as the vendor's SDKs send it. */
function command(address: string, body: unknown, { headers = {}, signedWith = config.appSecret }: Parts = {}) {
  const [nonce, timestamp] = ['14314', SIGNED_AT];
  return rawRequest({
    method: 'POST',
    path: address.replace(/^\//, ''),
    query: {},
    headers: {
      'App-Key': config.appKey,
      Nonce: nonce,
      Timestamp: timestamp,
      Signature: sha1Hex(signedWith, nonce, timestamp),
      'Content-Type': 'application/json',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const receive = (request: RawRequest) => new InboundHarness(adapter, config).receive(request, now);

function eventOf(request: RawRequest): InboundEvent {
  const { events, reply } = receive(request);
  if (events.length !== 1) throw new Error(`${events.length} events: ${reply.body}`);
  return events[0] as InboundEvent;
}

const push = (more: object = {}) => ({
  platform: ['ios', 'android'],
  audience: { is_to_all: true },
  notification: { alert: 'D' },
  ...more,
});
const requestOf = (body: object): PushRequest => eventOf(command('/push.json', body)).request as PushRequest;
const answerOf = ({ status, body = '' }: HttpReply) => [status, (JSON.parse(body) as { code: number }).code];

/** Expands `{"$repeat":3,"value":"t"}` to `["t0","t1","t2"]`. */
function expand(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expand);
  if (typeof value !== 'object' || value === null) return value;
  if ('$repeat' in value) {
    const { $repeat: count, value: prefix } = value as { $repeat: number; value: string };
    return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, expand(member)]));
}

describeInbound(adapter, {
  config,
  cases: [...captured, ...seeds].map(({ id, path: address, bodyRaw }) => ({ id, request: command(address, bodyRaw) })),
  now,
  signedParts: ['header.app-key', 'header.nonce', 'header.timestamp', 'header.signature'],
  ageless: true,
});

describe('the rules of the server API', () => {
  const PATHS = {
    tagSet: '/user/tag/set.json',
    tagBatchSet: '/user/tag/batch/set.json',
    push: '/push.json',
    broadcast: '/push.json',
  };
  const cases = Object.entries(PATHS).flatMap(([group, address]) =>
    validation[group as keyof typeof PATHS].map((each) => [each.id, address, each] as const),
  );

  it('are all here', () => {
    expect(cases).toHaveLength(35);
  });

  it.each(cases)('%s %s', (id, address, { body, expect: expected, vendorCode }) => {
    const { outcome, reply, events } = receive(command(address, expand(body)));
    expect(answerOf(reply)).toEqual(expected === 'ok' ? [200, 200] : [400, vendorCode]);
    expect([outcome, events.length]).toEqual(expected === 'ok' ? ['accepted', 1] : ['rejected', 0]);
    executed('rongcloud/validation-cases.json', id);
  });

  const user = (more: object) => ({ userIds: ['u'], notification: { pushContent: 'x' }, ...more });
  it.each<[string, string, unknown, number, number]>([
    ['no body', '/push.json', '', 400, 1003],
    ['a body that is no JSON', '/push.json', '{"platform":', 400, 1002],
    ['a body that is no object', '/push.json', [1], 400, 1002],
    ['a tag of an audience that nobody can have', '/push.json', push({ audience: { tag: ['vip,gold'] } }), 400, 1002],
    ['a body of 100 KB', '/push.json', push({ x: 'x'.repeat(102_400) }), 413, 1508],
    ['a tag that is no string', '/user/tag/set.json', { userId: 'u', tags: [1] }, 400, 1501],
    ['an empty tag', '/user/tag/set.json', { userId: 'u', tags: [''] }, 400, 1002],
    ['no tags', '/user/tag/set.json', { userId: 'u' }, 400, 1002],
    ['a user id of 65 bytes', '/user/tag/set.json', { userId: 'u'.repeat(65), tags: [] }, 400, 1005],
    ['a user id that is no string', '/user/tag/set.json', { userId: 1, tags: [] }, 400, 1501],
    ['is_to_all:false alone', '/push.json', push({ audience: { is_to_all: false } }), 400, 1002],
    ['an is_to_all that is neither', '/push.json', push({ audience: { is_to_all: 'yes' } }), 400, 1501],
    ['an audience that is a text', '/push.json', push({ audience: 'all' }), 400, 1501],
    ['an empty package name', '/push.json', push({ audience: { packageName: '' } }), 400, 1002],
    ['an empty alert', '/push.json', push({ notification: { alert: '' } }), 400, 1002],
    ['an alert that is no string', '/push.json', push({ notification: { alert: 1 } }), 400, 1501],
    ['a platform that is no list', '/push.json', push({ platform: 'ios' }), 400, 1501],
    ['extras that are not strings', '/push.json', withIos({ extras: { id: 1 } }), 400, 1501],
    ['extras that are a text', '/push.json', withIos({ extras: 'id' }), 400, 1501],
    ['extras that stand for the receipt', '/push.json', withIos({ extras: { bellhop_receipt: 'x' } }), 400, 1002],
    ['a title of 51 characters', '/push.json', withIos({ title: 'x'.repeat(51) }), 400, 1005],
    ['a contentAvailable that is a text', '/push.json', withIos({ contentAvailable: '1' }), 400, 1501],
    ['a broadcast of a picture without words', '/push.json', broadcast('RC:ImgMsg', '{"content":"x"}'), 400, 1002],
    ['a broadcast of a text that is none', '/push.json', broadcast('RC:TxtMsg', 'x'), 400, 1002],
    ['no users', '/push/user.json', user({ userIds: [] }), 400, 1002],
    ['101 users', '/push/user.json', user({ userIds: Array.from({ length: 101 }, (_, i) => `u${i}`) }), 400, 1502],
    ['no pushContent', '/push/user.json', user({ notification: { alert: 'x' } }), 400, 1002],
    ['a title of 51 characters', '/push/user.json', user({ notification: long(51) }), 400, 1005],
    ['another command', '/message/broadcast.json', {}, 404, 404],
    ['a command without format', '/push', push(), 404, 404],
    ['another format', '/push.yaml', push(), 404, 404],
    ['a name of the prototype', '/constructor.json', push(), 404, 404],
  ])('refuse %s (%s)', (_words, address, body, status, code) => {
    const { outcome, reply, events } = receive(command(address, body));
    expect([...answerOf(reply), outcome, events]).toEqual([status, code, 'rejected', []]);
  });

  it.each<[string, string, unknown]>([
    ['a body of almost 100 KB', '/push.json', padded(102_399)],
    ['the same user a thousand times', '/push.json', push({ audience: { userid: Array(1001).fill('u') } })],
    ['null for what is left out', '/push.json', push({ audience: { is_to_all: null, userid: null, tag: ['a'] } })],
    ['fields that nobody knows', '/push.json', push({ pushExt: {}, notification: { alert: 'D', harmonyOS: {} } })],
    ['a title of 50 characters', '/push/user.json', user({ notification: long(50) })],
    ['tags in any script', '/user/tag/set.json', { userId: 'u', tags: ['男', 'हिन्दी', 'VIP_1-a', '٣'] }],
    ['what is_to_all overrides', '/push.json', push({ audience: { is_to_all: true, userid: 'nobody', tag: 7 } })],
  ])('allow %s', (_words, address, body) => {
    expect(answerOf(receive(command(address, body)).reply)).toEqual([200, 200]);
  });

  function withIos(ios: object) {
    return push({ notification: { alert: 'D', ios } });
  }
  function broadcast(objectName: string, content: string) {
    return push({ fromuserid: 'sys', message: { objectName, content }, notification: undefined });
  }
  function long(characters: number) {
    return { pushContent: 'x', title: '标'.repeat(characters) };
  }
  function padded(bytes: number): string {
    const body = JSON.stringify(push());
    return body + ' '.repeat(bytes - Buffer.byteLength(body));
  }
});

describe('tags', () => {
  it.each([
    ['/user/tag/set.json', { userId: '31232', tags: ['bj', '男', 'bj'] }, ['31232'], ['bj', '男']],
    ['/user/tag/set.xml', { userId: '31232', tags: [] }, ['31232'], []],
    ['/user/tag/batch/set.json', { userIds: ['id1', 'id2', 'id1'], tags: ['bj'] }, ['id1', 'id2'], ['bj']],
  ])('of %s replace what people had', (address, body, users, tags) => {
    expect(eventOf(command(address, body))).toEqual({
      kind: 'tags.replaced',
      key: expect.stringMatching(/^rongcloud:command:[\da-f]{64}$/) as string,
      dedupeWindowMs: 0,
      recipient: { identities: [], devices: [] },
      conversation: { id: 'server-api', type: 'system' },
      tags: { identityKind: 'rongcloud.user_id', users, tags },
      push: { notify: false },
    });
  });

  it('are set again as often as the caller says', () => {
    const harness = new InboundHarness(adapter, config);
    const set = command('/user/tag/set.json', { userId: 'u', tags: [] });
    expect([harness.receive(set, now).outcome, harness.receive(set, now).outcome]).toEqual(['accepted', 'accepted']);
  });
});

describe('a push', () => {
  it('asks for the text, and what differs on a platform', () => {
    const ios = { title: 'T', alert: 'I', badge: -1, contentAvailable: 1, extras: { id: '1' }, 'thread-id': 'x' };
    const android = { alert: 'A', badge: 'ignored', extras: { id: '2' } };
    const event = eventOf(command('/push.json', push({ notification: { title: 'N', alert: 'D', ios, android } })));
    expect(event).toEqual({
      kind: 'push.requested',
      key: expect.any(String) as string,
      dedupeWindowMs: 0,
      recipient: { identities: [], devices: [] },
      conversation: { id: 'server-api', type: 'system' },
      request: {
        audience: { everyone: true, platforms: ['ios', 'android'] },
        identityKind: 'rongcloud.user_id',
        content: {
          title: 'N',
          body: 'D',
          overrides: {
            ios: { title: 'T', body: 'I', badge: 0, silent: true, extras: { id: '1' } },
            android: { body: 'A', extras: { id: '2' } },
          },
        },
      },
      push: { notify: true },
    });
  });

  it('to users goes to them on every platform', () => {
    const body = { userIds: ['u1', 'u2'], notification: { title: 'T', pushContent: 'P', android: { alert: 'A' } } };
    const { kind, request } = eventOf(command('/push/user.json', body));
    expect([kind, request]).toEqual([
      'push.requested',
      {
        audience: { users: ['u1', 'u2'] },
        identityKind: 'rongcloud.user_id',
        content: { title: 'T', body: 'P', overrides: { android: { body: 'A' } } },
      },
    ]);
  });

  it.each([
    ['its notification', { alert: 'N' }, 'N'],
    ['the text of the message', undefined, '1111'],
  ])('that goes with a broadcast shows %s', (_words, notification, body) => {
    const message = { objectName: 'RC:TxtMsg', content: '{"content":"1111","extra":"aa"}' };
    const event = eventOf(command('/push.json', push({ fromuserid: 'sys', message, notification })));
    expect(event.request?.content.body).toBe(body);
    expect(event.attributes).toEqual({ fromUserId: 'sys', objectName: 'RC:TxtMsg' });
  });

  it.each(audiences.cases.map((each) => [each.id, each] as const))(
    'has the audience of %s',
    (_id, { request, expectDevices }) => {
      const { reply, events } = receive(command('/push.json', { ...request, notification: { alert: 'D' } }));
      const audience = events[0]?.request?.audience;
      const isRefused = expectDevices === null;
      expect(answerOf(reply)).toEqual(isRefused ? [400, 1002] : [200, 200]);
      expect(audience && effectiveAudience(audience) !== undefined).toBe(isRefused ? undefined : true);
    },
  );

  it.each(overrides.map((each) => [each.id, each] as const))(
    'has the texts of %s',
    (_id, { notification, expect: wanted }) => {
      const { content } = requestOf(push({ notification }));
      for (const platform of ['ios', 'android'] as const) {
        const { title, body, extras } = shownOn(platform, content);
        expect({ body, title: title ?? null, data: extras ?? null }).toEqual(wanted[platform]);
      }
    },
  );

  it.each(badges.map((each) => [each.id, each] as const))('has the badge of %s', (_id, { ios, expect: wanted }) => {
    const { outcome, events } = receive(command('/push.json', push({ notification: { alert: 'D', ios } })));
    const badge = events[0]?.request?.content.overrides?.ios?.badge;
    expect([outcome, badge]).toEqual([wanted.reject ? 'rejected' : 'accepted', wanted.apnsBadge]);
  });
});

function shownOn(platform: Platform, content: PushRequest['content']): PlatformOverride {
  const own = Object.entries(content.overrides?.[platform] ?? {}).filter(([, value]) => value !== undefined);
  return { ...content, ...Object.fromEntries(own) };
}

describe('the examples of the document', () => {
  it.each(seeds.map((seed) => [seed.id, seed] as const))('%s', (_id, { path: address, bodyRaw, expectEffective }) => {
    const event = eventOf(command(address, bodyRaw));
    const { mode, audience, platformFilter, ios, android } = expectEffective;
    expect(event.kind).toBe(mode === 'tag' ? 'tags.replaced' : 'push.requested');
    expect(event.attributes !== undefined).toBe(mode === 'broadcast');
    expect(event.request && effectiveOf(event.request)).toEqual(audience && { audience, platformFilter });
    expect(shownWhere({ ios, android }, event.request)).toEqual({
      ...(ios && { ios: expected(ios) }),
      ...(android && { android: expected(android) }),
    });
  });

  /** What the platforms show of which the example says it. */
  function shownWhere(said: Partial<Record<Platform, unknown>>, request: PushRequest | undefined) {
    const platforms = (['ios', 'android'] as const).filter((platform) => said[platform]);
    return Object.fromEntries(platforms.map((platform) => [platform, request && facts(platform, request.content)]));
  }
  function facts(platform: Platform, content: PushRequest['content']): PlatformOverride {
    const { title, body, silent, badge, extras } = shownOn(platform, content);
    return { title, body, silent, badge, extras };
  }
  function effectiveOf({ audience }: PushRequest) {
    const effective = effectiveAudience(audience);
    switch (effective?.kind) {
      case 'everyone':
        return { audience: { all: true }, platformFilter: effective.platforms };
      case 'users':
        return { audience: { userIds: effective.users }, platformFilter: null };
      case 'tags': {
        const { allOf, packageName, platforms } = effective;
        return {
          audience: { ...(allOf.length > 0 && { tagsAll: allOf }), ...(packageName && { packageName }) },
          platformFilter: platforms,
        };
      }
      case undefined:
        return undefined;
    }
  }
  const expected = ({ title, body, silent, badge, data }: SeedPush): PlatformOverride => ({
    title,
    body,
    silent,
    badge: badge?.value,
    extras: data,
  });
});

describe("the requests of the vendor's SDK", () => {
  it.each(captured.map((each) => [each.id, each] as const))('%s', async (id, { path: address, bodyRaw }) => {
    const request = command(address, bodyRaw);
    const { outcome, reply } = receive(request);
    expect([outcome, ...answerOf(reply)]).toEqual([address.includes('tags/get') ? 'nothing' : 'accepted', 200, 200]);
    expect((await ask(request)) !== undefined).toBe(address.includes('tags/get'));
    executed('rongcloud/node-sdk-capture.json', id);
  });
});

describe('a question about tags', () => {
  const question = (userIds: readonly string[], format = 'json') =>
    command(`/user/tags/get.${format}`, userIds.map((id) => `userIds=${encodeURIComponent(id)}`).join('&'));

  it('is answered for everybody who was asked about', async () => {
    const reply = await ask(question(['u1', '__proto__', 'u1']), { u1: ['bj', '男'] });
    expect(reply).toEqual({
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: '{"code":200,"result":{"u1":["bj","男"],"__proto__":[]}}',
    });
  });

  it('is answered in XML when asked so', async () => {
    const reply = await ask(question(['a"<b>'], 'xml'), { 'a"<b>': ['x&y\0'] });
    expect(reply?.body).toBe(
      '<xml><code>200</code><result><user id="a&quot;&lt;b&gt;"><tag>x&amp;y</tag></user></result></xml>',
    );
  });

  it.each([
    ['nobody', [], 'body_missing'],
    ['51 people', Array.from({ length: 51 }, (_, i) => `u${i}`), 'too_many'],
    ['an empty id', [''], 'parameter_invalid'],
    ['an id of 65 bytes', ['u'.repeat(65)], 'too_long'],
  ])('is refused about %s', async (_words, userIds, code) => {
    const refusal = await ask(question(userIds)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CommandRejectedError);
    expect(refusal).toMatchObject({ code: `rongcloud.${code}` });
  });

  it('is refused without ids', async () => {
    await expect(ask(command('/user/tags/get.json', 'a=1'))).rejects.toThrow(CommandRejectedError);
  });

  it('is not what a callback asks', async () => {
    expect(await ask(command('', 'fromUserId=1'))).toBeUndefined();
  });
});

function ask(request: RawRequest, tags: Readonly<Record<string, readonly string[]>> = {}) {
  const read = { tagsOf: () => Promise.resolve(new Map(Object.entries(tags))) };
  return adapter.query(accept(request).request, config, read);
}

describe('the proof of a command', () => {
  it.each([1, -1])('never becomes old (%d)', (direction) => {
    const year = new Date(now.getTime() + direction * 365 * 86_400_000);
    expect(adapter.verify(command('/push.json', push()), config, year).ok).toBe(true);
  });

  it('may be used for any number of commands', () => {
    const harness = new InboundHarness(adapter, config);
    const outcomes = ['a', 'b'].map((tag) => {
      const set = command('/user/tag/set.json', { userId: 'u', tags: [tag] });
      return harness.receive(set, now).outcome;
    });
    expect(outcomes).toEqual(['accepted', 'accepted']);
  });

  it('may stand in headers of another name', () => {
    const { headers, ...request } = command('/push.json', push());
    const names = ['app-key', 'nonce', 'timestamp', 'signature'];
    const renamed = Object.fromEntries(names.map((name) => [`rc-${name}`, headers[name] ?? '']));
    expect(receive({ ...request, headers: renamed }).outcome).toBe('accepted');
  });

  it.each<[string, Parts, string]>([
    ['another secret', { signedWith: 'another' }, 'rongcloud.signature_invalid'],
    ['another App Key', { headers: { 'App-Key': 'x' } }, 'rongcloud.app_key_mismatch'],
    ['no nonce', { headers: { Nonce: '' } }, 'rongcloud.signature_missing'],
    ['no signature', { headers: { Signature: '' } }, 'rongcloud.signature_missing'],
    [
      'a boundary that was shifted',
      { headers: { Nonce: '143141', Timestamp: '408710653' } },
      'rongcloud.signature_invalid',
    ],
  ])('is refused with %s', (_words, parts, code) => {
    const received = receive(command('/push.json', push(), parts));
    expect([received.outcome, received.code, ...answerOf(received.reply)]).toEqual(['rejected', code, 401, 1004]);
  });

  it('does not stand in the query, where it is for callbacks', () => {
    const { headers, ...request } = command('/push.json', push());
    const query = {
      appKey: config.appKey,
      nonce: '14314',
      signTimestamp: SIGNED_AT,
      signature: headers.signature ?? '',
    };
    expect(receive({ ...request, headers: {}, query }).code).toBe('rongcloud.signature_missing');
  });
});

describe('the reply to a command', () => {
  const eventIds = ['evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617'];

  it.each([
    ['push.json', '{"code":200,"id":"evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617"}'],
    ['/push.json', '{"code":200,"id":"evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617"}'],
    ['push/user.json', '{"code":200,"id":"evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617"}'],
    ['user/tag/set.json', '{"code":200}'],
    ['push.xml', '<xml><code>200</code><id>evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617</id></xml>'],
    ['user/tag/batch/set.xml', '<xml><code>200</code></xml>'],
  ])('of %s', (address, body) => {
    const reply = adapter.acknowledge(acknowledgement('stored', { request: at(address), eventIds }));
    const type = address.endsWith('xml') ? 'text/xml' : 'application/json';
    expect(reply).toEqual({ status: 200, headers: { 'content-type': `${type}; charset=utf-8` }, body });
  });

  it.each([
    ['rejected', 'rongcloud.too_many', 400, 1502, 'tags must have at most 20 items.'],
    ['refused', 'rongcloud.signature_invalid', 401, 1004, 'The signature is wrong.'],
    ['unavailable', 'unavailable', 503, 1000, 'Temporarily unavailable.'],
    ['malformed', 'plugin.parse_failed', 500, 1000, 'The command could not be processed.'],
  ] as const)('says what is wrong: %s', (result, code, status, vendorCode, errorMessage) => {
    const detail = 'tags must have at most 20 items.';
    const say = (address: string) =>
      adapter.acknowledge(acknowledgement(result, { request: at(address), code, detail }));
    const json = say('push.json');
    expect([json.status, JSON.parse(json.body ?? '')]).toEqual([
      status,
      { code: vendorCode, errorMessage, url: '/push.json' },
    ]);
    const xml = say('push.xml');
    expect([xml.status, xml.body]).toEqual([
      status,
      `<xml><code>${vendorCode}</code><errorMessage>${errorMessage}</errorMessage><url>/push.xml</url></xml>`,
    ]);
  });

  it('repeats an address as text', () => {
    const { reply } = receive(command(`/<b>${'x'.repeat(500)}.xml`, {}));
    expect(reply.status).toBe(404);
    expect(reply.body).toContain('<url>/&lt;b&gt;xxx');
    expect(reply.body?.length).toBeLessThan(400);
  });

  function at(address: string): RawRequest {
    return rawRequest({ method: 'POST', path: address, query: {}, headers: {}, body: '' });
  }
});
