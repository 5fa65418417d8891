import type { ServerResponse } from 'node:http';

/**
 * How a receiver behaves: `ok` · `status404` · `fail2` (500 twice for each id, then ok) · `busy7` (429, try again in
 * seven seconds) · `redirect` (to the metadata service of clouds) · `slow500` (milliseconds) · `silent` · `drop` · `huge`.
 */
export type WebhookMode = string;

const MODE = /^(ok|status|fail|busy|redirect|slow|silent|drop|huge)(\d*)$/;
const MEGABYTE = 'x'.repeat(1_000_000);
const METADATA = 'http://169.254.169.254/latest/meta-data/';

/** The mode that an address or a user id ends with, behind its last `/` or `-`; undefined when it names none. */
export function modeOf(name: string): WebhookMode | undefined {
  const last = /[^/-]*$/.exec(name)?.[0] ?? '';
  return MODE.test(last) ? last : undefined;
}

/**
 * Behaves accordingly.
 * @param earlier calls with the same id before this one.
 * @returns what it did, in a word: a status, `silent` or `dropped`.
 */
export function behave(mode: WebhookMode, earlier: number, response: ServerResponse): string {
  const [, word, digits = ''] = MODE.exec(mode) ?? [];
  const number = digits === '' ? undefined : Number(digits);
  switch (word) {
    case 'status':
      return answer(response, number ?? 200);
    case 'fail':
      return answer(response, earlier < (number ?? 1) ? 500 : 204);
    case 'busy':
      return answer(response, 429, number === undefined ? {} : { 'retry-after': String(number) });
    case 'redirect':
      return answer(response, 302, { location: METADATA });
    case 'slow':
      setTimeout(() => answer(response, 204), number ?? 1_000);
      return '204';
    case 'huge':
      return answer(response, 200, {}, MEGABYTE);
    case 'silent':
      return 'silent';
    case 'drop':
      response.destroy();
      return 'dropped';
    default:
      return answer(response, 204);
  }
}

export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): string {
  response.writeHead(status, headers).end(body);
  return String(status);
}
