/**
 * The words that choose an outcome. One vocabulary serves user ids and scripts:
 *
 * - a call whose first user id is `<word><number?>-<anything>` is answered with that word's reply, so that a test needs
 *   no side channel (`rongCloudUserId()` makes them);
 * - a step of a script names the same word: `script(['code1008', 'fin'])`.
 *
 * | word | reply | number |
 * | --- | --- | --- |
 * | `ok` | what the rules say | |
 * | `slow` | the same after the number of milliseconds | default 100 |
 * | `code` | the vendor's error code, with the HTTP status that usually comes with it; nothing is done | the code |
 * | `http` | that HTTP status without a body; nothing is done | the status |
 * | `html` | 200 with a web page; nothing is done | |
 * | `fin` | the connection ends before anything is done | |
 * | `lost` | everything is done, then the connection ends without an answer | |
 * | `silent` | everything is done, and never answered | |
 */
export type RongCloudStep = string | RongCloudAnswer;

/** A hand-made reply; nothing is done. */
export interface RongCloudAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Word {
  readonly word: string;
  readonly number: number | undefined;
}

const WORDS: ReadonlySet<string> = new Set(['ok', 'slow', 'code', 'http', 'html', 'fin', 'lost', 'silent']);
const SPELLING = /^([a-z]+)(\d*)$/;

/** @throws {RangeError} when it is not in the vocabulary. */
export function readStep(step: RongCloudStep): Word | RongCloudAnswer {
  if (typeof step !== 'string') return step;
  const word = readWord(step);
  if (!word) throw new RangeError('steps: not a word of this simulator');
  return word;
}

/** The word that a user id begins with, if it does. */
export function wordOfUser(userId: string): Word | undefined {
  const end = userId.indexOf('-');
  return end > 0 ? readWord(userId.slice(0, end)) : undefined;
}

function readWord(spelling: string): Word | undefined {
  const [, word = '', digits] = SPELLING.exec(spelling) ?? [];
  return WORDS.has(word) ? { word, number: digits ? Number(digits) : undefined } : undefined;
}

/** A user id that is answered with `step`, a word with its number. */
export function rongCloudUserId(step: string, number = 0): string {
  return `${step}-${String(number).padStart(6, '0')}`;
}

/** What the vendor says to a call: a code, and members beside it. */
export interface Verdict {
  readonly code: number;
  readonly message?: string;
  /** Of an accepted push. */
  readonly id?: string;
  /** Of a query. */
  readonly result?: Readonly<Record<string, readonly string[]>>;
}

/** HTTP status that comes with a code; 400 for the others. Unverified but for 401 and 429. */
const STATUSES: Readonly<Record<number, number>> = {
  200: 200,
  404: 404,
  405: 405,
  1000: 500,
  1001: 401,
  1004: 401,
  1006: 403,
  1007: 403,
  1008: 429,
  1009: 430,
  1010: 403,
  1011: 403,
  1050: 504,
  1508: 413,
  2007: 403,
};

const WORDS_OF_CODES: Readonly<Record<number, string>> = {
  1000: 'internal error',
  1001: 'app secret error',
  1004: 'signature error',
  1006: 'app is locked or deleted',
  1007: 'call restricted',
  1008: 'over frequency limit',
  1009: 'service not enabled',
  1050: 'inner service timeout',
};

/** The reply in the format that the path asks for. */
export function answerOf(verdict: Verdict, path: string): RongCloudAnswer {
  const { code, id, result, message = WORDS_OF_CODES[code] ?? 'refused' } = verdict;
  const status = STATUSES[code] ?? 400;
  const words = code === 200 ? { ...(id && { id }) } : { errorMessage: message, url: path };
  if (!path.endsWith('.xml')) return { status, headers: JSON_TYPE, body: JSON.stringify({ code, ...words, result }) };
  const elements = Object.entries({ code: String(code), ...words });
  const xml = elements.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('');
  return { status, headers: { 'content-type': 'text/xml; charset=utf-8' }, body: `<xml>${xml}</xml>` };
}

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
export const WEB_PAGE: RongCloudAnswer = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<html>gateway</html>',
};

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
