import { type FieldIssue, type Inspection, type PushMessage, readConfig, type SendItem } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { type NimSimulator, startNimSimulator } from '@bellhop/simulators';
import { aMessage, anItem, anItemFor, APP, configFor, fixture, withOptions } from '../testing/builders.js';
import { callRaw, proofOf } from '../testing/raw.js';
import { NimConfig } from './nim.manifest.js';
import { inspectItem, planCalls } from './nim.plan.js';

interface ValidationFixture {
  readonly id: string;
  readonly field: string;
  readonly value?: unknown;
  readonly length?: number;
  readonly count?: number;
  readonly expect: string;
  readonly vendorCode?: number;
}

const now = new Date('2026-01-01T00:00:00Z');
const { cases } = fixture<{ cases: readonly ValidationFixture[] }>('validation-cases.json');
/** What clients tell NIM when they register for pushes; test/e2e/nim-fixtures.e2e-spec.ts runs these. */
const OF_REGISTRATION = new Set(['apnsCername', 'deviceToken']);
const ours = cases.filter(({ field }) => !OF_REGISTRATION.has(field));

const x = (count = 0) => 'x'.repeat(count);
const accounts = (count = 0) => Array.from({ length: count }, (_, i) => `user${i}`);
const chat = (changes: Partial<NonNullable<PushMessage['chatMessage']>>) =>
  aMessage({ chatMessage: { from: 'kf_bot', type: '0', content: '{"msg":"hello"}', ...changes } });

/** What a channel says of a message. */
const says = (message: PushMessage, settings: Partial<NimConfig> = {}): FieldIssue[] => [
  ...inspectItem(anItem('user1', message), configFor(settings), now).issues,
];
/** A JSON object of exactly so many characters. */
const objectOf = (length = 0) => JSON.stringify({ k: x(length - 8) });

type Form = Readonly<Record<string, string>>;
const MESSAGE: Form = { from: 'kf_bot', ope: '0', to: 'user1', type: '0', body: '{"msg":"hello"}' };
const NOTIFICATION: Form = { from: 'kf_bot', to: 'user1', attach: '{}' };

/** For each case: the place that our API complains about, if any, and the call by which the server is asked. */
interface Check {
  readonly field?: string;
  readonly issues?: (each: ValidationFixture) => readonly FieldIssue[];
  /** People in each call, where the answer is to split. */
  readonly calls?: (each: ValidationFixture) => readonly number[];
  readonly form: (each: ValidationFixture) => Form;
  readonly headers?: (each: ValidationFixture) => Record<string, string>;
}

const copy: Check = {
  issues: ({ length }) => says(aMessage({ body: x(length) })),
  form: ({ length }) => ({ ...MESSAGE, pushcontent: x(length) }),
};
const payload: Check = {
  issues: ({ value, length }) => says(withOptions({ payload: value ?? objectOf(length) }), { receipts: false }),
  form: ({ value, length }) => ({ ...MESSAGE, payload: (value as string | undefined) ?? objectOf(length) }),
};
const batch: Check = {
  calls: ({ count }) => sizesOf(count, {}),
  form: ({ count }) => ({ fromAccid: 'kf_bot', toAccids: JSON.stringify(accounts(count)), attach: '{}' }),
};

const CHECKS: Readonly<Record<string, Check>> = {
  'NIM-VAL-05': copy,
  'NIM-VAL-06': { ...copy, field: '/content/body' },
  'NIM-VAL-07': payload,
  'NIM-VAL-08': { ...payload, field: '/content/vendorOptions/nim/payload' },
  'NIM-VAL-09': { ...payload, field: '/content/vendorOptions/nim/payload' },
  'NIM-VAL-10': batch,
  'NIM-VAL-11': batch,
  'NIM-VAL-12': {
    calls: ({ count }) => sizesOf(count, { mode: 'message' }),
    form: ({ count }) => {
      const to = { fromAccid: 'kf_bot', toAccids: JSON.stringify(accounts(count)), returnMsgid: 'true' };
      return { ...to, type: '0', body: '{"msg":"hello"}' };
    },
  },
  // Ours is 0 or 1, by whether a team is named; there is nothing to choose.
  'NIM-VAL-13': { form: ({ value }) => ({ ...MESSAGE, ope: String(value) }) },
  'NIM-VAL-14': {
    field: '/content/vendorOptions/nim/team/forcePushList',
    issues: ({ count }) =>
      inspectItem(anItem('t1', withOptions({ team: { tid: 't1', forcePushList: accounts(count) } })), configFor(), now)
        .issues,
    form: ({ count }) => ({ ...MESSAGE, ope: '1', to: 't1', forcepushlist: JSON.stringify(accounts(count)) }),
  },
  'NIM-VAL-15': {
    field: '/content/chatMessage/content',
    issues: ({ length }) => says(chat({ content: objectOf(length) })),
    form: ({ length }) => ({ ...MESSAGE, body: objectOf(length) }),
  },
  'NIM-VAL-16': {
    field: '/content/vendorOptions/nim/attach',
    issues: ({ length }) => says(withOptions({ attach: objectOf(length) })),
    form: ({ length }) => ({ ...NOTIFICATION, attach: objectOf(length) }),
  },
  'NIM-VAL-17': {
    field: '/content/sound',
    issues: ({ length }) => says(aMessage({ sound: x(length) })),
    form: ({ length }) => ({ ...NOTIFICATION, sound: x(length) }),
  },
  'NIM-VAL-18': {
    field: '/content/vendorOptions/nim/save',
    issues: ({ value }) => says(withOptions({ save: value })),
    form: ({ value }) => ({ ...NOTIFICATION, save: String(value) }),
  },
  'NIM-VAL-19': {
    field: '/content/chatMessage/from',
    issues: ({ length }) => says(chat({ from: x(length) })),
    form: ({ length }) => ({ ...MESSAGE, from: x(length) }),
  },
  'NIM-VAL-20': { form: () => MESSAGE, headers: ({ length }) => proofOf(x(length)) },
};

