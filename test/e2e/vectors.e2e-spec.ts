import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type IdentityRef, md5Hex, sha1Hex } from '@bellhop/contracts';
import {
  caseFaults,
  type CaseExpectation,
  faultsOf,
  loadCaseFile,
  loadVectors,
  matchSubset,
  type VectorCase,
  type VectorExpectation,
} from '@bellhop/contracts/testing';
import { echatPush, nimCopy, rongCloudMessage } from '@bellhop/simulators';
import type { Copy } from '../../src/core/notifications/content.js';
import { copyOf } from '../../src/core/routing/copy.js';
import { type TestApp, TestPlatform } from '../support/app.js';
import { Door, equip, type Observed, type StoredEvent, userOf, type WireRequest, wireOf } from '../support/vectors.js';

// Every inbound vector of the vendors over HTTP against the running platform on PostgreSQL, one integration each.

type Vendor = 'kf5' | 'udesk' | 'echat' | 'rongcloud' | 'nim';

const fixtures = (vendor: Vendor, file = ''): string =>
  path.join(import.meta.dirname, '../../libs/vendors', vendor, 'fixtures', file);
const fixture = (vendor: Vendor, file: string): Buffer => readFileSync(fixtures(vendor, file));
const json = <T>(vendor: Vendor, file: string): T => JSON.parse(fixture(vendor, file).toString('utf8')) as T;

/** The people whom the vectors name and who have an account here; the others are strangers to the platform. */
const PEOPLE: Readonly<Record<Vendor, readonly IdentityRef[]>> = {
  kf5: people('kf5.user_id', '1', '5', '7', '123', '40057'),
  udesk: [...people('udesk.web_token', 'user_10086', '10086'), ...people('udesk.customer_token', 'axb')],
  echat: people('echat.member_uid', 'user_10086', '28474495'),
  rongcloud: people('rongcloud.user_id', '456', '543', '567', '31232', '999'),
  nim: people('nim.accid', 'lisi', 'wangwu'),
};

function people(kind: string, ...values: string[]): IdentityRef[] {
  return values.map((value) => ({ kind, value }));
}

/** What ran and passed, by file. */
const executed = new Map<string, number>();
const passed = (name: string): void => void executed.set(name, (executed.get(name) ?? 0) + 1);

const vectors = {
  kf5: loadVectors(fixtures('kf5')),
  udesk: loadVectors(fixtures('udesk')),
  echat: loadVectors(fixtures('echat')),
};
const caseFiles = {
  rongcloud: loadCaseFile(fixtures('rongcloud', 'inbound-callbacks.json')),
  nim: loadCaseFile(fixtures('nim', 'inbound-copy-events.json')),
};

/** The settings of the files in the words of the plugins. */
function configOf(vendor: Vendor, settings: VectorCase['settings'] = {}): Record<string, unknown> {
  switch (vendor) {
    case 'kf5':
      return { dedupeWindowMs: settings.dedupeWindowMs };
    case 'udesk':
      return {};
    case 'echat': {
      const { mode, token, freshnessMs, appId, encodingAesKey } = settings;
      return {
        mode,
        token,
        maxAgeSeconds: Number(freshnessMs) / 1000,
        ...(mode === 'secure' && { appId, encodingAesKey }),
      };
    }
    case 'rongcloud':
    case 'nim':
      return { appKey: caseFiles[vendor].appKey, appSecret: caseFiles[vendor].appSecret, ...settings };
  }
}

let platform: TestPlatform;
let app: TestApp;

beforeAll(async () => {
  platform = await TestPlatform.start();
  app = await platform.createApp();
  await equip(app, Object.values(PEOPLE).flat());
});
afterAll(() => platform?.stop());

const open = (vendor: Vendor, settings?: VectorCase['settings']): Promise<Door> =>
  Door.open(app, vendor, configOf(vendor, settings), PEOPLE[vendor]);

