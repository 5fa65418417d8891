import type { OutcomeKind, SendOutcome } from '@bellhop/contracts';
import { APNS_REASONS, type ApnsReason, apnsToken } from '@bellhop/simulators';
import { DOCUMENTED_REASONS, outcomeOf, type ApnsAnswer } from './apns.outcomes.js';

type Row = readonly [vendorCode: string, kind: OutcomeKind, reason: string, field?: string];

const ROWS: readonly Row[] = [
  ['Unregistered', 'invalidTarget', 'token.unregistered'],
  ['ExpiredToken', 'invalidTarget', 'token.expired'],
  ['BadDeviceToken', 'wrongBinding', 'token.not_recognised'],
  ['DeviceTokenNotForTopic', 'wrongBinding', 'token.other_topic'],
  ['TopicDisallowed', 'misconfigured', 'topic.not_allowed', 'bundleId'],
  ['BadTopic', 'misconfigured', 'topic.malformed', 'bundleId'],
  ['MissingTopic', 'misconfigured', 'topic.missing', 'bundleId'],
  ['MissingDeviceToken', 'rejected', 'payload.device_missing'],
  ['PayloadEmpty', 'rejected', 'payload.empty'],
  ['PayloadTooLarge', 'rejected', 'payload.too_large'],
  ['BadCollapseId', 'rejected', 'payload.collapse_id'],
  ['BadExpirationDate', 'rejected', 'payload.expiration'],
  ['BadMessageId', 'rejected', 'payload.message_id'],
  ['BadPriority', 'rejected', 'payload.priority'],
  ['InvalidPushType', 'rejected', 'payload.push_type'],
  ['DuplicateHeaders', 'rejected', 'payload.duplicate_headers'],
  ['BadPath', 'rejected', 'payload.path'],
  ['MethodNotAllowed', 'rejected', 'payload.method'],
  ['ExpiredProviderToken', 'misconfigured', 'credentials.expired'],
  ['InvalidProviderToken', 'misconfigured', 'credentials.invalid', 'p8'],
  ['MissingProviderToken', 'misconfigured', 'credentials.missing', 'p8'],
  ['BadCertificate', 'misconfigured', 'credentials.certificate'],
  ['BadCertificateEnvironment', 'misconfigured', 'credentials.certificate_environment'],
  ['Forbidden', 'misconfigured', 'credentials.forbidden', 'p8'],
  ['UnrelatedKeyIdInToken', 'misconfigured', 'credentials.unrelated_key', 'keyId'],
  ['BadEnvironmentKeyIdInToken', 'misconfigured', 'credentials.other_environment', 'keyId'],
  ['BadEnvironmentKeyInToken', 'misconfigured', 'credentials.other_environment', 'keyId'],
  ['TooManyProviderTokenUpdates', 'throttled', 'credentials.updated_too_often'],
  ['TooManyRequests', 'throttled', 'target.too_many_requests'],
  ['IdleTimeout', 'transient', 'gateway.idle_timeout'],
  ['InternalServerError', 'transient', 'gateway.internal_error'],
  ['ServiceUnavailable', 'transient', 'gateway.unavailable'],
  ['Shutdown', 'transient', 'gateway.shutting_down'],
];

const failed = (message: string, status?: number): ApnsAnswer => ({ status, error: new Error(message) });

describe('documented reasons', () => {
  it.each(ROWS.map(([vendorCode, kind, reason, field]) => ({ vendorCode, kind, reason, field })))(
    '$vendorCode is $kind',
    ({ field, ...row }) => {
      const status = APNS_REASONS[row.vendorCode as ApnsReason];
      const outcome = outcomeOf({ status, response: { reason: row.vendorCode } });
      expect(outcome).toMatchObject(row);
      expect('field' in outcome ? outcome.field : undefined).toBe(field);
    },
  );

  it('are all in the table', () => {
    const rows = ROWS.map(([reason]) => reason).sort();
    expect([...DOCUMENTED_REASONS].sort()).toEqual(rows);
    expect(Object.keys(APNS_REASONS).sort()).toEqual(rows);
  });

  it.each<[string, unknown, Date | undefined]>([
    ['a number', 1_790_000_000_000, new Date(1_790_000_000_000)],
    ['digits', '1790000000000', new Date(1_790_000_000_000)],
    ['nothing', undefined, undefined],
    ['zero', 0, undefined],
    ['words', 'yesterday', undefined],
    ['too much', 1e300, undefined],
  ])('date a dead token from %s', (_name, timestamp, since) => {
    const outcome = outcomeOf({ status: 410, response: { reason: 'Unregistered', timestamp } });
    expect('since' in outcome ? outcome.since : undefined).toEqual(since);
  });

  it('throttle the device or the channel', () => {
    const scope = (reason: string) => outcomeOf({ status: 429, response: { reason } });
    expect(scope('TooManyRequests')).toMatchObject({ scope: 'target' });
    expect(scope('TooManyProviderTokenUpdates')).toMatchObject({ scope: 'channel', retryAfterMs: 1_200_000 });
  });
});