function sizesOf(count: number | undefined, settings: Partial<NimConfig>): number[] {
  const message = aMessage();
  const items = accounts(count).map((accid) => anItem(accid, message));
  return planCalls(items, configFor(settings), now, new WeakMap()).calls.map(({ items }) => items.length);
}

describe('a case of validation', () => {
  let simulator: NimSimulator;

  beforeAll(async () => {
    const teams = { t1: ['user1'] };
    simulator = await startNimSimulator({ ...APP, accounts: ['kf_bot', ...accounts(501)], teams });
  });
  afterAll(() => simulator.close());

  it('is known for every one of the files', () => {
    expect(ours.map(({ id }) => id).sort()).toEqual(Object.keys(CHECKS).sort());
    expect([cases.length, ours.length]).toEqual([20, 16]);
  });

  it.each(ours.map((each) => [each.id, each] as const))('%s', async (id, each) => {
    const { field, issues, calls, form, headers } = CHECKS[id]!;
    const isFine = each.expect === 'ok';
    expect({
      fields: issues?.(each).map((issue) => issue.field),
      calls: calls?.(each).join(' + '),
      code: (await answerTo(form(each), headers?.(each))).code,
    }).toEqual({
      fields: issues && (isFine ? [] : [field]),
      calls: calls && (isFine ? '500' : each.expect.replace('split ', '')),
      code: codeOf(each),
    });
    executed('nim/validation-cases.json', id);
  });

  function answerTo(form: Form, headers?: Record<string, string>) {
    const single = form['type'] === undefined ? 'sendAttachMsg' : 'sendMsg';
    const batch = form['type'] === undefined ? 'sendBatchAttachMsg' : 'sendBatchMsg';
    const path = `/nimserver/msg/${form['toAccids'] === undefined ? single : batch}.action`;
    return callRaw(simulator, { path, body: new URLSearchParams(form).toString(), ...(headers && { headers }) });
  }

  function codeOf({ expect, vendorCode }: ValidationFixture): number {
    return expect === 'ok' ? 200 : (vendorCode ?? 414);
  }
});

