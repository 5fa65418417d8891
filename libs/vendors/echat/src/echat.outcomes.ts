import {
  clipDetail,
  isoTime,
  isRecord,
  parseJson,
  retryAfterMs,
  scrub,
  type SendFailure,
  textOf,
} from '@bellhop/contracts';

/** The members of an answer whose `errcode` is 0 or absent, or why there are none. */
export type EchatReply =
  | { readonly ok: true; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly outcome: SendFailure };

/** An HTTP answer as it came. */
export interface EchatAnswer {
  readonly status: number;
  readonly body: string;
  /** Header `Retry-After`. */
  readonly retryAfter?: string | null;
}

/** What has to be known of a call to judge its answer. */
export interface CallFacts {
  /** What an `errcode` means; no table of codes is public. */
  readonly refusal: SendFailure;
  /** Kept out of the vendor's words. */
  readonly secrets: readonly string[];
  readonly now: Date;
}

/** Judges an answer by `errcode`, as the vendor's SDK does, and by the HTTP status where there is no JSON. */
export function readReply(answer: EchatAnswer, facts: CallFacts): EchatReply {
  const fields = readObject(answer.body);
  const failed = (failure: SendFailure): EchatReply => ({
    ok: false,
    outcome: { ...failure, ...wordsOf(answer, fields, facts) },
  });
  const fault = faultOf(answer, facts);
  if (fault) return failed(fault);
  if (!fields) return failed(answer.status < 400 ? UNKNOWN_ANSWER : facts.refusal);
  const code = fields.errcode === undefined ? 0 : Number(textOf(fields.errcode));
  return code === 0 && answer.status < 400 ? { ok: true, fields } : failed(facts.refusal);
}

export const UNKNOWN_ANSWER: SendFailure = { kind: 'rejected', reason: 'gateway.unknown_answer' };

/** What somebody in front of Echat's application says. */
function faultOf({ status, retryAfter }: EchatAnswer, { now }: CallFacts): SendFailure | undefined {
  const wait = retryAfterMs(retryAfter, now);
  const pause = wait === undefined ? {} : { retryAfterMs: wait };
  if (status === 429) return { kind: 'throttled', reason: 'rate.exceeded', scope: 'channel', ...pause };
  if (status >= 500) return { kind: 'transient', reason: 'gateway.error', ...pause };
  const wrongAddress = status === 404 || (status >= 300 && status < 400);
  return wrongAddress ? { kind: 'misconfigured', reason: 'address.wrong', field: 'apiServer' } : undefined;
}

function readObject(body: string): Record<string, unknown> | undefined {
  const value = parseJson(body);
  return isRecord(value) ? value : undefined;
}

function wordsOf({ status }: EchatAnswer, fields: Record<string, unknown> | undefined, { secrets }: CallFacts) {
  const said = textOf(fields?.errmsg);
  const vendorCode = textOf(fields?.errcode)?.slice(0, 20) ?? `HTTP ${status}`;
  return { vendorCode, ...(said && { detail: clipDetail(scrub(said, secrets)) }) };
}

export interface UnreadCount {
  readonly unread: number;
  readonly lastMessage?: string;
  /** ISO 8601 UTC. */
  readonly at?: string;
}

/** Undefined when there is no count in it. */
export function readUnread(fields: Readonly<Record<string, unknown>>): UnreadCount | undefined {
  const unread = Number(textOf(fields.unreadMsgCount));
  if (!Number.isSafeInteger(unread) || unread < 0) return undefined;
  const lastMessage = textOf(fields.lastMsgContent);
  const at = isoTime(textOf(fields.tm));
  return { unread, ...(lastMessage && { lastMessage }), ...(at && { at }) };
}
