import { clipDetail, REDACTED, type SendOutcome } from '@bellhop/contracts';

/** What the library hands back for one device, success or not. Source: lib/client.js and lib/provider.js of 8.1.0. */
export interface ApnsAnswer {
  readonly 'apns-id'?: string;
  /** HTTP status; absent when the library lost it. */
  readonly status?: number;
  readonly response?: { readonly reason?: unknown; readonly timestamp?: unknown };
  readonly error?: Error;
  /** Of an exception that the library spread into the result: the request was never made. */
  readonly code?: string;
}

type Failed = Exclude<SendOutcome, { kind: 'accepted' }>;

const TWENTY_MINUTES_MS = 20 * 60_000;

const payload = (reason: string): Failed => ({ kind: 'rejected', reason: `payload.${reason}` });
const credentials = (reason: string, field?: string): Failed => ({
  kind: 'misconfigured',
  reason: `credentials.${reason}`,
  ...(field && { field }),
});
const topic = (reason: string): Failed => ({
  kind: 'misconfigured',
  reason: `topic.${reason}`,
  field: 'bundleId',
});
const gateway = (reason: string): Failed => ({ kind: 'transient', reason: `gateway.${reason}` });

/**
 * Every documented reason. Source: "Handling notification responses from APNs", developer.apple.com;
 * `BadEnvironmentKeyInToken` and `BadEnvironmentKeyIdInToken` are two spellings of one answer.
 */
const REASONS: ReadonlyMap<string, Failed> = new Map<string, Failed>([
  ['Unregistered', { kind: 'invalidTarget', reason: 'token.unregistered' }],
  ['ExpiredToken', { kind: 'invalidTarget', reason: 'token.expired' }],
  ['BadDeviceToken', { kind: 'wrongBinding', reason: 'token.not_recognised' }],
  ['DeviceTokenNotForTopic', { kind: 'wrongBinding', reason: 'token.other_topic' }],
  ['TopicDisallowed', topic('not_allowed')],
  ['BadTopic', topic('malformed')],
  ['MissingTopic', topic('missing')],
  ['MissingDeviceToken', payload('device_missing')],
  ['PayloadEmpty', payload('empty')],
  ['PayloadTooLarge', payload('too_large')],
  ['BadCollapseId', payload('collapse_id')],
  ['BadExpirationDate', payload('expiration')],
  ['BadMessageId', payload('message_id')],
  ['BadPriority', payload('priority')],
  ['InvalidPushType', payload('push_type')],
  ['DuplicateHeaders', payload('duplicate_headers')],
  ['BadPath', payload('path')],
  ['MethodNotAllowed', payload('method')],
  ['ExpiredProviderToken', { ...credentials('expired'), detail: 'Is the clock of this server right?' }],
  ['InvalidProviderToken', credentials('invalid', 'p8')],
  ['MissingProviderToken', credentials('missing', 'p8')],
  ['BadCertificate', credentials('certificate')],
  ['BadCertificateEnvironment', credentials('certificate_environment')],
  ['Forbidden', credentials('forbidden', 'p8')],
  ['UnrelatedKeyIdInToken', credentials('unrelated_key', 'keyId')],
  ['BadEnvironmentKeyIdInToken', credentials('other_environment', 'keyId')],
  ['BadEnvironmentKeyInToken', credentials('other_environment', 'keyId')],
  // The current provider token stays good; signing again before the time is what Apple objects to.
  [
    'TooManyProviderTokenUpdates',
    { kind: 'throttled', reason: 'credentials.updated_too_often', scope: 'channel', retryAfterMs: TWENTY_MINUTES_MS },
  ],
  ['TooManyRequests', { kind: 'throttled', reason: 'target.too_many_requests', scope: 'target' }],
  ['IdleTimeout', gateway('idle_timeout')],
  ['InternalServerError', gateway('internal_error')],
  ['ServiceUnavailable', gateway('unavailable')],
  ['Shutdown', gateway('shutting_down')],
]);

/** The reasons of the table. */
export const DOCUMENTED_REASONS: readonly string[] = [...REASONS.keys()];

const TIMED_OUT = 'apn write timeout';
/** Answers whose reason the library moves into the words of an error. */
const REASON_OF_WORDS: ReadonlyMap<string, string> = new Map([
  ['ExpiredProviderToken', 'ExpiredProviderToken'],
  ['Error 500, stream ended unexpectedly', 'InternalServerError'],
]);
/** Words for "nothing of it was processed": no connection, no stream, or a stream that the server disowned. */
const NEVER_PROCESSED =
  /pending stream has been canceled|REFUSED_STREAM|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|certificate|client is destroyed|session is either closed or destroyed/i;
const LOST_STATUS = /with status (\d{3}) and empty body/;
const UNREADABLE = /^Unexpected error processing APNs response/;
/** Device tokens and provider tokens, should an error ever quote one. */
const CONFIDENTIAL = /\b[0-9a-f]{32,}\b|eyJ[\w.-]+/gi;

/** True for an answer that never came: the connection may be a black hole. */
export function isTimeout(answer: ApnsAnswer): boolean {
  return answer.error?.message === TIMED_OUT;
}

/** The provider token was too old; the library has signed a new one by the time this is read. */
export function isExpiredProviderToken(answer: ApnsAnswer): boolean {
  return reasonOf(answer) === 'ExpiredProviderToken';
}

/** What a request to APNs came to. */
export function outcomeOf(answer: ApnsAnswer): SendOutcome {
  const reason = reasonOf(answer);
  const known = REASONS.get(reason ?? '');
  if (known) return dated({ ...known, vendorCode: reason }, answer.response?.timestamp);
  if (answer.status !== undefined) return outcomeOfStatus(answer.status, reason);
  if (answer.error) return outcomeOfWords(answer.error.message);
  if (answer.code) return { kind: 'transient', reason: 'network.not_sent', vendorCode: answer.code };
  return { kind: 'accepted', ...(answer['apns-id'] && { vendorMessageId: answer['apns-id'] }) };
}

function reasonOf({ response, error }: ApnsAnswer): string | undefined {
  if (typeof response?.reason === 'string') return response.reason;
  return error && REASON_OF_WORDS.get(error.message);
}

/** Adds the moment since which a token is dead: milliseconds, a number on the wire although the library's type says string. */
function dated(outcome: Failed, timestamp: unknown): Failed {
  const ms = Number(timestamp);
  const plausible = ms > 0 && ms <= 8.64e15;
  return outcome.kind === 'invalidTarget' && plausible ? { ...outcome, since: new Date(ms) } : outcome;
}

/** An answer without a reason that we know. */
function outcomeOfStatus(status: number, reason?: string): SendOutcome {
  const words = { vendorCode: String(status), ...(reason && { detail: clean(reason) }) };
  const ours = status >= 500 || status === 408 ? gateway('error') : payload('unknown_reason');
  return { ...ours, ...words };
}

/** Results of which only the library's words are left. */
function outcomeOfWords(message: string): SendOutcome {
  const status = LOST_STATUS.exec(message)?.[1];
  if (status) return outcomeOfStatus(Number(status));
  // The words quote the page that some proxy sent; they say nothing about the message.
  if (UNREADABLE.test(message)) return gateway('unreadable_answer');
  const detail = clean(message);
  if (message === TIMED_OUT) return { kind: 'unknown', reason: 'network.timeout', detail };
  if (NEVER_PROCESSED.test(message)) return { kind: 'transient', reason: 'network.unreachable', detail };
  return { kind: 'unknown', reason: 'network.no_answer', detail };
}

function clean(words: string): string {
  return clipDetail(words.replace(CONFIDENTIAL, REDACTED));
}
