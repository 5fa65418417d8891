import {
  clipDetail,
  type HttpResult,
  isRecord,
  parseExactJson,
  parseFlatXml,
  retryAfterMs,
  scrub,
  type SendOutcome,
  textOf,
} from '@bellhop/contracts';

/** What is asked decides what doubt means: tags may be set again, a push may not. */
export type CallKind = 'push' | 'tags';

export interface AnswerContext {
  readonly kind: CallKind;
  readonly now: Date;
  /** Never repeated, even if the vendor does. */
  readonly secrets: readonly string[];
}

/** What an answer says, in JSON or XML. */
interface Said {
  readonly code?: string;
  /** Of a push or broadcast. */
  readonly id?: string;
  readonly words?: string;
}

/** `unclear`: it may have been done. */
type Verdict =
  | { readonly is: 'rejected' | 'limited' | 'unclear'; readonly reason: string }
  | { readonly is: 'misconfigured'; readonly reason: string; readonly field?: string };

const BAD_SECRET: Verdict = { is: 'misconfigured', reason: 'credentials.refused', field: 'appSecret' };
const DISABLED: Verdict = { is: 'misconfigured', reason: 'account.feature_disabled' };
const RESTRICTED: Verdict = { is: 'misconfigured', reason: 'account.restricted' };
const NO_API: Verdict = { is: 'misconfigured', reason: 'gateway.no_such_api', field: 'baseUrls' };
const INVALID: Verdict = { is: 'rejected', reason: 'payload.invalid' };
const TOO_LARGE: Verdict = { is: 'rejected', reason: 'payload.too_large' };
const LIMITED: Verdict = { is: 'limited', reason: 'quota.exhausted' };
const BROKEN: Verdict = { is: 'unclear', reason: 'gateway.error' };

/**
 * The vendor's codes. Source: docs/errorcode.md of the Node SDK 3.1.1, and docs.nexconn.ai/platform-chat-api/code,
 * both read 2026-11-20.
 */
const BY_CODE: Readonly<Record<string, Verdict>> = {
  '400': { is: 'rejected', reason: 'target.unknown' },
  '404': { is: 'rejected', reason: 'gateway.no_such_api' },
  '1000': BROKEN,
  '1001': BAD_SECRET,
  '1002': INVALID,
  '1003': INVALID,
  '1004': BAD_SECRET,
  '1005': INVALID,
  '1006': { is: 'misconfigured', reason: 'account.locked' },
  '1007': RESTRICTED,
  '1008': LIMITED,
  '1009': DISABLED,
  '1010': DISABLED,
  '1011': DISABLED,
  '1015': INVALID,
  '1016': INVALID,
  '1018': INVALID,
  '1019': INVALID,
  '1050': BROKEN,
  '1501': INVALID,
  '1502': INVALID,
  '1508': TOO_LARGE,
  '2007': { is: 'rejected', reason: 'account.user_limit' },
};

/** Where no known code says more. */
const BY_STATUS: Readonly<Record<number, Verdict>> = {
  301: NO_API,
  302: NO_API,
  307: NO_API,
  308: NO_API,
  400: INVALID,
  401: BAD_SECRET,
  403: RESTRICTED,
  404: NO_API,
  405: NO_API,
  413: TOO_LARGE,
  429: LIMITED,
  430: DISABLED,
};

/** The code decides, then the HTTP status; 200 alone is no success. */
export function outcomeOf(answer: HttpResult, context: AnswerContext): SendOutcome {
  const said = readAnswer(answer.body);
  if (answer.status === 200 && said.code === '200') {
    return { kind: 'accepted', ...(said.id && { vendorMessageId: said.id }) };
  }
  const verdict = (said.code && verdictOf(said.code)) || BY_STATUS[answer.status] || BROKEN;
  return toOutcome(verdict, wordsOf(answer, said, context), answer, context);
}

function verdictOf(code: string): Verdict | undefined {
  return Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
}

function toOutcome(
  verdict: Verdict,
  words: { readonly vendorCode: string; readonly detail?: string },
  { headers }: HttpResult,
  { kind, now }: AnswerContext,
): SendOutcome {
  const { is, reason } = verdict;
  const ms = retryAfterMs(headers.get('retry-after'), now);
  switch (is) {
    case 'rejected':
      return { kind: 'rejected', reason, ...words };
    case 'misconfigured':
      return { kind: 'misconfigured', reason, ...words, ...(verdict.field && { field: verdict.field }) };
    case 'limited':
      if (kind === 'tags') return { kind: 'throttled', scope: 'channel', reason, ...words, retryAfterMs: ms };
      return {
        kind: 'quotaExhausted',
        reason,
        ...words,
        ...(ms !== undefined && { resetsAt: new Date(now.getTime() + ms) }),
      };
    case 'unclear':
      return { kind: kind === 'push' ? 'unknown' : 'transient', reason, ...words };
  }
}

function wordsOf({ status }: HttpResult, { code, words }: Said, { secrets }: AnswerContext) {
  const detail = words && clipDetail(scrub(words, secrets));
  return { vendorCode: code ?? `HTTP ${status}`, ...(detail && { detail }) };
}

function readAnswer(body: string): Said {
  const members = body.trimStart().startsWith('<') ? readXml(body) : readJson(body);
  return { code: textOf(members.code), id: textOf(members.id), words: textOf(members.errorMessage) };
}

function readJson(body: string): Readonly<Record<string, unknown>> {
  const value = parseExactJson(body);
  return isRecord(value) ? value : {};
}

function readXml(body: string): Readonly<Record<string, unknown>> {
  const elements = parseFlatXml(body) ?? new Map<string, string[]>();
  return Object.fromEntries([...elements].map(([name, [first]]) => [name, first]));
}
