import { clipDetail, isRecord, plainText, retryAfterMs, scrub, type SendOutcome } from '@bellhop/contracts';

/** An HTTP answer of FCM, whichever transport brought it. */
export interface FcmAnswer {
  readonly status: number;
  /** Seconds or HTTP date. */
  readonly retryAfter?: string;
  /** Parsed JSON, or the text when it is none. */
  readonly body: unknown;
}

/** A request without a usable answer. */
export interface FcmSilence {
  /** False: surely not processed. */
  readonly sent: boolean;
  /** Error code of the network or the SDK. */
  readonly code?: string;
  readonly detail?: string;
}

export interface FcmCircumstances {
  readonly sentAt: Date;
  /** Token of the device and bearer: neither may stand in an outcome. */
  readonly secrets: readonly string[];
}

type Words = { readonly vendorCode: string; readonly detail?: string };

/** Our access token was refused; worth one attempt with a fresh one. */
export const UNAUTHENTICATED = 'credentials.unauthenticated';
/** FCM dislikes the token, or blames it for the message: {@link settleDoubts} decides. */
const DOUBTFUL_TOKEN = 'token.malformed';

const FCM_ERROR = 'type.googleapis.com/google.firebase.fcm.v1.FcmError';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';
const ERROR_CODE = /^[A-Z_]{1,64}$/;
/** What to wait after 429 without Retry-After. Source: "Throttling and quotas". */
const QUOTA_PAUSE_MS = 60_000;

/**
 * The class of an answer, by HTTP status and error body: FCM uses one code for what differs, and so does the SDK.
 * Source: "FCM error codes", firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode.
 */
export function outcomeOf(answer: FcmAnswer, circumstances: FcmCircumstances): SendOutcome {
  if (answer.status === 200) return outcomeOfSuccess(answer.body);
  const error = readError(answer.body);
  const words = wordsOf(answer, error, circumstances.secrets);
  switch (answer.status) {
    case 400:
      return outcomeOfBadRequest(error, words);
    case 401:
      return outcomeOfUnauthorized(error, words);
    case 403:
      return outcomeOfForbidden(error, words);
    case 404:
      return outcomeOfNotFound(error, words, circumstances.sentAt);
    case 429:
      return outcomeOfQuota(answer, error, words, circumstances.sentAt);
    default:
      return outcomeOfFault(answer, words, circumstances.sentAt);
  }
}

function outcomeOfSuccess(body: unknown): SendOutcome {
  if (isRecord(body) && typeof body['name'] === 'string') return { kind: 'accepted', vendorMessageId: body['name'] };
  // Some proxy's page, or half an answer: FCM may have taken the message.
  return { kind: 'unknown', reason: 'gateway.unreadable_answer', vendorCode: 'HTTP 200' };
}

function outcomeOfBadRequest(error: GoogleError, words: Words): SendOutcome {
  if (/too (?:big|large)|exceeds? .*(?:size|limit)/i.test(error.message)) {
    return { kind: 'rejected', reason: 'payload.too_large', ...words };
  }
  const reason = error.errorCode && blamesToken(error) ? DOUBTFUL_TOKEN : 'payload.invalid';
  return { kind: 'rejected', reason, ...words };
}

function blamesToken({ fields, message }: GoogleError): boolean {
  if (fields.length > 0) return fields.every((field) => /^message\.(?:token|fid)$/.test(field));
  return /registration token|installation id/i.test(message);
}

function outcomeOfUnauthorized(error: GoogleError, words: Words): SendOutcome {
  // The APNs key in the Firebase console: no setting of ours could mend it, and Android is not concerned.
  if (error.errorCode === 'THIRD_PARTY_AUTH_ERROR')
    return { kind: 'misconfigured', reason: 'credentials.apns', scope: 'target', ...words };
  return { kind: 'misconfigured', reason: UNAUTHENTICATED, field: 'serviceAccount', ...words };
}

function outcomeOfForbidden(error: GoogleError, words: Words): SendOutcome {
  if (error.errorCode === 'SENDER_ID_MISMATCH')
    return { kind: 'wrongBinding', reason: 'token.other_project', ...words };
  return { kind: 'misconfigured', reason: 'credentials.forbidden', field: 'serviceAccount', ...words };
}

/** Only FCM's own word retires a device: a mistyped address answers 404 as well. */
function outcomeOfNotFound(error: GoogleError, words: Words, sentAt: Date): SendOutcome {
  if (error.errorCode === 'UNREGISTERED') {
    return { kind: 'invalidTarget', reason: 'token.unregistered', since: sentAt, ...words };
  }
  return { kind: 'rejected', reason: 'gateway.unknown_answer', ...words };
}