describe.each(['kf5', 'udesk', 'echat'] as const)('the vectors of %s', (vendor) => {
  it.each(vectors[vendor].map((vector) => [vector.id, vector.title, vector] as const))(
    '%s %s',
    async (_id, _t, vector) => {
      const door = await open(vendor, vector.settings);
      for (const given of vector.given) await door.receive(wireOf(given), given.now, given.urlSecretValid);
      const startedAt = performance.now();
      const observed = await door.receive(wireOf(vector), vector.now, vector.urlSecretValid);
      expect(performance.now() - startedAt).toBeLessThan(vector.expect.maxMillis ?? 5_000);
      expect(vectorFaults(observed, vector.expect)).toEqual([]);
      expect(storageFaults(vendor, observed, () => clearText(vector))).toEqual([]);
      passed(vendor);
    },
  );
});

describe.each(['rongcloud', 'nim'] as const)('the cases of %s', (vendor) => {
  const { cases } = caseFiles[vendor];

  it.each(cases.map((each) => [each.id, each] as const))('%s', async (_id, each) => {
    const door = await open(vendor);
    const first = cases.find(({ id }) => id === (each.expect.duplicateOf ?? LATER_THAN[each.id]));
    if (first) await door.receive(wireOf(first), first.now);
    const before = await door.presence();
    const observed = await door.receive(wireOf(each), each.now);
    expect(observed.reply.status).not.toBe(500);
    expect(caseFaults(observed, each.expect)).toEqual([]);
    expect(pushFaults(observed, each.expect)).toEqual([]);
    expect(storageFaults(vendor, observed, () => each.request.body)).toEqual([]);
    const isStale = each.expect.ignored === 'STALE';
    expect(await door.presence()).toEqual(isStale ? before : sessionsOf(observed));
    const twin = cases.find(({ id }) => id === each.expect.sameAs);
    if (twin) {
      const other = await (await open(vendor)).receive(wireOf(twin), twin.now);
      expect(observed.events).toEqual(other.events);
      expect(observed.reply).toEqual(other.reply);
    }
    passed(vendor);
  });
});

/** Cases that say nothing on an empty store: what came first, and is later by the vendor's clock. */
const LATER_THAN: Readonly<Record<string, string>> = { 'RC-IN-14': 'RC-IN-11' };

describe('the signatures', () => {
  interface RongCloudSignature {
    readonly id: string;
    readonly secret: string;
    readonly nonce: string;
    readonly timestamp: string;
    readonly signature: string;
    readonly expect?: 'accept' | 'reject' | 'reject-by-format';
  }
  const { vectors: good, negative } = json<Record<'vectors' | 'negative', RongCloudSignature[]>>(
    'rongcloud',
    'signature-vectors.json',
  );

  it.each([...good, ...negative].map((vector) => [vector.id, vector] as const))(
    'of rongcloud %s',
    async (_id, vector) => {
      const { secret, nonce, timestamp, signature, expect: expected = 'accept' } = vector;
      const door = await open('rongcloud', { appSecret: secret, toleranceSeconds: 0 });
      const app = { appKey: '', appSecret: '' };
      const callback = rongCloudMessage(app, { fromUserId: 'a', toUserId: '456' }, { now: new Date(0) });
      const request = wireOf({ ...callback, query: { signTimestamp: timestamp, nonce, signature } });
      const { outcome, reply, rows } = await door.receive(request, new Date('2026-01-15T08:00:00Z'));
      const wanted = expected === 'accept' ? ['accepted', 200, 1] : ['rejected', 401, 0];
      expect([outcome, reply.status, rows.length]).toEqual(wanted);
      passed('signatures of rongcloud');
    },
  );

  const copies = json<{ inbound: { vectors: NimSignature[] } }>('nim', 'signature-vectors.json').inbound.vectors;
  interface NimSignature {
    readonly id: string;
    readonly appSecret: string;
    readonly bodyRaw: string;
    readonly md5: string;
    readonly curTime: string;
    readonly checkSum: string;
  }

  it.each(copies.map((vector) => [vector.id, vector] as const))('of nim %s', async (_id, vector) => {
    const door = await open('nim', { appSecret: vector.appSecret });
    const headers = { CurTime: vector.curTime, MD5: vector.md5, CheckSum: vector.checkSum };
    const request = { method: 'POST', path: '', search: '', headers, body: Buffer.from(vector.bodyRaw) };
    const now = new Date(Number(vector.curTime));
    const forged = await door.receive({ ...request, headers: { ...headers, CheckSum: '0'.repeat(40) } }, now);
    expect([forged.code, forged.reply.status]).toEqual(['nim.checksum_invalid', 401]);
    const proved = await door.receive(request, now);
    // The probe holds nothing, an empty body is no JSON, and the rest is an event of no known type.
    const outcomes = { '{}': ['nothing', 200], '': ['quarantined', 400] }[vector.bodyRaw] ?? ['ignored', 200];
    expect([proved.outcome, proved.reply.status]).toEqual(outcomes);
    passed('signatures of nim');
  });

  it('are all of those in the files', () => {
    expect(executed.get('signatures of rongcloud')).toBe(good.length + negative.length);
    expect(executed.get('signatures of nim')).toBe(copies.length);
  });
});

