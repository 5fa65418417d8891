import type { SendOutcome } from '@bellhop/contracts';
import { type FcmAnswer, outcomeOf, outcomeOfAbort, outcomeOfSilence, settleDoubts } from './fcm.outcomes.js';

const SENT_AT = new Date('2026-11-20T08:00:00Z');
const TOKEN = 'dGVzdA:APA91b-secret-token';
const BEARER = 'ya29.secret-bearer';

/** An error body as FCM writes it. */
function failure(status: string, message: string, errorCode?: string, fields: readonly string[] = []): object {
  const fcm = { '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode };
  const violations = {
    '@type': 'type.googleapis.com/google.rpc.BadRequest',
    fieldViolations: fields.map((field) => ({ field, description: 'Invalid value' })),
  };
  return {
    error: { status, message, details: [...(errorCode ? [fcm] : []), ...(fields.length > 0 ? [violations] : [])] },
  };
}

const classify = (answer: FcmAnswer): SendOutcome => outcomeOf(answer, { sentAt: SENT_AT, secrets: [TOKEN, BEARER] });

const NOT_A_TOKEN = 'The registration token is not a valid FCM registration token';

/** Every row of the error table, and what lies between the rows. */
const TABLE: readonly (readonly [title: string, answer: FcmAnswer, outcome: object])[] = [
  [
    '200',
    { status: 200, body: { name: 'projects/p/messages/1' } },
    { kind: 'accepted', vendorMessageId: 'projects/p/messages/1' },
  ],
  ['200 with a page', { status: 200, body: '<html>' }, { kind: 'unknown', reason: 'gateway.unreadable_answer' }],
  ['200 without a name', { status: 200, body: {} }, { kind: 'unknown', reason: 'gateway.unreadable_answer' }],
  [
    '404 UNREGISTERED',
    { status: 404, body: failure('NOT_FOUND', 'Requested entity was not found.', 'UNREGISTERED') },
    { kind: 'invalidTarget', reason: 'token.unregistered', since: SENT_AT, vendorCode: 'UNREGISTERED' },
  ],
  [
    '404 of Google, not of FCM',
    { status: 404, body: failure('NOT_FOUND', 'Requested entity was not found.') },
    { kind: 'rejected', reason: 'gateway.unknown_answer', vendorCode: 'NOT_FOUND' },
  ],
  ['404 page', { status: 404, body: '<title>404</title>' }, { kind: 'rejected', vendorCode: 'HTTP 404' }],
  [
    '400 about the token',
    { status: 400, body: failure('INVALID_ARGUMENT', NOT_A_TOKEN, 'INVALID_ARGUMENT') },
    { kind: 'rejected', reason: 'token.malformed' },
  ],
  [
    '400 about the field of the token',
    { status: 400, body: failure('INVALID_ARGUMENT', 'Invalid', 'INVALID_ARGUMENT', ['message.token']) },
    { kind: 'rejected', reason: 'token.malformed', detail: 'message.token: Invalid' },
  ],
  [
    '400 about the token, said by Google’s front',
    { status: 400, body: failure('INVALID_ARGUMENT', NOT_A_TOKEN) },
    { kind: 'rejected', reason: 'payload.invalid' },
  ],
  [
    '400 about another field',
    { status: 400, body: failure('INVALID_ARGUMENT', 'Invalid ttl', 'INVALID_ARGUMENT', ['message.android.ttl']) },
    { kind: 'rejected', reason: 'payload.invalid', detail: 'message.android.ttl: Invalid ttl' },
  ],
  [
    '400 too big',
    { status: 400, body: failure('INVALID_ARGUMENT', 'Android message is too big', 'INVALID_ARGUMENT') },
    { kind: 'rejected', reason: 'payload.too_large' },
  ],
  [
    '400 without a body',
    { status: 400, body: '' },
    { kind: 'rejected', reason: 'payload.invalid', vendorCode: 'HTTP 400' },
  ],
  [
    '403 SENDER_ID_MISMATCH',
    { status: 403, body: failure('PERMISSION_DENIED', 'SenderId mismatch', 'SENDER_ID_MISMATCH') },
    { kind: 'wrongBinding', reason: 'token.other_project', vendorCode: 'SENDER_ID_MISMATCH' },
  ],
  [
    '403 without FcmError',
    { status: 403, body: failure('PERMISSION_DENIED', 'Permission denied') },
    {
      kind: 'misconfigured',
      reason: 'credentials.forbidden',
      field: 'serviceAccount',
      vendorCode: 'PERMISSION_DENIED',
    },
  ],
  [
    '401 THIRD_PARTY_AUTH_ERROR',
    { status: 401, body: failure('UNAUTHENTICATED', 'Auth error from APNS', 'THIRD_PARTY_AUTH_ERROR') },
    { kind: 'misconfigured', reason: 'credentials.apns', scope: 'target', vendorCode: 'THIRD_PARTY_AUTH_ERROR' },
  ],
  [
    '401 without FcmError',
    { status: 401, body: failure('UNAUTHENTICATED', 'Invalid credentials') },
    { kind: 'misconfigured', reason: 'credentials.unauthenticated', field: 'serviceAccount' },
  ],
  [
    '429 without Retry-After',
    { status: 429, body: failure('RESOURCE_EXHAUSTED', 'Quota exceeded', 'QUOTA_EXCEEDED') },
    {
      kind: 'throttled',
      reason: 'quota.exceeded',
      scope: 'channel',
      retryAfterMs: 60_000,
      vendorCode: 'QUOTA_EXCEEDED',
    },
  ],
  [
    '429 with seconds',
    { status: 429, retryAfter: '7', body: failure('RESOURCE_EXHAUSTED', 'Quota exceeded', 'QUOTA_EXCEEDED') },
    { kind: 'throttled', scope: 'channel', retryAfterMs: 7000 },
  ],
  [
    '429 with a date',
    { status: 429, retryAfter: 'Fri, 20 Nov 2026 08:01:30 GMT', body: failure('RESOURCE_EXHAUSTED', 'Quota exceeded') },
    { kind: 'throttled', scope: 'channel', retryAfterMs: 90_000 },
  ],
  [
    '429 of the device',
    { status: 429, body: failure('RESOURCE_EXHAUSTED', 'Device message rate exceeded', 'QUOTA_EXCEEDED') },
    { kind: 'throttled', scope: 'target' },
  ],
  [
    '503 with Retry-After',
    { status: 503, retryAfter: '90', body: failure('UNAVAILABLE', 'Unavailable', 'UNAVAILABLE') },
    { kind: 'transient', reason: 'gateway.unavailable', retryAfterMs: 90_000 },
  ],
  [
    '503 without a body',
    { status: 503, body: '' },
    { kind: 'transient', reason: 'gateway.unavailable', vendorCode: 'HTTP 503' },
  ],
  [
    '500',
    { status: 500, body: failure('INTERNAL', 'Internal', 'INTERNAL') },
    { kind: 'transient', reason: 'gateway.error' },
  ],
  ['501', { status: 501, body: failure('UNIMPLEMENTED', 'No') }, { kind: 'transient', reason: 'gateway.error' }],
  ['502 with a page', { status: 502, body: '<h1>Bad gateway</h1>' }, { kind: 'transient', detail: 'Bad gateway' }],
  ['302', { status: 302, body: '' }, { kind: 'rejected', reason: 'gateway.unknown_answer', vendorCode: 'HTTP 302' }],
  ['409', { status: 409, body: failure('ABORTED', 'No') }, { kind: 'rejected', vendorCode: 'ABORTED' }],
];

describe('classification of FCM answers', () => {
  it.each(TABLE)('%s', (_title, answer, outcome) => {
    expect(classify(answer)).toMatchObject(outcome);
  });

  it('gives Retry-After only where FCM did', () => {
    expect(classify({ status: 503, body: '' })).not.toHaveProperty('retryAfterMs');
  });

  it('repeats no token, no bearer and no novel', () => {
    const body = failure('INVALID_ARGUMENT', `${TOKEN} ${BEARER} ${'x'.repeat(500)}`, 'INVALID_ARGUMENT', [TOKEN]);
    const { detail } = classify({ status: 400, body }) as { detail: string };
    expect(detail).toHaveLength(200);
    expect(detail).not.toMatch(/secret/);
  });

  it.each([
    null,
    [],
    'text',
    7,
    { error: 'text' },
    { error: { details: 'text', message: 7 } },
    { error: { details: [null] } },
  ])('copes with the body %j', (body) => {
    expect(classify({ status: 400, body })).toMatchObject({ kind: 'rejected', reason: 'payload.invalid' });
  });

  it('ignores codes that are none', () => {
    const body = failure('nonsense', 'No', TOKEN);
    expect(classify({ status: 400, body })).toMatchObject({ vendorCode: 'HTTP 400' });
  });
});

describe('requests without an answer', () => {
  it('are transient only when they surely never arrived', () => {
    expect(outcomeOfSilence({ sent: false, code: 'ECONNREFUSED' })).toEqual({
      kind: 'transient',
      reason: 'network.unreachable',
      vendorCode: 'ECONNREFUSED',
    });
    expect(outcomeOfSilence({ sent: true })).toEqual({ kind: 'unknown', reason: 'network.no_answer' });
  });

  it('tell a deadline from a call that was aborted', () => {
    const late = new DOMException('deadline', 'TimeoutError');
    expect(outcomeOfAbort(late, true)).toEqual({ kind: 'unknown', reason: 'network.timeout' });
    expect(outcomeOfAbort(late, false)).toEqual({ kind: 'transient', reason: 'network.timeout' });
    expect(outcomeOfAbort(AbortSignal.abort().reason, true)).toEqual({ kind: 'unknown', reason: 'send.aborted' });
    expect(outcomeOfAbort('whatever', false)).toEqual({ kind: 'transient', reason: 'send.aborted' });
  });
});

describe('tokens that FCM finds malformed', () => {
  const doubtful = classify({ status: 400, body: failure('INVALID_ARGUMENT', NOT_A_TOKEN, 'INVALID_ARGUMENT') });
  const accepted: SendOutcome = { kind: 'accepted' };
  const [one, other] = [{}, {}];

  it('are dead when the same payload was taken', () => {
    const settled = settleDoubts([accepted, doubtful], [one, one], SENT_AT);
    expect(settled).toEqual([accepted, { ...doubtful, kind: 'invalidTarget', since: SENT_AT }]);
  });

  it('stay in doubt when only another payload was taken, or none', () => {
    expect(settleDoubts([accepted, doubtful], [other, one], SENT_AT)).toEqual([accepted, doubtful]);
    expect(settleDoubts([doubtful, doubtful], [one, one], SENT_AT)).toEqual([doubtful, doubtful]);
  });
});