describe('what cannot be sent', () => {
  it.each<[message: PushMessage, field: string]>([
    [aMessage({ body: undefined }), '/content/body'],
    [aMessage({ silent: true }), '/content/silent'],
    [aMessage({ overrides: { ios: { silent: true } } }), '/content/overrides/ios/silent'],
    [aMessage({ overrides: { android: { extras: { a: '1' } } } }), '/content/overrides/android/extras'],
    [aMessage({ extras: { pushTitle: 'x' } }), '/content/extras/pushTitle'],
    [aMessage({ extras: { 'a/b': x(2100) } }), '/content/extras'],
    [aMessage({ extras: { 'a/b': '1' }, vendorOptions: { nim: { payload: { 'a/b': 2 } } } }), '/content/extras/a~1b'],
    [chat({ type: '5' }), '/content/chatMessage/type'],
    [chat({ content: 'hello' }), '/content/chatMessage/content'],
    [{ ...chat({ type: '100' }), body: undefined }, '/content/body'],
    [withOptions({ payload: { apsField: 'x' } }), '/content/vendorOptions/nim/payload/apsField'],
    [withOptions({ payload: { pushTitle: 1 } }), '/content/vendorOptions/nim/payload/pushTitle'],
    [withOptions({ payload: { bellhop_receipt: 'x' } }), '/content/vendorOptions/nim/payload/bellhop_receipt'],
    [withOptions({ payload: [] }), '/content/vendorOptions/nim/payload'],
    [withOptions({ attach: 'no JSON' }), '/content/vendorOptions/nim/attach'],
    [withOptions({ needPushNick: 'yes' }), '/content/vendorOptions/nim/needPushNick'],
    [withOptions({ forcePushContent: x(501) }), '/content/vendorOptions/nim/forcePushContent'],
    [withOptions({ checkFriend: true }), '/content/vendorOptions/nim/checkFriend'],
    [withOptions({ team: { tid: 'user1', members: [] } }), '/content/vendorOptions/nim/team/members'],
    [withOptions({ team: { tid: 'user1', forcePushList: [''] } }), '/content/vendorOptions/nim/team/forcePushList'],
    [withOptions({ team: { tid: 't1' } }), '/audience/users'],
  ])('is named: %#', (message, field) => {
    expect(says(message).map((issue) => issue.field)).toEqual([field]);
  });

  it('is named when the options are no object at all', () => {
    expect(says(withOptions([] as object)).map(({ field }) => field)).toEqual(['/content/vendorOptions/nim']);
    const faults = says(withOptions({ team: 'x' })).map(({ field }) => field);
    expect(faults.slice(0, 2)).toEqual(['/content/vendorOptions/nim/team', '/content/vendorOptions/nim/team/tid']);
  });

  it('counts the receipt that every delivery carries', () => {
    const message = (length: number) => withOptions({ payload: objectOf(length) });
    const receiptMember = ',"bellhop_receipt":""'.length + 64;
    expect(says(message(2048 - receiptMember))).toEqual([]);
    expect(says(message(2049 - receiptMember))).toHaveLength(1);
    expect(says(message(2048), { receipts: false })).toEqual([]);
  });

  it('is an account that NIM does not take', () => {
    const fields = ['', x(33)].map((accid) => inspectItem(anItem(accid), configFor(), now).issues.map((i) => i.field));
    expect(fields).toEqual([['/audience/users'], ['/audience/users']]);
  });

  it('is anything without a sender', () => {
    const { issues, rendered } = inspectItem(anItem('user1'), configFor({ sender: undefined }), now);
    expect(issues).toEqual([{ field: '/config/sender', message: 'the integration has no sender' }]);
    expect(rendered).toBeUndefined();
  });

  it.each<[message: PushMessage, field: string]>([
    [chat({}), '/content/chatMessage'],
    [withOptions({ push: false }), '/content/vendorOptions/nim/push'],
    [withOptions({ team: { tid: 't1' } }), '/content/vendorOptions/nim/team'],
  ])('to everyone is what is more than a push: %#', (message, field) => {
    expect(inspected(toEveryone(message)).issues.map((issue) => issue.field)).toEqual([field]);
  });
});

describe('what NIM may ignore', () => {
  it.each<[message: PushMessage, words: RegExp]>([
    [aMessage({ badge: 3 }), /^badge: /],
    [aMessage({ overrides: { ios: { badge: 0 } } }), /^badge: /],
    [{ ...chat({}), forced: true }, /^forced: /],
    [aMessage({ overrides: { android: { title: 'T' } } }), /^overrides\.android: /],
  ])('is a warning: %#', (message, words) => {
    const { warnings, rendered } = inspected(anItem('user1', message));
    expect(warnings).toEqual([expect.stringMatching(words)]);
    expect(rendered).toBeDefined();
  });

  it('is a warning for everyone, too', () => {
    expect(inspected(toEveryone(aMessage({ forced: true }))).warnings).toHaveLength(1);
    expect(inspected(anItem('user1', aMessage({ forced: true }))).warnings).toEqual([]);
  });
});

describe('the settings', () => {
  it.each<[setting: keyof NimConfig, value: unknown]>([
    ['sender', x(33)],
    ['save', 3],
    ['mode', 'telegram'],
    ['ratePerSecond', 0],
    ['baseUrls', []],
    ['baseUrls', ['ftp://127.0.0.1']],
    ['v2BaseUrl', 'open.example.com'],
    ['v2BaseUrl', 'https://user:password@open.example.com'],
    ['deadlineMs', 99],
  ])('refuse %s %j', (setting, value) => {
    const issue = { field: `/${setting}`, message: expect.any(String) as string };
    expect(() => readConfig(NimConfig, { ...APP, [setting]: value })).toThrow(
      expect.objectContaining({ issues: expect.arrayContaining([issue]) as unknown }),
    );
  });

  it('of an integration that only receives are enough as they were', () => {
    expect(readConfig(NimConfig, APP)).toMatchObject({ mode: 'notification', pushToAll: false, receipts: true });
  });
});

function toEveryone(message: PushMessage): SendItem {
  return anItemFor({ kind: 'everyone', platforms: ['ios', 'android'] }, message);
}

function inspected(item: SendItem): Inspection {
  return inspectItem(item, configFor({ pushToAll: true }), now);
}
