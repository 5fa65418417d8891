import {
  clipDetail,
  isRecord,
  parseJson,
  retryAfterMs,
  scrub,
  type SendFailure,
  type SendOutcome,
  textOf,
} from '@bellhop/contracts';

/** The members of an answer whose `code` is 1000, or why there are none. */
export type UdeskReply =
  | { readonly ok: true; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly outcome: SendFailure };

/** An HTTP answer as it came. */
export interface UdeskAnswer {
  readonly status: number;
  readonly body: string;
  /** Header `Retry-After`. */
  readonly retryAfter?: string | null;
}

/** What has to be known of a call to judge its answer. */
export interface CallFacts {
  /** Doing it twice changes nothing, so that an answer nobody saw does no harm. */
  readonly repeatable: boolean;
  /** Kept out of the vendor's words. */
  readonly secrets: readonly string[];
  readonly now: Date;
}

type Words = Pick<SendFailure, 'vendorCode' | 'detail'>;

const SUCCESS = 1000;
const REFUSED_CREDENTIALS: SendFailure = { kind: 'misconfigured', reason: 'credentials.refused', field: 'apiToken' };
const WRONG_ADDRESS: SendFailure = { kind: 'misconfigured', reason: 'address.wrong', field: 'baseUrl' };

/**
 * Codes of the body; business errors come with HTTP 200. Sources: doc/im.md (1000, 2062, 9200, 11012); 2059 and 2002 as
 * public integrations met them. 2062 is "parameter missing" there and "IM not authorised" here: permanent either way.
 */
const CODES: ReadonlyMap<number, SendFailure> = new Map<number, SendFailure>([
  [2002, WRONG_ADDRESS],
  [2059, REFUSED_CREDENTIALS],
  [2062, { kind: 'rejected', reason: 'request.refused' }],
  [9200, { kind: 'rejected', reason: 'conversation.closed' }],
  [11_012, { kind: 'rejected', reason: 'group.unknown' }],
]);

/** Judges an answer by its `code`, which comes as number or text, and by the HTTP status where there is none. */
export function readReply(answer: UdeskAnswer, facts: CallFacts): UdeskReply {
  const fields = readObject(answer.body);
  const failed = (verdict: SendFailure): UdeskReply => ({
    ok: false,
    outcome: { ...verdict, ...wordsOf(answer, fields, facts) },
  });
  if (answer.status === 429 || answer.status >= 500) return failed(verdictOfFault(answer, facts));
  const code = Number(textOf(fields?.code));
  if (fields && code === SUCCESS) return { ok: true, fields };
  return failed(Number.isNaN(code) ? verdictOfStatus(answer.status) : verdictOfCode(code));
}

function verdictOfFault({ status, retryAfter }: UdeskAnswer, { repeatable, now }: CallFacts): SendFailure {
  const wait = retryAfterMs(retryAfter, now);
  const pause = wait === undefined ? {} : { retryAfterMs: wait };
  if (status === 429) return { kind: 'throttled', reason: 'rate.exceeded', scope: 'channel', ...pause };
  const reason = 'gateway.error';
  return repeatable ? { kind: 'transient', reason, ...pause } : { kind: 'unknown', reason };
}

function verdictOfCode(code: number): SendFailure {
  return CODES.get(code) ?? { kind: 'rejected', reason: 'gateway.refused' };
}

/** Of an answer without a code: it came from somebody in front of Udesk's application. */
function verdictOfStatus(status: number): SendFailure {
  if (status === 401 || status === 403) return REFUSED_CREDENTIALS;
  if (status === 404 || (status >= 300 && status < 400)) return WRONG_ADDRESS;
  return { kind: 'rejected', reason: 'gateway.unknown_answer' };
}

function readObject(body: string): Record<string, unknown> | undefined {
  const value = parseJson(body);
  return isRecord(value) ? value : undefined;
}

function wordsOf({ status }: UdeskAnswer, fields: Record<string, unknown> | undefined, { secrets }: CallFacts): Words {
  const said = textOf(fields?.code_message) ?? textOf(fields?.message) ?? textOf(fields?.exception);
  const vendorCode = textOf(fields?.code)?.slice(0, 20) ?? `HTTP ${status}`;
  return { vendorCode, ...(said && { detail: clipDetail(scrub(said, secrets)) }) };
}

/** `status_code` of the push switch, or `status` as a boolean, as it came until 2017. Undefined: neither. */
export function readSwitch(fields: Readonly<Record<string, unknown>>): 'on' | 'off' | 'invalid' | undefined {
  const code = textOf(fields.status_code);
  if (code !== undefined) return (['off', 'on', undefined, 'invalid'] as const)[Number(code)];
  const status = String(fields.status);
  if (status === 'true') return 'on';
  return status === 'false' ? 'off' : undefined;
}

/** Handled is not yet done: the answer tells the state that holds now, or that nobody knows this customer. */
export function outcomeOfSwitch(reply: UdeskReply, wanted: boolean): SendOutcome {
  if (!reply.ok) return reply.outcome;
  const state = readSwitch(reply.fields);
  if (state === undefined) return { kind: 'rejected', reason: 'gateway.unknown_answer' };
  if (state === 'invalid') return { kind: 'rejected', reason: 'customer.invalid', vendorCode: '3' };
  return (state === 'on') === wanted ? { kind: 'accepted' } : { kind: 'rejected', reason: 'switch.not_applied' };
}

const STATUSES = ['none', 'inConversation', 'queueing', 'invalid'] as const;

/** `status_code` of `im/customer_status`; undefined: none of the documented ones. */
export function readCustomerStatus(fields: Readonly<Record<string, unknown>>): (typeof STATUSES)[number] | undefined {
  const code = textOf(fields.status_code);
  return code === undefined ? undefined : STATUSES[Number(code)];
}
