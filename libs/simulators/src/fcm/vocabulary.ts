/**
 * The words that choose an outcome. One vocabulary serves tokens and scripts:
 *
 * - a registration token or installation id `<word><number?>-<anything>` is answered with that word's reply, so that a
 *   test needs no side channel: `unregistered-7Q…`, `unavailable90-7Q…`, `fail2-7Q…` (`fcmToken()` makes them).
 *   Every other token is accepted;
 * - a step of a script names the same word: `script('*', ['quota5', 'fin'])`.
 *
 * | word | reply | number |
 * | --- | --- | --- |
 * | `accepted` | 200 | |
 * | `slow` | 200 after the number of milliseconds | default 100 |
 * | `unregistered` | 404 UNREGISTERED | |
 * | `notfound` | 404 NOT_FOUND without an FcmError | |
 * | `badtoken` | 400 INVALID_ARGUMENT about the registration token | |
 * | `badfield` | 400 INVALID_ARGUMENT with a field violation | |
 * | `toobig` | 400 INVALID_ARGUMENT, message too big | |
 * | `sender` | 403 SENDER_ID_MISMATCH | |
 * | `forbidden` | 403 PERMISSION_DENIED without an FcmError | |
 * | `apnskey` | 401 THIRD_PARTY_AUTH_ERROR | |
 * | `unauthenticated` | 401 UNAUTHENTICATED without an FcmError | |
 * | `quota`, `quotadate` | 429 QUOTA_EXCEEDED | Retry-After, seconds or as HTTP date; none: no header |
 * | `devicequota` | 429 QUOTA_EXCEEDED that names the device | Retry-After |
 * | `unavailable`, `unavailabledate` | 503 UNAVAILABLE | Retry-After |
 * | `empty` | 503 without a body | |
 * | `internal` | 500 INTERNAL | |
 * | `unimplemented` | 501 UNIMPLEMENTED | |
 * | `html` | 502 with a web page | |
 * | `leaky` | 400 whose text repeats the token and the bearer | |
 * | `fail` | 503 the first N times for this token, then accepted | default 1 |
 * | `silent` | nothing, ever | |
 * | `fin`, `rst` | the connection ends: orderly, or by a reset | |
 * | `cancel`, `refused`, `reset` | RST_STREAM CANCEL, REFUSED_STREAM, INTERNAL_ERROR | |
 * | `goaway` | GOAWAY NO_ERROR with this stream above lastStreamId; older streams are served | |
 * | `drain` | GOAWAY NO_ERROR with this stream as lastStreamId, which is served | |
 * | `calm` | GOAWAY ENHANCE_YOUR_CALM "exceeded_max_concurrent_streams", this stream above lastStreamId | |
 */
export type Reply = Answer | Fault;

export interface Answer {
  readonly status: number;
  /** FCM's error code or Google's status, for the records. */
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** Milliseconds before it is sent, added to the latency. */
  readonly delayMs?: number;
}

export interface Fault {
  readonly fault: FaultKind;
}

export type FaultKind = 'silent' | 'fin' | 'rst' | 'cancel' | 'refused' | 'reset' | 'goaway' | 'drain' | 'calm';