/** Ids that the vendors' sheets state as rules and that no file holds. */
interface Rule {
  readonly id: string;
  readonly title: string;
  readonly vendor: Vendor;
  readonly settings?: VectorCase['settings'];
  readonly given?: WireRequest;
  readonly request: WireRequest;
  readonly now: Date;
  /** In the words of the vendor's own files. */
  readonly expect: VectorExpectation | CaseExpectation;
  readonly more?: (observed: Observed, door: Door) => unknown;
}

describe('rules of the sheets without a vector', () => {
  const NOW = new Date('2026-01-15T08:00:00.000Z');
  const found = <T extends { id: string }>(list: readonly T[], id: string): T => {
    const entry = list.find((each) => each.id === id);
    if (!entry) throw new Error(`there is no ${id}`);
    return entry;
  };
  const withBody = (request: WireRequest, body: Buffer | string): WireRequest => ({
    ...request,
    body: Buffer.from(body as string),
  });
  const kf5 = (file: string) => withBody(wireOf(found(vectors.kf5, 'KF5-IN-01')), fixture('kf5', file));
  const udesk = (file: string) => withBody(wireOf(found(vectors.udesk, 'UDESK-IN-01')), fixture('udesk', file));
  const settings = {
    kf5: found(vectors.kf5, 'KF5-IN-01').settings,
    plain: found(vectors.echat, 'ECHAT-IN-10').settings,
    secure: found(vectors.echat, 'ECHAT-SEC-01').settings,
  };
  const echat = (msgType: string, body: Buffer, nonce: string) =>
    wireOf(echatPush({ token: String(settings.plain.token) }, msgType, body.toString('utf8'), { now: NOW, nonce }));
  const chat = wireOf(found(vectors.echat, 'ECHAT-IN-10'));
  const nim = (copy: object, now: Date) => wireOf(nimCopy(caseFiles.nim, copy, { now }));
  const copyOfCase = (id: string) => JSON.parse(found(caseFiles.nim.cases, id).bodyRaw) as object;
  const nimNow = found(caseFiles.nim.cases, 'NIM-IN-02').now;
  const routed = found(caseFiles.rongcloud.cases, 'RC-IN-03');
  const online = found(caseFiles.rongcloud.cases, 'RC-IN-11');
  const family = '👩‍👩‍👧‍👦';
  const received = { status: 200, body: 'success' };

  const rules: Rule[] = [
    {
      id: 'KF5-IN-05',
      title: 'five devices: one twice, one of an unknown platform, one blank; the type in capitals, the id a number',
      vendor: 'kf5',
      settings: settings.kf5,
      request: kf5('ticket-mixed-devices.json'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: { status: 200, body: '{}' },
        events: [
          {
            kind: 'ticket.replied',
            ticketId: '998',
            recipient: {
              identities: [{ type: 'kf5.user_id', value: '40057' }],
              devices: [
                { platform: 'ios', token: 'aa11' },
                { platform: 'android', token: 'bb22' },
                { platform: 'unknown', token: 'cc33' },
              ],
            },
          },
        ],
      },
    },
    {
      id: 'KF5-IN-09',
      title: '120 families are clipped to 99 and an ellipsis, none of them torn apart',
      vendor: 'kf5',
      settings: settings.kf5,
      request: kf5('im-long-emoji.json'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: { status: 200, body: '{}' },
        events: [{ text: family.repeat(120), notification: { title: '在线客服', body: `${family.repeat(99)}…` } }],
      },
    },
    {
      id: 'KF5-IN-21',
      title: 'commas inside a text survive the repair of the one that is too many',
      vendor: 'kf5',
      settings: settings.kf5,
      request: kf5('im-comma-in-string.txt'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: { status: 200, body: '{}' },
        parseMode: 'tolerant',
        events: [{ text: 'a,}b,]', notification: { body: 'a,}b,]' } }],
      },
    },
    {
      id: 'UDESK-IN-10',
      title: 'a conversation that is handed on closes silently',
      vendor: 'udesk',
      request: udesk('close-redirect.json'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: { status: 200, body: '' },
        events: [{ kind: 'conversation.closed', notify: false, closeType: 'redirect' }],
      },
      more: ({ rows }) => expect(rows).toMatchObject([{ state: 'routed', reason: 'silent', copy: null }]),
    },
    {
      id: 'UDESK-IN-16',
      title: 'the answer of the other robot, whose messages are one object',
      vendor: 'udesk',
      request: udesk('api-im-urobot.json'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: { status: 200, body: '' },
        events: [
          {
            kind: 'conversation.message',
            text: '申诉流程',
            staff: { robot: true },
            recipient: { identities: [{ type: 'udesk.customer_token', value: 'axb' }] },
            notification: { body: '申诉流程' },
          },
        ],
      },
    },
    {
      id: 'UDESK-IN-18',
      title: 'of a batch that partly came before only the new message counts',
      vendor: 'udesk',
      given: udesk('start-and-text.json'),
      request: udesk('partly-new.json'),
      now: NOW,
      expect: { outcome: 'accepted', http: { status: 200, body: '' }, events: [{ messageId: 'm-16', text: '还在吗' }] },
    },
    {
      id: 'ECHAT-IN-12',
      title: 'msgReply as documented',
      vendor: 'echat',
      settings: settings.plain,
      request: echat('msgReply', fixture('echat', 'docs-msgReply-malformed.xml'), 'n1008'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: received,
        parseMode: 'tolerant',
        events: [
          {
            kind: 'leave_message.replied',
            messageId: '345678',
            conversationId: '1733339',
            unreadCount: 3,
            recipient: { identities: [{ type: 'echat.member_uid', value: '28474495' }] },
            notification: { title: '您的留言有新回复', body: '客服回复的内容' },
          },
        ],
      },
    },
    {
      id: 'ECHAT-IN-27',
      title: 'a signed query that came with another body before is refused, and kept',
      vendor: 'echat',
      settings: settings.plain,
      given: chat,
      request: withBody(chat, chat.body.toString('utf8').replace('900001', '900099')),
      now: NOW,
      expect: { outcome: 'quarantined', errorCode: 'echat.nonce_reused', http: { status: 401 }, events: [] },
    },
    {
      id: 'ECHAT-IN-33',
      title: 'chat text cannot bring a pushInfo of its own',
      vendor: 'echat',
      settings: settings.plain,
      request: echat('chatSend', fixture('echat', 'chatSend-injection.xml'), 'n1029'),
      now: NOW,
      expect: { outcome: 'quarantined', errorCode: 'echat.duplicate_field', http: received, events: [] },
    },
    {
      id: 'ECHAT-IN-38',
      title: 'the parts of the signature are sorted by code unit',
      vendor: 'echat',
      settings: settings.plain,
      request: echat('chatSend', chat.body, 'Zed'),
      now: NOW,
      expect: { outcome: 'accepted', http: received, events: [{ messageId: '900001' }] },
      more: () => expect(['echat-test-token-01', 'Zed'].sort()).toEqual(['Zed', 'echat-test-token-01']),
    },
    {
      id: 'ECHAT-SEC-02',
      title: 'base64 with line breaks and without padding',
      vendor: 'echat',
      settings: settings.secure,
      request: echat('chatSend', fixture('echat', 'secure-chatSend-wrapped.xml'), 'n1037'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: received,
        parseMode: 'strict',
        events: [{ kind: 'conversation.message', messageType: 'text' }],
      },
    },
    {
      id: 'ECHAT-SEC-07',
      title: 'an encrypted body that is malformed inside',
      vendor: 'echat',
      settings: settings.secure,
      request: echat('chatSend', fixture('echat', 'secure-docs-malformed.xml'), 'n1042'),
      now: NOW,
      expect: {
        outcome: 'accepted',
        http: received,
        parseMode: 'tolerant',
        events: [{ messageId: '345678', unreadCount: 3 }],
      },
    },
    {
      id: 'RC-IN-04',
      title: 'recipients as a repeated field',
      vendor: 'rongcloud',
      request: withBody(
        wireOf(routed),
        routed.bodyRaw
          .replace(/groupUserIds=.*$/, 'groupUserIds=543&groupUserIds=567')
          .replace('0001-AAAA', '0001-AAAB'),
      ),
      now: routed.now,
      expect: {
        http: 200,
        canonical: { conversation: 'group', to: 'g1', text: '你好', directedUserIds: ['543', '567'] },
        dedupeKey: 'rongcloud:msg:B0PG-GRP1-0001-AAAB',
        pushCandidate: true,
      },
      more: ({ rows }) => expect(rows[0]?.skips).toEqual([null, null]),
    },
    {
      id: 'RC-IN-12',
      title: 'an online status that is one object; 1 is offline, which may be pushed to',
      vendor: 'rongcloud',
      given: wireOf(online),
      request: withBody(
        wireOf(online),
        JSON.stringify({ ...(JSON.parse(online.bodyRaw) as object[])[0], status: '1', time: 1_767_225_660_000 }),
      ),
      now: online.now,
      expect: { http: 200, canonical: [{ userId: '31232', state: 'offline', sessionId: 's-1', pushEligible: true }] },
      more: async (_observed, door) =>
        expect(await door.presence()).toMatchObject([
          { session: 's-1', state: 'offline', observedAt: new Date(1_767_225_660_000) },
        ]),
    },
    {
      id: 'NIM-IN-09',
      title: 'a message of somebody on the blacklist is stored and never pushed',
      vendor: 'nim',
      request: nim(
        { ...copyOfCase('NIM-IN-02'), msgidServer: '8364802', msgidClient: 'c-6', blacklist: 'true' },
        nimNow,
      ),
      now: nimNow,
      expect: { http: 200, pushCandidate: false, reason: 'BLACKLISTED' },
    },
    {
      id: 'NIM-IN-15',
      title: 'a login that was overtaken by the logout changes nothing',
      vendor: 'nim',
      given: wireOf(found(caseFiles.nim.cases, 'NIM-IN-12')),
      request: wireOf(found(caseFiles.nim.cases, 'NIM-IN-10')),
      now: nimNow,
      expect: { http: 200, canonical: [{ type: 'presence.changed', state: 'online' }] },
      more: async (_observed, door) =>
        expect(await door.presence()).toMatchObject([
          { session: 'c25f82d0', state: 'loggedOut', observedAt: new Date(1_767_225_700_000) },
        ]),
    },
    {
      id: 'NIM-IN-20',
      title: 'a good checksum does not vouch for another body',
      vendor: 'nim',
      request: withBody(
        wireOf(found(caseFiles.nim.cases, 'NIM-IN-02')),
        found(caseFiles.nim.cases, 'NIM-IN-02').bodyRaw.replace('hello', 'hullo'),
      ),
      now: nimNow,
      expect: { http: 401, reason: 'BAD_MD5' },
    },
  ];

  it.each(rules.map((rule) => [rule.id, rule.title, rule] as const))('%s %s', async (_id, _title, rule) => {
    const { vendor, given, request, now, expect: expected } = rule;
    const door = await open(vendor, rule.settings);
    if (given) await door.receive(given, now);
    const observed = await door.receive(request, now);
    const faults =
      'outcome' in expected
        ? vectorFaults(observed, expected)
        : [...caseFaults(observed, expected), ...pushFaults(observed, expected)];
    expect(faults).toEqual([]);
    expect(storageFaults(vendor, observed, () => clearText({ settings: rule.settings, request }))).toEqual([]);
    await rule.more?.(observed, door);
    passed('rules');
  });

  it('ran, every one', () => {
    expect(executed.get('rules')).toBe(rules.length);
  });
});

