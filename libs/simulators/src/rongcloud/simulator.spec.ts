import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type RongCloudPlatform,
  type RongCloudPushCommand,
  type RongCloudShown,
  type RongCloudSimulator,
  type RongCloudSimulatorOptions,
  rongCloudUserId,
  startRongCloudSimulator,
} from './index.js';

const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };
const UNLIMITED = { quotaPerHour: Infinity, quotaPerDay: Infinity };
const BOTH = ['ios', 'android'];
const EVERYBODY = { is_to_all: true };
const PUSH = { platform: BOTH, audience: EVERYBODY, notification: { alert: 'a' } };

interface Said {
  readonly status: number;
  readonly text: string;
  readonly body: { readonly code?: number; readonly id?: string; readonly result?: object };
}

/** A fixture file, with its `{"$repeat":n,"value":"u"}` expanded to u0 … u(n-1). */
function fixture<T>(name: string): T {
  const file = path.join(import.meta.dirname, '../../../vendors/rongcloud/fixtures', name);
  return JSON.parse(readFileSync(file, 'utf8'), (_name, value: unknown) => {
    const { $repeat: count, value: prefix } = (value ?? {}) as { $repeat?: number; value?: string };
    return count === undefined ? value : Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  }) as T;
}

describe('the RongCloud simulator', () => {
  let simulator: RongCloudSimulator;
  let nonce = 100_000_000;

  afterEach(() => simulator?.close());

  async function start(options: Partial<RongCloudSimulatorOptions> = {}): Promise<void> {
    simulator = await startRongCloudSimulator({ ...APP, ...UNLIMITED, ...options });
  }

  function signed(secret = APP.appSecret, number = String(++nonce), timestamp = '1767225600123') {
    const signature = createHash('sha1')
      .update(secret + number + timestamp)
      .digest('hex');
    return { 'App-Key': APP.appKey, Nonce: number, Timestamp: timestamp, Signature: signature };
  }

  async function call(path: string, body: string, headers: Record<string, string> = {}): Promise<Said> {
    const json = { 'Content-Type': 'application/json' };
    const response = await fetch(simulator.url + path, {
      method: 'POST',
      headers: { ...json, ...signed(), ...headers },
      body,
    });
    const text = await response.text();
    return { status: response.status, text, body: text.startsWith('{') ? (JSON.parse(text) as Said['body']) : {} };
  }

  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Said> =>
    call(path, JSON.stringify(body), headers);
  const push = (others: object = {}): Promise<Said> => post('/push.json', { ...PUSH, ...others });
  const query = (...userIds: string[]): Promise<Said> =>
    call(
      '/user/tags/get.json',
      new URLSearchParams(userIds.map((id): [string, string] => ['userIds', id])).toString(),
      {
        'Content-Type': 'application/x-www-form-urlencoded',
      },
    );
  const lastPush = (): RongCloudPushCommand => simulator.requests.at(-1)?.command as RongCloudPushCommand;

  describe('knows who calls', () => {
    interface Vector {
      readonly id: string;
      readonly secret: string;
      readonly nonce: string;
      readonly timestamp: string;
      readonly signature: string;
      readonly expect?: 'accept' | 'reject' | 'reject-by-format';
    }
    const file = fixture<{ vectors: Vector[]; negative: Vector[] }>('signature-vectors.json');
    const vectors = [...file.vectors, ...file.negative];

    it('has all of its vectors', () => expect(vectors).toHaveLength(10));

    it.each(vectors.map((vector) => [vector.id, vector] as const))('%s', async (_id, vector) => {
      await start({ appSecret: vector.secret });
      const { nonce: number, timestamp, signature, expect: expected = 'accept' } = vector;
      const headers = { Nonce: number, Timestamp: timestamp, Signature: signature };
      const said = await post('/user/tag/set.json', { userId: 'u', tags: [] }, headers);
      expect(said).toMatchObject(expected === 'accept' ? { status: 200 } : { status: 401, body: { code: 1004 } });
    });

    it('by either spelling of the headers, and by its App Key', async () => {
      await start();
      const renamed = Object.fromEntries(Object.entries(signed()).map(([name, value]) => [`RC-${name}`, value]));
      const response = await fetch(`${simulator.url}/user/tag/set.json`, {
        method: 'POST',
        headers: { ...renamed, 'Content-Type': 'application/json' },
        body: '{"userId":"u","tags":[]}',
      });
      expect(response.status).toBe(200);
      expect(await post('/push.json', {}, { 'App-Key': 'another' })).toMatchObject({ status: 401 });
    });

    it('takes a nonce again, unless it is told not to', async () => {
      const body = { userId: 'u', tags: [] };
      const headers = signed();
      await start();
      expect([
        await post('/user/tag/set.json', body, headers),
        await post('/user/tag/set.json', body, headers),
      ]).toEqual([expect.objectContaining({ status: 200 }), expect.objectContaining({ status: 200 })]);
      await simulator.close();
      await start({ strictNonce: true });
      expect(await post('/user/tag/set.json', body, headers)).toMatchObject({ status: 200 });
      expect(await post('/user/tag/set.json', body, headers)).toMatchObject({ status: 401, body: { code: 1004 } });
    });
  });

  describe('keeps the rules', () => {
    interface Case {
      readonly id: string;
      readonly body: object;
      readonly expect: 'ok' | 'reject';
      readonly vendorCode?: number;
    }
    const file = fixture<Record<'tagSet' | 'tagBatchSet' | 'push' | 'broadcast', Case[]>>('validation-cases.json');
    const cases = [
      ...file.tagSet.map((each) => ['/user/tag/set.json', each] as const),
      ...file.tagBatchSet.map((each) => ['/user/tag/batch/set.json', each] as const),
      ...[...file.push, ...file.broadcast].map((each) => ['/push.json', each] as const),
    ];

    it('has all of its cases', () => expect(cases).toHaveLength(11 + 3 + 13 + 8));

    it.each(cases.map(([path, each]) => [each.id, path, each] as const))('%s at %s', async (_id, path, each) => {
      await start();
      const said = await post(path, each.body);
      expect(said.body.code).toBe(each.expect === 'ok' ? 200 : each.vendorCode);
      expect(simulator.counters.pushes).toBe(path === '/push.json' && each.expect === 'ok' ? 1 : 0);
    });

    it.each<readonly [title: string, answer: string, request: () => Promise<Said>]>([
      ['an unknown path', '404', () => post('/nowhere.json', {})],
      ['a path without its format', '404', () => post('/push', {})],
      ['no body', '400 1003', () => call('/push.json', '')],
      ['a body that is no JSON', '400 1002', () => call('/push.json', '{')],
      ['a body that is a list', '400 1002', () => call('/push.json', '[]')],
      ['a form', '400 1002', () => call('/push.json', 'a=1', { 'Content-Type': 'application/x-www-form-urlencoded' })],
      ['102,400 bytes', '413 1508', () => call('/push.json', JSON.stringify({ a: 'x'.repeat(102_400 - 8) }))],
      ['extras that are no texts', '400 1501', () => push({ notification: { alert: 'a', ios: { extras: { a: 1 } } } })],
      ['a user id of 65 bytes', '400 1005', () => push({ audience: { userid: ['u'.repeat(65)] } })],
      ['a request id of 37 characters', '400 1002', () => post('/push.json', {}, { 'X-Request-ID': 'x'.repeat(37) })],
      ['a third platform', '400 1002', () => push({ platform: [...BOTH, 'harmonyOS'] })],
      ['51 users to ask for', '400 1502', () => query(...Array.from({ length: 51 }, (_, n) => `u${n}`))],
    ])('refuses %s: %s', async (_title, answer, request) => {
      await start();
      await request();
      expect(simulator.requests.map((each) => each.answer)).toEqual([answer]);
    });

    it('takes POST alone', async () => {
      await start();
      expect((await fetch(`${simulator.url}/push.json`, { headers: signed() })).status).toBe(405);
    });

    it('takes HarmonyOS where it is told to', async () => {
      await start({ harmonyOs: true });
      expect(await push({ platform: [...BOTH, 'harmonyOS'] })).toMatchObject({ status: 200 });
    });
  });

  describe('finds its audience', () => {
    interface AudienceFile {
      readonly devices: { id: string; userId: string; platform: RongCloudPlatform; packageName: string }[];
      readonly userTags: Record<string, string[]>;
      readonly cases: { id: string; request: object; expectDevices: string[] | null }[];
    }
    const { devices, userTags, cases } = fixture<AudienceFile>('audience-resolution.json');

    it('has all of its cases', () => expect(cases).toHaveLength(14));

    it.each(cases.map((each) => [each.id, each] as const))('%s', async (_id, { request, expectDevices }) => {
      await start();
      simulator.apply({ devices, tags: userTags });
      const said = await push(request);
      expect(said.body.code).toBe(expectDevices === null ? 1002 : 200);
      const reached = simulator.pushes[0]?.arrivals.map(({ deviceId }) => deviceId) ?? null;
      expect(reached).toEqual(expectDevices);
    });

    it('sees tags as they were set last', async () => {
      await start();
      simulator.directory.addDevices(devices);
      await post('/user/tag/batch/set.json', { userIds: ['u1', 'u2'], tags: ['a', 'b'] });
      await post('/user/tag/set.json', { userId: 'u2', tags: ['b'] });
      expect((await query('u1', 'u2', 'nobody')).body.result).toEqual({ u1: ['a', 'b'], u2: ['b'], nobody: [] });
      await push({ audience: { tag: ['a'] } });
      expect(simulator.pushes[0]?.arrivals.map(({ userId }) => userId)).toEqual(['u1']);
    });
  });

  describe('shows each platform its own', () => {
    interface OverrideFile {
      readonly overrides: { id: string; notification: object; expect: Record<'ios' | 'android', object> }[];
      readonly badge: {
        id: string;
        ios: object;
        expect: { mode?: 'keep' | 'clear' | 'set'; apnsBadge?: number; reject?: string };
      }[];
    }
    const { overrides, badge } = fixture<OverrideFile>('override-and-badge.json');
    const words = (shown: RongCloudShown | undefined) => ({
      body: shown?.body,
      title: shown?.title ?? null,
      data: shown?.extras ?? null,
    });

    it('has all of its cases', () => expect([overrides.length, badge.length]).toEqual([5, 8]));

    it.each(overrides.map((each) => [each.id, each] as const))(
      '%s',
      async (_id, { notification, expect: expected }) => {
        await start();
        await push({ notification });
        const { shown } = lastPush();
        expect({ ios: words(shown?.ios), android: words(shown?.android) }).toEqual(expected);
      },
    );

    it.each(badge.map((each) => [each.id, each] as const))('%s', async (_id, { ios, expect: expected }) => {
      await start();
      const said = await push({ notification: { alert: 'a', ios } });
      expect(said.status).toBe(expected.reject ? 400 : 200);
      expect(simulator.pushes[0]?.command.shown?.ios.badge).toBe(expected.apnsBadge);
    });
  });

  describe('reads the examples of the document', () => {
    interface Seed {
      readonly id: string;
      readonly path: string;
      readonly bodyRaw: string;
      readonly expectEffective: {
        readonly mode: 'tag' | 'push' | 'broadcast';
        readonly audience?: Record<string, unknown>;
        readonly platformFilter?: string[] | null;
        readonly ios?: Expected;
        readonly android?: Expected;
      };
    }
    interface Expected {
      readonly title?: string;
      readonly body: string;
      readonly data?: object;
      readonly silent?: boolean;
      readonly badge?: { readonly value: number };
    }
    const { requests } = fixture<{ requests: Seed[] }>('seed-requests.json');
    const shownAs = ({ data: extras, badge, ...same }: Expected) => ({
      ...same,
      ...(extras && { extras }),
      ...(badge && { badge: badge.value }),
    });

    it('has all of them', () => expect(requests).toHaveLength(17));

    it.each(requests.map((each) => [each.id, each] as const))('%s', async (_id, { path, bodyRaw, expectEffective }) => {
      await start();
      expect(await call(path, bodyRaw)).toMatchObject({ status: 200, body: { code: 200 } });
      const { mode, audience, platformFilter, ios, android } = expectEffective;
      const [request] = simulator.requests;
      expect(request).toMatchObject({ path, body: JSON.parse(bodyRaw) as object, answer: '200' });
      const tags = { kind: 'tags', tags: ['bj', '男'] };
      const push = {
        kind: 'push',
        mode,
        audience,
        platforms: platformFilter?.toSorted() ?? null,
        ...(ios && android && { shown: { ios: shownAs(ios), android: shownAs(android) } }),
      };
      expect(request?.command).toMatchObject(mode === 'tag' ? tags : push);
    });
  });

  describe('limits', () => {
    interface LedgerFile {
      readonly cases: { id: string; events: { at: string; kind: 'push' | 'broadcast'; expect: string }[] }[];
    }
    const { cases } = fixture<LedgerFile>('quota-ledger.json');
    const chat = { fromuserid: 'sys', message: { objectName: 'RC:TxtMsg', content: '{}' } };

    /** RC-QTA-02 is about what the platform remembers of a refusal. */
    it('pushes and broadcasts together, as in RC-QTA-01', async () => {
      let now = new Date();
      await start({ quotaPerHour: 2, quotaPerDay: 3, now: () => now });
      const events = cases.find(({ id }) => id === 'RC-QTA-01')?.events ?? [];
      const answers: string[] = [];
      for (const { at, kind } of events) {
        now = new Date(at);
        answers.push((await push(kind === 'broadcast' ? chat : {})).status === 200 ? 'send' : 'hold');
      }
      expect(answers).toEqual(events.map((event) => event.expect));
      expect(simulator.counters.answers).toEqual({ '200': 4, '429 1008': 2 });
    });

    it('the pushes of each app by themselves', async () => {
      const other = { appKey: 'another-app', appSecret: 'another-secret' };
      const theirs = () => post('/push.json', PUSH, { ...signed(other.appSecret), 'App-Key': other.appKey });
      await start({ quotaPerHour: 1 });
      expect((await theirs()).body.code).toBe(1004);
      simulator.apply({ apps: [other] });
      const answers = [await push(), await push(), await theirs(), await theirs()];
      expect(answers.map(({ body }) => body.code)).toEqual([200, 1008, 200, 1008]);
    });

    it('nothing for a push that breaks a rule', async () => {
      await start({ quotaPerHour: 1 });
      await push({ platform: [] });
      expect(await push()).toMatchObject({ status: 200 });
      expect(await push()).toMatchObject({ status: 429, body: { code: 1008 } });
    });

    it('the rates of tags, where it is told to', async () => {
      let now = new Date();
      await start({ now: () => now, tagRates: { single: 2, batch: 1 } });
      const single = () => post('/user/tag/set.json', { userId: 'u', tags: [] });
      const batch = () => post('/user/tag/batch/set.json', { userIds: ['u'], tags: [] });
      const statuses = async (...calls: (() => Promise<Said>)[]) => {
        const all: number[] = [];
        for (const each of calls) all.push((await each()).status);
        return all;
      };
      expect(await statuses(single, single, single, batch, batch)).toEqual([200, 200, 429, 200, 429]);
      now = new Date(now.getTime() + 1000);
      expect(await statuses(single, batch)).toEqual([200, 200]);
    });
  });

  describe('answers', () => {
    it('in XML where the path asks for it', async () => {
      await start();
      expect((await post('/user/tag/set.xml', { userId: 'u', tags: [] })).text).toBe('<xml><code>200</code></xml>');
      const body = { platform: BOTH, audience: EVERYBODY, notification: { alert: 'a' } };
      expect((await post('/push.xml', body)).text).toMatch(/^<xml><code>200<\/code><id>[\w-]{22}<\/id><\/xml>$/);
      expect((await post('/push.xml', {})).text).toMatch(/^<xml><code>1002<\/code><errorMessage>platform is required/);
    });

    it('as a script says, once', async () => {
      await start();
      simulator.script(['code1050', 'http504', 'html', { status: 429, headers: { 'retry-after': '7' }, body: '' }]);
      const answers = [await push(), await push(), await push(), await push(), await push()];
      expect(answers.map(({ status }) => status)).toEqual([504, 504, 200, 429, 200]);
      expect(simulator.counters.pushes).toBe(1);
      expect(() => simulator.script(['code1050', 'nonsense'])).toThrow(RangeError);
    });

    it('as the first user id says', async () => {
      await start();
      expect(await push({ audience: { userid: [rongCloudUserId('code1009')] } })).toMatchObject({ status: 430 });
      const body = { userIds: [rongCloudUserId('code1000'), 'u2'], tags: [] };
      expect(await post('/user/tag/batch/set.json', body)).toMatchObject({ status: 500 });
      expect(await push({ audience: { userid: ['order-1'] } })).toMatchObject({ status: 200 });
    });

    it.each([
      ['fin', 0],
      ['lost', 1],
    ])('nothing, and ends the connection: %s does %d', async (step, pushes) => {
      await start();
      simulator.script([step]);
      await expect(push()).rejects.toThrow('fetch failed');
      expect(simulator.counters).toMatchObject({ pushes, answers: { [step]: 1 } });
    });

    it('nothing at all after everything has been done', async () => {
      await start();
      simulator.script(['silent']);
      const silent = push().catch((error: Error) => error);
      await simulator.received(1);
      expect(simulator.counters.pushes).toBe(1);
      simulator.drop();
      expect(await silent).toBeInstanceOf(Error);
    });

    it('only when it is released', async () => {
      await start();
      simulator.hold();
      const pushing = push();
      await simulator.received(1);
      expect(simulator.counters.pushes).toBe(0);
      simulator.release();
      expect(await pushing).toMatchObject({ status: 200 });
    });

    it('with the id of the push that it keeps', async () => {
      await start();
      simulator.directory.addDevices([{ id: 'd1', userId: 'u1', platform: 'ios', packageName: 'a' }]);
      const ios = { title: 'T', badge: -3, contentAvailable: 1, extras: { k: 'v' }, 'thread-id': 't' };
      const said = await push({ notification: { alert: 'D', ios } });
      expect(simulator.pushes).toMatchObject([
        {
          id: said.body.id,
          arrivals: [
            {
              deviceId: 'd1',
              body: 'D',
              title: 'T',
              badge: 0,
              silent: true,
              extras: { k: 'v' },
              vendor: { 'thread-id': 't' },
            },
          ],
        },
      ]);
    });

    it('a broadcast without notification with a push that nobody sees', async () => {
      await start();
      simulator.directory.addDevices([{ id: 'd1', userId: 'u1', platform: 'ios', packageName: 'a' }]);
      const message = { objectName: 'RC:TxtMsg', content: '{"content":"hi"}' };
      await post('/push.json', { platform: BOTH, audience: EVERYBODY, fromuserid: 'sys', message });
      expect(simulator.pushes).toMatchObject([{ command: { mode: 'broadcast' }, arrivals: [] }]);
    });
  });

  it('tells people what it saw, and never the signature', async () => {
    await start({ controlPort: 0 });
    const control = async (path: string, body?: object) => {
      const init = body && { method: 'POST', body: JSON.stringify(body) };
      return (await fetch(simulator.controlUrl + path, init)).json() as Promise<object[]>;
    };
    await control('/rules', { steps: ['code1009'], tags: { u1: ['a'] }, latencyMs: 1 });
    await push();
    expect((await query('u1')).body.result).toEqual({ u1: ['a'] });
    const requests = await control('/requests');
    expect(requests).toMatchObject([
      { method: 'POST', path: '/push.json', answer: '430 1009', headers: { 'app-key': APP.appKey } },
      { path: '/user/tags/get.json', body: { userIds: ['u1'] }, command: { kind: 'query' } },
    ]);
    expect(JSON.stringify(requests)).not.toMatch(/ignature/);
    expect(await control('/counters')).toMatchObject({ requests: 2, answers: { 200: 1, '430 1009': 1 } });
    await control('/reset', {});
    expect(await control('/requests')).toEqual([]);
    expect(simulator.latencyMs).toBe(0);
  });
});