/** What a reply may depend on. */
export interface ReplyContext {
  readonly number: number | undefined;
  readonly project: string;
  readonly token: string;
  readonly bearer: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

type Entry = (context: ReplyContext) => Reply;

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';

/** A Google API error; `errorCode` adds the FcmError detail. */
export function googleError(status: number, name: string, message: string, errorCode?: string): Answer {
  const details = errorCode ? [{ '@type': FCM_ERROR, errorCode }] : undefined;
  return { ...json(status, { error: { code: status, message, status: name, details } }), code: errorCode ?? name };
}

/** 400 with the path of the offending field. */
export function fieldViolation(field: string, description: string): Answer {
  const details = [{ '@type': BAD_REQUEST, fieldViolations: [{ field, description }] }];
  const error = { code: 400, message: description, status: 'INVALID_ARGUMENT', details };
  return { ...json(400, { error }), code: error.status };
}

export const invalidToken = (): Answer =>
  googleError(
    400,
    'INVALID_ARGUMENT',
    'The registration token is not a valid FCM registration token',
    'INVALID_ARGUMENT',
  );

export const tooBig = (): Answer =>
  googleError(400, 'INVALID_ARGUMENT', 'Android message is too big', 'INVALID_ARGUMENT');

export const unauthenticated = (): Answer =>
  googleError(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');

export const permissionDenied = (): Answer =>
  googleError(403, 'PERMISSION_DENIED', "Permission 'cloudmessaging.messages.create' denied on the resource.");

export function json(status: number, body: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json; charset=UTF-8' }, body: JSON.stringify(body) };
}

function quotaExceeded(about: string): Answer {
  return googleError(429, 'RESOURCE_EXHAUSTED', `${about} exceeded.`, 'QUOTA_EXCEEDED');
}

export const projectQuota = (): Answer => quotaExceeded("Quota 'Messages per minute' of the project");
const unavailable = (): Answer => googleError(503, 'UNAVAILABLE', 'The service is unavailable.', 'UNAVAILABLE');

/** Retry-After in seconds. */
function after(answer: Answer, { number }: ReplyContext): Answer {
  return number === undefined ? answer : { ...answer, headers: { ...answer.headers, 'retry-after': String(number) } };
}

/** Retry-After as an HTTP date. */
function until(answer: Answer, { number = 30, now }: ReplyContext): Answer {
  const at = new Date(now + number * 1000).toUTCString();
  return { ...answer, headers: { ...answer.headers, 'retry-after': at } };
}

let sequence = 0;

function accepted({ project }: ReplyContext): Answer {
  return json(200, { name: `projects/${project}/messages/0:${String(++sequence).padStart(16, '0')}%sim` });
}

const VOCABULARY: Readonly<Record<string, Entry>> = {
  accepted,
  slow: (context) => ({ ...accepted(context), delayMs: context.number ?? 100 }),
  unregistered: () => googleError(404, 'NOT_FOUND', 'Requested entity was not found.', 'UNREGISTERED'),
  notfound: () => googleError(404, 'NOT_FOUND', 'Requested entity was not found.'),
  badtoken: invalidToken,
  badfield: () => fieldViolation('message.android.ttl', 'Invalid value at message.android.ttl'),
  toobig: tooBig,
  sender: () => googleError(403, 'PERMISSION_DENIED', 'SenderId mismatch', 'SENDER_ID_MISMATCH'),
  forbidden: permissionDenied,
  apnskey: () =>
    googleError(401, 'UNAUTHENTICATED', 'Auth error from APNS or Web Push Service', 'THIRD_PARTY_AUTH_ERROR'),
  unauthenticated,
  quota: (context) => after(projectQuota(), context),
  quotadate: (context) => until(projectQuota(), context),
  devicequota: (context) => after(quotaExceeded('Message rate of the device'), context),
  unavailable: (context) => after(unavailable(), context),
  unavailabledate: (context) => until(unavailable(), context),
  empty: () => ({ status: 503, body: '' }),
  internal: () => googleError(500, 'INTERNAL', 'Internal error encountered.', 'INTERNAL'),
  unimplemented: () => googleError(501, 'UNIMPLEMENTED', 'Not implemented.'),
  html: () => ({
    status: 502,
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><title>502</title><h1>Bad gateway</h1>',
  }),
  leaky: ({ token, bearer }) =>
    googleError(400, 'INVALID_ARGUMENT', `Cannot send to ${token} as ${bearer}`, 'INVALID_ARGUMENT'),
  fail: unavailable,
  silent: () => ({ fault: 'silent' }),
  fin: () => ({ fault: 'fin' }),
  rst: () => ({ fault: 'rst' }),
  cancel: () => ({ fault: 'cancel' }),
  refused: () => ({ fault: 'refused' }),
  reset: () => ({ fault: 'reset' }),
  goaway: () => ({ fault: 'goaway' }),
  drain: () => ({ fault: 'drain' }),
  calm: () => ({ fault: 'calm' }),
};

/** A registration token (142 characters) that is answered with `step`, a word with its number. */
export function fcmToken(step = 'accepted', number = 0): string {
  return `${step}-${String(number).padStart(8, '0')}:APA91b`.padEnd(142, 'xYz0123456789_');
}

/** An installation id (22 characters) that is answered with `step`. */
export function fcmInstallationId(step = 'accepted', number = 0): string {
  return `${step}-${String(number).padStart(21 - step.length, '0')}`;
}

/** A word of the vocabulary and its number. */
export interface Word {
  readonly word: string;
  readonly number: number | undefined;
}

const SPELLING = /^([a-z]+)(\d*)$/;
const LONGEST = 24;

const isWord = (word: string): boolean => Object.hasOwn(VOCABULARY, word);

/** `quota5` → word and number; undefined for what is not in the vocabulary. */
export function readWord(spelling: string, known: (word: string) => boolean = isWord): Word | undefined {
  const [, word = '', digits] = SPELLING.exec(spelling) ?? [];
  return known(word) ? { word, number: digits ? Number(digits) : undefined } : undefined;
}

/** The word that a token begins with, if it does. */
export function wordOfToken(token: string): Word | undefined {
  const end = token.indexOf('-');
  return end > 2 && end <= LONGEST ? readWord(token.slice(0, end)) : undefined;
}

export function replyOf(word: string, context: ReplyContext): Reply {
  return (VOCABULARY[word] ?? accepted)(context);
}