describe('NIM, to whom 500 means delivered,', () => {
  const now = new Date('2026-01-15T08:00:00Z');
  const message = String.raw`"eventType":"1","convType":"PERSON","to":"lisi"`;

  it.each([
    ['no object', '[]', 400],
    ['null', 'null', 400],
    ['a list without end', '['.repeat(100_000), 400],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
    [
      'half a surrogate pair',
      String.raw`{${message},"fromAccount":"\ud800","body":"\udfff","msgidServer":"\ud800"}`,
      200,
    ],
    ['NUL', String.raw`{${message},"fromAccount":"a\u0000","body":"\u0000","msgidServer":"\u0000"}`, 200],
    ['keys of the prototype', '{"__proto__":{"eventType":"1"},"constructor":1}', 200],
    ['a time far ahead', '{"eventType":"2","accid":"lisi","timestamp":"9999999999999"}', 200],
    ['a body above the limit', `{"x":"${'x'.repeat(262_144)}"}`, 413],
  ])('never gets it for %s', async (_name, content, status) => {
    const body = Buffer.from(content as string);
    const curTime = String(now.getTime());
    const md5 = md5Hex(body);
    const headers = { CurTime: curTime, MD5: md5, CheckSum: sha1Hex(caseFiles.nim.appSecret, md5, curTime) };
    const observed = await (await open('nim')).receive({ method: 'POST', path: '', search: '', headers, body }, now);
    expect(observed.reply.status).toBe(status);
    expect(storageFaults('nim', observed, () => body)).toEqual([]);
  });
});

