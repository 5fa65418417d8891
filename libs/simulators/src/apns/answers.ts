import { constants } from 'node:http2';
import { APNS_REASONS, type ApnsAnswer, type ApnsFault, type ApnsReason, type ApnsStep } from './behaviour.js';

const PROXY_PAGE = '<html><body><h1>502 Bad Gateway</h1></body></html>';

const ODD_ANSWERS: Readonly<Record<string, ApnsAnswer>> = {
  ok: { status: 200 },
  goaway: { status: 200 },
  goawayTwoStep: { status: 200 },
  slow: { status: 200, delayMs: 1000 },
  emptyBody: { status: 503, body: '' },
  emptyRefusal: { status: 400, body: '' },
  htmlPage: { status: 502, body: PROXY_PAGE },
  reasonless: { status: 503, body: '{}' },
} satisfies Partial<Record<ApnsFault | 'ok', ApnsAnswer>>;

/** RST_STREAM codes of the faults that reset. */
export const RESETS: Readonly<Partial<Record<string, number>>> = {
  resetInternal: constants.NGHTTP2_INTERNAL_ERROR,
  resetRefused: constants.NGHTTP2_REFUSED_STREAM,
  resetCancel: constants.NGHTTP2_CANCEL,
} satisfies Partial<Record<ApnsFault, number>>;

/** The answer that a step stands for; undefined: there will be none. */
export function answerOf(step: ApnsStep, now: number): ApnsAnswer | undefined {
  if (typeof step !== 'string') return step;
  return isReason(step) ? refusalOf(step, now) : ODD_ANSWERS[step];
}

function isReason(step: string): step is ApnsReason {
  return Object.hasOwn(APNS_REASONS, step);
}

function refusalOf(reason: ApnsReason, now: number): ApnsAnswer {
  const status = APNS_REASONS[reason];
  return { status, reason, ...(status === 410 && { timestamp: now }) };
}

/** Body as APNs writes it: none for success, JSON with the reason otherwise. */
export function bodyOf({ status, reason, timestamp, body }: ApnsAnswer): string {
  if (body !== undefined || status === 200) return body ?? '';
  return JSON.stringify({ reason, timestamp });
}
