import {
  clipDetail,
  countOf,
  isRecord,
  parseExactJson,
  plainText,
  scrub,
  type SendFailure,
  type SendOutcome,
  textOf,
} from '@bellhop/contracts';

/** An HTTP answer. */
export interface NimAnswer {
  readonly status: number;
  readonly body: string;
}

/** What an answer means for the call as a whole. */
export type NimReply =
  { readonly ok: true; readonly result: NimResult } | { readonly ok: false; readonly outcome: SendFailure };

/** What a successful answer says, whichever call it was. Ids are exact digits. */
export interface NimResult {
  readonly messageId: string | undefined;
  /** By account, of a batch. */
  readonly messageIds: ReadonlyMap<string, string>;
  /** Accounts of a batch that do not exist. */
  readonly unregistered: ReadonlySet<string>;
  /** Of the presence look-up: accounts that do not exist. */
  readonly invalid: ReadonlySet<string>;
  readonly broadcastId: string | undefined;
}

type Words = { readonly vendorCode: string; readonly detail?: string };
type Verdict = (words: Words) => SendFailure;

const OK = 200;
/** NIM has done the same already, which is what was wanted. */
const DONE_ALREADY = 417;
/** A bad parameter, or a checksum or clock that NIM does not accept. */
export const BAD_REQUEST = '414';
/** Milliseconds. NIM blocks an app for ten seconds. Source: rates. */
const PAUSE_MS = 10_000;

/** Given up before it was sent. */
export const ABORTED: SendFailure = { kind: 'transient', reason: 'send.aborted' };
export const UNKNOWN_ACCOUNT = 'account.unknown';

const rejected =
  (reason: string): Verdict =>
  (words) => ({ kind: 'rejected', reason, ...words });
const misconfigured =
  (reason: string, field?: string): Verdict =>
  (words) => ({ kind: 'misconfigured', reason, ...(field && { field }), ...words });
const transient =
  (reason: string): Verdict =>
  (words) => ({ kind: 'transient', reason, ...words });
const unknown =
  (reason: string): Verdict =>
  (words) => ({ kind: 'unknown', reason, ...words });
const throttled: Verdict = (words) => ({
  kind: 'throttled',
  reason: 'rate.exceeded',
  scope: 'channel',
  retryAfterMs: PAUSE_MS,
  ...words,
});

/** The class of each code but 200, 417 and 414. Source: status codes. */
const CODES: ReadonlyMap<number, Verdict> = new Map([
  [301, rejected('account.banned')],
  [422, rejected('account.banned')],
  [302, misconfigured('credentials.refused', 'appSecret')],
  [315, misconfigured('address.not_allowed')],
  [403, rejected('request.forbidden')],
  [404, rejected(UNKNOWN_ACCOUNT)],
  [405, rejected('request.too_long')],
  [408, unknown('gateway.timeout')],
  [416, throttled],
  [419, rejected('request.too_many')],
  // The earlier one counts, and was answered; repeating it could only tell people twice.
  [431, rejected('request.duplicate')],
  [500, unknown('gateway.error')],
  [503, transient('gateway.busy')],
  [514, transient('gateway.unavailable')],
  [802, rejected('team.forbidden')],
  [803, rejected('team.unknown')],
  [804, rejected('team.not_a_member')],
  [811, rejected('force_list.too_long')],
  [998, rejected('request.unreadable')],
  [999, rejected('request.unreadable')],
  [7101, rejected('sender.blocked')],
]);
/** Team errors. */
const TEAM_CODES = { from: 801, to: 815 };
const BLOCKED: SendFailure = { kind: 'rejected', reason: 'content.blocked', detail: 'antispam' };

/**
 * Reads an answer. NIM answers with HTTP 200 and a code in the body; any other status comes from something in between.
 * @param secrets may not stand in an outcome.
 */
export function readAnswer({ status, body }: NimAnswer, secrets: readonly string[]): NimReply {
  if (status !== OK) return failed(ofStatus(status)(wordsOf(`HTTP ${status}`, plainText(body), secrets)));
  const answer = parseExactJson(body);
  const code = isRecord(answer) ? countOf(answer['code']) : undefined;
  // Somebody's page, or half an answer: NIM may have taken the message.
  if (!isRecord(answer) || code === undefined) {
    return failed({ kind: 'unknown', reason: 'gateway.unreadable_answer', vendorCode: 'HTTP 200' });
  }
  if (code === OK || code === DONE_ALREADY) return ofSuccess(answer);
  return failed(ofCode(code)(wordsOf(String(code), textOf(answer['desc'] ?? answer['msg']) ?? '', secrets)));
}

function ofStatus(status: number): Verdict {
  if (status === 429) return throttled;
  if (status === 502 || status === 503) return transient('gateway.unavailable');
  if (status >= 500) return unknown('gateway.error');
  return misconfigured('gateway.wrong_address', 'baseUrls');
}

function ofCode(code: number): Verdict {
  if (String(code) === BAD_REQUEST) return ofBadRequest;
  const isTeam = code >= TEAM_CODES.from && code <= TEAM_CODES.to;
  return CODES.get(code) ?? rejected(isTeam ? 'team.refused' : 'gateway.unknown_answer');
}

/** One code for two faults; only the words tell a checksum that NIM does not accept. */
const ofBadRequest: Verdict = (words) =>
  /http header|check ?sum/i.test(words.detail ?? '')
    ? misconfigured('credentials.refused', 'appSecret')(words)
    : rejected('request.invalid')(words);

function ofSuccess(answer: Record<string, unknown>): NimReply {
  const data = isRecord(answer['data']) ? answer['data'] : {};
  const message = isRecord(answer['msg']) ? answer['msg'] : {};
  if (data['antispam'] === true) return failed(BLOCKED);
  const result = {
    messageId: textOf(data['msgid']) ?? textOf(data['push_id']),
    messageIds: textsOf(answer['msgids']),
    unregistered: namesOf(answer['unregister']),
    invalid: namesOf(answer['invalidAccids']),
    broadcastId: textOf(message['broadcastId']),
  };
  return { ok: true, result };
}

function failed(outcome: SendFailure): NimReply {
  return { ok: false, outcome };
}

/** A list, or JSON of one inside a text. */
function namesOf(value: unknown): ReadonlySet<string> {
  const list = typeof value === 'string' ? parseExactJson(value) : value;
  return new Set(Array.isArray(list) ? list.map(textOf).filter((name) => name !== undefined) : []);
}

function textsOf(value: unknown): ReadonlyMap<string, string> {
  const entries = Object.entries(isRecord(value) ? value : {}).map(([name, id]) => [name, textOf(id)] as const);
  return new Map(entries.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

function wordsOf(vendorCode: string, said: string, secrets: readonly string[]): Words {
  const detail = clipDetail(scrub(said, secrets));
  return detail ? { vendorCode, detail } : { vendorCode };
}

/** What became of one account of a successful call. */
export function outcomeFor(accid: string, { messageId, messageIds, unregistered }: NimResult): SendOutcome {
  if (unregistered.has(accid)) {
    return { kind: 'rejected', reason: UNKNOWN_ACCOUNT, detail: 'the account is not registered' };
  }
  const vendorMessageId = messageIds.get(accid) ?? messageId;
  return { kind: 'accepted', ...(vendorMessageId && { vendorMessageId }) };
}