it('has run every vector of the files', () => {
  const files = {
    kf5: 'vectors.json',
    udesk: 'vectors.json',
    echat: 'vectors.json',
    rongcloud: 'inbound-callbacks.json',
    nim: 'inbound-copy-events.json',
  } as const;
  const counts = Object.entries(files).map(([vendor, file]) => {
    const { inbound, cases } = json<{ inbound?: unknown[]; cases?: unknown[] }>(vendor as Vendor, file);
    return { vendor, ran: executed.get(vendor) ?? 0, of: (inbound ?? cases ?? []).length };
  });
  for (const { vendor, ran, of } of counts) console.info(`vectors executed: ${vendor} ${ran} of ${of}`);
  const total = (pick: (count: (typeof counts)[number]) => number): number =>
    counts.reduce((sum, each) => sum + pick(each), 0);
  const extra = ['signatures of rongcloud', 'signatures of nim', 'rules'].map(
    (name) => `${name} ${executed.get(name) ?? 0}`,
  );
  console.info(
    `vectors executed: total ${total(({ ran }) => ran)} of ${total(({ of }) => of)}; besides ${extra.join(', ')}`,
  );
  expect(counts.filter(({ ran, of }) => ran !== of || of === 0)).toEqual([]);
});

/** Where a result differs from a vector, the copy that the core renders included. */
function vectorFaults(observed: Observed, expected: VectorExpectation): string[] {
  const copies = expected.events?.flatMap(({ notification }, i) => copyFaults(observed.rows[i], notification)) ?? [];
  return [...faultsOf(observed, expected), ...copies];
}

