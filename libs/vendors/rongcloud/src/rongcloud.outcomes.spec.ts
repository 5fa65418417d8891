import type { HttpResult, SendOutcome } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { loadFixture } from '../testing/builders.js';
import { type CallKind, outcomeOf } from './rongcloud.outcomes.js';

type ExpectedClass = 'auth' | 'quota' | 'permanent' | 'config' | 'transient-ambiguous';

interface ResponseCase {
  readonly id: string;
  readonly http: number;
  readonly contentType?: string;
  readonly bodyRaw: string;
  readonly expect: { readonly outcome: string; readonly class?: ExpectedClass; readonly vendorPushId?: string };
}

const now = new Date('2026-01-05T01:00:00Z');
const { cases } = loadFixture<{ cases: ResponseCase[] }>('responses.json');

function judge(kind: CallKind, status: number, body: string, headers: Record<string, string> = {}): SendOutcome {
  const answer: HttpResult = { status, headers: new Headers(headers), body };
  return outcomeOf(answer, { kind, now, secrets: ['Y1W2MeFwwwRxa0'] });
}

const said = (kind: CallKind, code: number, status: number) =>
  judge(kind, status, JSON.stringify({ code, errorMessage: 'words' }));

/** What the classes of the file are for a push and for tags. */
const CLASSES: Readonly<Record<ExpectedClass, Readonly<Record<CallKind, object>>>> = {
  auth: same({ kind: 'misconfigured', field: 'appSecret' }),
  config: same({ kind: 'misconfigured' }),
  permanent: same({ kind: 'rejected' }),
  quota: { push: { kind: 'quotaExhausted' }, tags: { kind: 'throttled', scope: 'channel' } },
  'transient-ambiguous': { push: { kind: 'unknown' }, tags: { kind: 'transient' } },
};

function same(outcome: object): Record<CallKind, object> {
  return { push: outcome, tags: outcome };
}

describe('answers of RongCloud', () => {
  it('has all of the cases', () => expect(cases).toHaveLength(13));

  describe.each(['push', 'tags'] as const)('to a call for %s', (kind) => {
    it.each(cases.map((each) => [each.id, each] as const))(
      '%s',
      (id, { http, contentType, bodyRaw, expect: wanted }) => {
        const outcome = judge(kind, http, bodyRaw, contentType ? { 'content-type': contentType } : {});
        const pushId = wanted.vendorPushId && { vendorMessageId: wanted.vendorPushId };
        expect(outcome).toMatchObject(wanted.class ? CLASSES[wanted.class][kind] : { kind: 'accepted', ...pushId });
        executed('rongcloud/responses.json', id);
      },
    );
  });

  it.each<readonly [code: number, status: number, push: object]>([
    [400, 400, { kind: 'rejected', reason: 'target.unknown' }],
    [404, 404, { kind: 'rejected', reason: 'gateway.no_such_api' }],
    [1000, 400, { kind: 'unknown', reason: 'gateway.error' }],
    [1001, 401, { kind: 'misconfigured', field: 'appSecret' }],
    [1002, 400, { kind: 'rejected', reason: 'payload.invalid', vendorCode: '1002', detail: 'words' }],
    [1003, 400, { kind: 'rejected' }],
    [1005, 400, { kind: 'rejected' }],
    [1006, 403, { kind: 'misconfigured', reason: 'account.locked' }],
    [1007, 403, { kind: 'misconfigured', reason: 'account.restricted' }],
    [1010, 403, { kind: 'misconfigured' }],
    [1011, 403, { kind: 'misconfigured' }],
    [1015, 400, { kind: 'rejected' }],
    [1016, 400, { kind: 'rejected' }],
    [1018, 400, { kind: 'rejected' }],
    [1019, 400, { kind: 'rejected' }],
    [1050, 504, { kind: 'unknown' }],
    [1501, 400, { kind: 'rejected' }],
    [1502, 400, { kind: 'rejected' }],
    [1508, 413, { kind: 'rejected', reason: 'payload.too_large' }],
    [2007, 403, { kind: 'rejected', reason: 'account.user_limit' }],
    [200, 500, { kind: 'unknown' }],
    [9999, 400, { kind: 'rejected' }],
    [9999, 200, { kind: 'unknown', vendorCode: '9999' }],
  ])('code %d with HTTP %d', (code, status, outcome) => {
    expect(said('push', code, status)).toMatchObject(outcome);
  });

  it.each<readonly [status: number, push: object]>([
    [302, { kind: 'misconfigured', field: 'baseUrls' }],
    [401, { kind: 'misconfigured', field: 'appSecret' }],
    [403, { kind: 'misconfigured', reason: 'account.restricted' }],
    [404, { kind: 'misconfigured', field: 'baseUrls', vendorCode: 'HTTP 404' }],
    [405, { kind: 'misconfigured', field: 'baseUrls' }],
    [408, { kind: 'unknown' }],
    [413, { kind: 'rejected', reason: 'payload.too_large' }],
    [429, { kind: 'quotaExhausted' }],
    [430, { kind: 'misconfigured', reason: 'account.feature_disabled' }],
    [502, { kind: 'unknown', vendorCode: 'HTTP 502' }],
  ])('HTTP %d without a code', (status, outcome) => {
    expect(judge('push', status, 'nothing to read')).toMatchObject(outcome);
  });

  it('say when to come back only where RongCloud does', () => {
    expect(judge('push', 429, '{"code":1008}')).not.toHaveProperty('resetsAt');
    expect(judge('push', 429, '{"code":1008}', { 'retry-after': '60' })).toMatchObject({
      resetsAt: new Date('2026-01-05T01:01:00Z'),
    });
    expect(judge('tags', 429, '{"code":1008}', { 'retry-after': '2' })).toMatchObject({ retryAfterMs: 2000 });
  });

  it('keep ids that no number can hold', () => {
    expect(judge('push', 200, '{"code":200,"id":90071992547409931}')).toEqual({
      kind: 'accepted',
      vendorMessageId: '90071992547409931',
    });
  });

  it('do not repeat the secret, and are cut', () => {
    const outcome = judge('push', 400, `{"code":1002,"errorMessage":"${'x'.repeat(190)} Y1W2MeFwwwRxa0 wrong"}`);
    expect(outcome).toMatchObject({ detail: expect.stringMatching(/^x{190} \[redact.*…$/) as string });
  });

  it.each(['', '[]', '{}', '{"code":{}}', '<xml><code/></xml>', '<xml><code>200', '\0'])('mean nothing: %j', (body) => {
    expect(judge('push', 200, body)).toMatchObject({ kind: 'unknown', vendorCode: 'HTTP 200' });
  });
});