describe('results of the library', () => {
  it('means accepted by a result without status and error', () => {
    expect(outcomeOf({ 'apns-id': 'id-1' })).toEqual({ kind: 'accepted', vendorMessageId: 'id-1' });
  });

  it.each<[string, ApnsAnswer, Partial<SendOutcome>]>([
    [
      'expired JWT without response',
      failed('ExpiredProviderToken', 403),
      { kind: 'misconfigured', reason: 'credentials.expired' },
    ],
    [
      '500 without response',
      failed('Error 500, stream ended unexpectedly', 500),
      { kind: 'transient', reason: 'gateway.internal_error', vendorCode: 'InternalServerError' },
    ],
    [
      'a lost 503',
      failed('stream ended unexpectedly with status 503 and empty body'),
      { kind: 'transient', reason: 'gateway.error', vendorCode: '503' },
    ],
    [
      'a lost 400',
      failed('stream ended unexpectedly with status 400 and empty body'),
      { kind: 'rejected', reason: 'payload.unknown_reason', vendorCode: '400' },
    ],
    ['a lost 408', failed('stream ended unexpectedly with status 408 and empty body'), { kind: 'transient' }],
    [
      'no status at all',
      failed('stream ended unexpectedly with status null and empty body'),
      { kind: 'unknown', reason: 'network.no_answer' },
    ],
    [
      'a page of a proxy',
      failed('Unexpected error processing APNs response: Unexpected token <'),
      { kind: 'transient', reason: 'gateway.unreadable_answer' },
    ],
    ['timeout', failed('apn write timeout'), { kind: 'unknown', reason: 'network.timeout' }],
    ['abortion', failed('apn write aborted'), { kind: 'unknown', reason: 'network.no_answer' }],
    [
      'refusal',
      failed('apn write failed: The pending stream has been canceled (caused by: connect ECONNREFUSED 127.0.0.1:1)'),
      { kind: 'transient', reason: 'network.unreachable' },
    ],
    ['DNS', failed('apn write failed: getaddrinfo ENOTFOUND api.push.apple.com'), { kind: 'transient' }],
    ['TLS', failed('apn write failed: self-signed certificate in certificate chain'), { kind: 'transient' }],
    [
      'a disowned stream',
      failed('apn write failed: Stream closed with error code NGHTTP2_REFUSED_STREAM'),
      { kind: 'transient' },
    ],
    [
      'a reset stream',
      failed('apn write failed: Stream closed with error code NGHTTP2_INTERNAL_ERROR'),
      { kind: 'unknown' },
    ],
    [
      'a flood',
      failed('apn write failed: Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM'),
      { kind: 'unknown' },
    ],
    ['a dead session', failed('apn write failed: Session closed with error code 2'), { kind: 'unknown' }],
    ['a reset connection', failed('apn write failed: read ECONNRESET'), { kind: 'unknown' }],
    ['a closed client', failed('client is destroyed'), { kind: 'transient' }],
    ['an exception of Node', { code: 'ERR_HTTP2_INVALID_SESSION' }, { kind: 'transient', reason: 'network.not_sent' }],
    [
      'a reason of the future',
      { status: 400, response: { reason: 'BadHoroscope' } },
      { kind: 'rejected', reason: 'payload.unknown_reason', vendorCode: '400', detail: 'BadHoroscope' },
    ],
    [
      'a server error of the future',
      { status: 599, response: { reason: 'Tired' } },
      { kind: 'transient', detail: 'Tired' },
    ],
    ['JSON without reason', { status: 503, response: {} }, { kind: 'transient', reason: 'gateway.error' }],
    ['a reason that is no text', { status: 400, response: { reason: 7 } }, { kind: 'rejected' }],
  ])('reads %s', (_name, answer, expected) => {
    expect(outcomeOf(answer)).toMatchObject(expected);
  });

  it('never quotes tokens, and stays short', () => {
    const words = `apn write failed for ${apnsToken('ok')} with bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln ${'x'.repeat(300)}`;
    const { detail = '' } = outcomeOf(failed(words)) as { detail?: string };
    expect(detail).toBe(clipped('apn write failed for [redacted] with bearer [redacted] '));
    expect(detail).toHaveLength(200);
  });
});

function clipped(head: string): string {
  return `${head}${'x'.repeat(199 - head.length)}…`;
}