/** Both what the pure function makes of the stored event and, where somebody was found, what the notification holds. */
function copyFaults(row: StoredEvent | undefined, expected: Copy | undefined): string[] {
  if (!expected) return [];
  const rendered = row?.event && copyOf(row.event, 'zh-CN', { hideContent: false, count: 1 });
  return [
    ...matchSubset(rendered, expected, '/copy'),
    ...(row?.copy ? matchSubset(row.copy['zh-CN'], expected, '/notification') : []),
  ];
}

/** Whether those concerned may be pushed to, and if not the reason that stands in their deliveries. */
function pushFaults({ rows }: Observed, { pushCandidate, reason }: CaseExpectation): string[] {
  if (pushCandidate === undefined) return [];
  const skips = rows.flatMap(({ skips }) => skips);
  const expected = pushCandidate ? null : reason?.toLowerCase();
  return skips.length > 0 && skips.every((skip) => skip === expected) ? [] : [`/skips: ${JSON.stringify(skips)}`];
}

const EMPTY_HANDED: ReadonlySet<Observed['outcome']> = new Set(['rejected', 'handshake', 'duplicate', 'nothing']);

/** Where the tables differ from what an outcome means for them. */
function storageFaults(vendor: Vendor, { outcome, code, rows, raw }: Observed, bytes: () => Buffer): string[] {
  if (EMPTY_HANDED.has(outcome)) return rows.length + raw.length === 0 ? [] : [`${outcome}, and something is stored`];
  const states = rows.map(({ state, reason }) => (reason ? `${state} ${reason}` : state));
  const expected = rows.map((row, i) => stateOf(vendor, row, rows.slice(i + 1)) ?? `${outcome} ${code}`);
  return [
    ...(raw.length === 1 && raw[0]?.equals(bytes()) ? [] : ['the bytes are not kept as they came']),
    ...(new Set(rows.map(({ callbackId }) => callbackId)).size === 1 ? [] : ['the rows are of several callbacks']),
    ...(rows.length === 1 || rows.every(({ event }) => event) ? [] : ['a callback without events has several rows']),
    ...matchSubset(states, expected, '/states'),
  ];
}

