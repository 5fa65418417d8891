import type { OutcomeKind, SendOutcome } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { fixture } from '../testing/builders.js';
import { outcomeFor, readAnswer } from './nim.outcomes.js';

interface AnswerFixture {
  readonly id: string;
  readonly http: number;
  readonly bodyRaw: string;
}

const { cases } = fixture<{ cases: readonly AnswerFixture[] }>('responses.json');
const SECRET = 'nim-demo-app-secret';

/** What each answer of the files means for user1 and user2, in our classes. */
const MEANINGS: Readonly<Record<string, readonly [user1: object, user2?: object]>> = {
  'NIM-RES-01': [{ kind: 'accepted', vendorMessageId: '1200510468189' }],
  'NIM-RES-02': [{ kind: 'rejected', reason: 'content.blocked' }],
  'NIM-RES-03': [
    { kind: 'accepted', vendorMessageId: '1200510468191' },
    { kind: 'rejected', reason: 'account.unknown' },
  ],
  'NIM-RES-04': [{ kind: 'accepted' }, { kind: 'rejected', reason: 'account.unknown' }],
  // Its words speak of the header: the secret, or the clock, which the call itself compares before.
  'NIM-RES-05': [{ kind: 'misconfigured', reason: 'credentials.refused', field: 'appSecret', vendorCode: '414' }],
  'NIM-RES-06': [{ kind: 'throttled', scope: 'channel', retryAfterMs: 10_000, vendorCode: '416' }],
  'NIM-RES-07': [{ kind: 'rejected', reason: 'request.forbidden', vendorCode: '403' }],
  'NIM-RES-08': [{ kind: 'rejected', reason: 'account.unknown', vendorCode: '404', detail: 'to not exist' }],
  'NIM-RES-09': [{ kind: 'unknown', reason: 'gateway.error', vendorCode: '500' }],
  'NIM-RES-10': [{ kind: 'transient', reason: 'gateway.busy', vendorCode: '503' }],
  'NIM-RES-11': [{ kind: 'transient', reason: 'gateway.unavailable', vendorCode: 'HTTP 502' }],
  'NIM-RES-12': [{ kind: 'unknown', reason: 'gateway.unreadable_answer' }],
  'NIM-RES-13': [{ kind: 'rejected', reason: 'request.duplicate', vendorCode: '431' }],
  'NIM-RES-14': [{ kind: 'accepted', vendorMessageId: '9007199254740993' }],
};

describe('an answer of NIM', () => {
  it('is known for every one of the files', () => {
    expect(cases.map(({ id }) => id).sort()).toEqual(Object.keys(MEANINGS).sort());
    expect(cases).toHaveLength(14);
  });

  it.each(cases.map((each) => [each.id, each] as const))('%s', (id, { http, bodyRaw }) => {
    const meanings = MEANINGS[id]!;
    const people = ['user1', 'user2'].slice(0, meanings.length);
    expect(people.map((accid) => meaning(http, bodyRaw, accid))).toMatchObject(meanings);
    executed('nim/responses.json', id);
  });

  it.each<[code: number, kind: OutcomeKind, rest: object]>([
    [301, 'rejected', { reason: 'account.banned' }],
    [302, 'misconfigured', { field: 'appSecret' }],
    [315, 'misconfigured', { reason: 'address.not_allowed' }],
    [405, 'rejected', { reason: 'request.too_long' }],
    [408, 'unknown', {}],
    [414, 'rejected', { reason: 'request.invalid' }],
    [417, 'accepted', {}],
    [419, 'rejected', { reason: 'request.too_many' }],
    [422, 'rejected', { reason: 'account.banned' }],
    [514, 'transient', { reason: 'gateway.unavailable' }],
    [801, 'rejected', { reason: 'team.refused' }],
    [802, 'rejected', { reason: 'team.forbidden' }],
    [803, 'rejected', { reason: 'team.unknown' }],
    [804, 'rejected', { reason: 'team.not_a_member' }],
    [811, 'rejected', { reason: 'force_list.too_long' }],
    [815, 'rejected', { reason: 'team.refused' }],
    [816, 'rejected', { reason: 'gateway.unknown_answer', vendorCode: '816' }],
    [998, 'rejected', { reason: 'request.unreadable' }],
    [999, 'rejected', { reason: 'request.unreadable' }],
    [7101, 'rejected', { reason: 'sender.blocked' }],
  ])('with code %d is %s', (code, kind, rest) => {
    expect(meaning(200, JSON.stringify({ code, desc: 'words' }), 'user1')).toMatchObject({ kind, ...rest });
  });

  it.each<[status: number, kind: OutcomeKind]>([
    [404, 'misconfigured'],
    [302, 'misconfigured'],
    [429, 'throttled'],
    [500, 'unknown'],
    [502, 'transient'],
    [503, 'transient'],
    [504, 'unknown'],
  ])('with HTTP status %d is %s', (status, kind) => {
    expect(meaning(status, '<html>{"code":200}</html>', 'user1')).toMatchObject({ kind, vendorCode: `HTTP ${status}` });
  });

  it.each(['', '[]', '{}', '{"code":null}', '{"code":"x"}', '"200"', '{"code":200'])(
    'that says %p is unknown',
    (body) => {
      expect(meaning(200, body, 'user1')).toMatchObject({ kind: 'unknown' });
    },
  );

  it('keeps the digits of every id', () => {
    const batch = '{"code":200,"unregister":[],"msgids":{"user1":9007199254740993,"user2":9007199254740995}}';
    expect(meaning(200, batch, 'user2')).toEqual({ kind: 'accepted', vendorMessageId: '9007199254740995' });
    const everyone = '{"code":200,"msg":"success","data":{"push_id":9223372036854775807}}';
    expect(meaning(200, everyone, '')).toEqual({ kind: 'accepted', vendorMessageId: '9223372036854775807' });
    const broadcast = readAnswer({ status: 200, body: '{"code":200,"msg":{"broadcastId":9007199254740993}}' }, []);
    expect(broadcast).toMatchObject({ ok: true, result: { broadcastId: '9007199254740993' } });
  });

  it('knows accounts that are numbers', () => {
    const batch = '{"code":200,"unregister":"[10086,\\"10010\\"]"}';
    const kinds = ['10086', '10010', '1'].map((accid) => meaning(200, batch, accid).kind);
    expect(kinds).toEqual(['rejected', 'rejected', 'accepted']);
  });

  it('never repeats the secret, and is cut', () => {
    const desc = `${SECRET} ${'x'.repeat(500)}`;
    const outcome = meaning(200, JSON.stringify({ code: 403, desc }), 'user1') as { detail: string };
    expect(outcome.detail).toMatch(/^\[redacted\] x+…$/);
    expect(outcome.detail).toHaveLength(200);
  });
});

function meaning(status: number, body: string, accid: string): SendOutcome {
  const reply = readAnswer({ status, body }, [SECRET]);
  return reply.ok ? outcomeFor(accid, reply.result) : reply.outcome;
}