function outcomeOfQuota(answer: FcmAnswer, error: GoogleError, words: Words, now: Date): SendOutcome {
  return {
    kind: 'throttled',
    reason: 'quota.exceeded',
    scope: /device|topic/i.test(error.message) ? 'target' : 'channel',
    retryAfterMs: retryAfterMs(answer.retryAfter, now) ?? QUOTA_PAUSE_MS,
    ...words,
  };
}

function outcomeOfFault(answer: FcmAnswer, words: Words, now: Date): SendOutcome {
  if (answer.status < 500) return { kind: 'rejected', reason: 'gateway.unknown_answer', ...words };
  const wait = retryAfterMs(answer.retryAfter, now);
  const reason = answer.status === 503 ? 'gateway.unavailable' : 'gateway.error';
  return { kind: 'transient', reason, ...(wait !== undefined && { retryAfterMs: wait }), ...words };
}

/** The class of a request that was not answered. */
export function outcomeOfSilence({ sent, code, detail }: FcmSilence): SendOutcome {
  const words = { ...(code && { vendorCode: code }), ...(detail && { detail }) };
  return sent
    ? { kind: 'unknown', reason: 'network.no_answer', ...words }
    : { kind: 'transient', reason: 'network.unreachable', ...words };
}

/** The class of a request that was given up, because of `reason` of an aborted signal. */
export function outcomeOfAbort(reason: unknown, sent: boolean): SendOutcome {
  const late = reason instanceof Error && reason.name === 'TimeoutError';
  return { kind: sent ? 'unknown' : 'transient', reason: late ? 'network.timeout' : 'send.aborted' };
}

/**
 * FCM blames the token also when the message is at fault. The token is dead only if the same message was taken for
 * somebody else in the same call.
 * @param payloads per outcome; the same object for the same message.
 */
export function settleDoubts(
  outcomes: readonly SendOutcome[],
  payloads: readonly unknown[],
  sentAt: Date,
): readonly SendOutcome[] {
  if (!outcomes.some(isDoubtful)) return outcomes;
  const good = new Set(payloads.filter((_, index) => outcomes[index]?.kind === 'accepted'));
  return outcomes.map((outcome, index) =>
    isDoubtful(outcome) && good.has(payloads[index]) ? { ...outcome, kind: 'invalidTarget', since: sentAt } : outcome,
  );
}

function isDoubtful(outcome: SendOutcome): outcome is Extract<SendOutcome, { kind: 'rejected' }> {
  return outcome.kind === 'rejected' && outcome.reason === DOUBTFUL_TOKEN;
}

/** Google's error body as far as it is used. */
interface GoogleError {
  readonly message: string;
  /** `INVALID_ARGUMENT` and its kin. */
  readonly status: string | undefined;
  /** Of the FcmError detail: FCM itself speaks, not Google's front. */
  readonly errorCode: string | undefined;
  /** Paths of offending fields. */
  readonly fields: readonly string[];
}

function readError(body: unknown): GoogleError {
  const error = isRecord(body) && isRecord(body['error']) ? body['error'] : {};
  const details = Array.isArray(error['details']) ? error['details'].filter(isRecord) : [];
  return {
    message: typeof error['message'] === 'string' ? error['message'] : '',
    status: codeOf(error['status']),
    errorCode: codeOf(details.find((detail) => detail['@type'] === FCM_ERROR)?.['errorCode']),
    fields: details.filter((detail) => detail['@type'] === BAD_REQUEST).flatMap(fieldsOf),
  };
}

function fieldsOf(detail: Record<string, unknown>): string[] {
  const violations = Array.isArray(detail['fieldViolations']) ? detail['fieldViolations'].filter(isRecord) : [];
  return violations.map((violation) => violation['field']).filter((field) => typeof field === 'string');
}

function codeOf(value: unknown): string | undefined {
  return typeof value === 'string' && ERROR_CODE.test(value) ? value : undefined;
}

function wordsOf({ status, body }: FcmAnswer, error: GoogleError, secrets: readonly string[]): Words {
  const vendorCode = error.errorCode ?? error.status ?? `HTTP ${status}`;
  const said = error.message || (typeof body === 'string' ? plainText(body) : '');
  const detail = clipDetail(scrub([...error.fields, said].join(': '), secrets));
  return detail ? { vendorCode, detail } : { vendorCode };
}