/** How an event must have ended; undefined for a row without one. */
function stateOf(vendor: Vendor, { event, copy }: StoredEvent, later: readonly StoredEvent[]): string | undefined {
  if (!event) return undefined;
  const { identities, devices } = event.recipient;
  const isKnown = identities.some((one) => PEOPLE[vendor].some((person) => userOf(person) === userOf(one)));
  // A device of the callback itself is somebody too, where the gateway of its platform is at hand.
  if (!isKnown && !devices.some(({ platform }) => platform === 'android')) return 'ignored unroutable';
  if (!event.push.notify) return 'routed silent';
  if (later.some((row) => row.event?.push.notify)) return 'routed batched';
  return copy ? 'routed' : 'routed with a notification';
}

/** Presence as the events of a callback tell it. */
function sessionsOf({ events }: Observed): object[] {
  const sessions = events.flatMap(({ presence, recipient, occurredAt }) => {
    const [person] = recipient.identities;
    return presence && person && occurredAt
      ? [{ userId: userOf(person), session: presence.session, state: presence.state, observedAt: new Date(occurredAt) }]
      : [];
  });
  return sessions.toSorted((a, b) => (a.userId < b.userId ? -1 : 1));
}

/** The body that must be kept: what an encrypted one holds, deciphered here without the plugin's help. */
function clearText({
  settings,
  request,
}: {
  readonly settings?: VectorCase['settings'];
  readonly request: { readonly body: Buffer };
}): Buffer {
  if (settings?.mode !== 'secure') return request.body;
  const [, sealed = ''] = /<Encrypt><!\[CDATA\[([^\]]*)/.exec(request.body.toString('utf8')) ?? [];
  const key = Buffer.from(`${String(settings.encodingAesKey)}=`, 'base64');
  const cipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  const plain = Buffer.concat([cipher.update(sealed.replace(/\s/g, ''), 'base64'), cipher.final()]);
  return plain.subarray(20, 20 + plain.readUInt32BE(16));
}
