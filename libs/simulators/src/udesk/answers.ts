import { json } from '../plain-answers.js';
import type { PlainAnswer } from '../plain-endpoint.js';

/** What `status_code` of the push switch says, with the words beside it. */
const SWITCH = { off: [0, '无推送'], on: [1, '推送中'], invalid: [3, '无效客户'] } as const;

/** Business errors come with HTTP 200. */
export function refusal(code: number, message: string): PlainAnswer {
  return json({ code, message });
}

export function success(fields: object = {}): PlainAnswer {
  return json({ code: 1000, message: '请求成功', ...fields });
}

export function switchState(state: keyof typeof SWITCH): PlainAnswer {
  const [status_code, status] = SWITCH[state];
  return success({ status, status_code });
}

/** Udesk's own page for addresses that it does not have. */
export const NO_PAGE: PlainAnswer = {
  status: 404,
  headers: { 'content-type': 'text/html' },
  body: '<h1>404 Not Found</h1>',
};

export const TOO_MANY: PlainAnswer = { status: 429, headers: { 'content-type': 'text/plain' }, body: 'Retry later\n' };
export const BAD_SIGNATURE = refusal(2059, 'open api sign error');
export const parameterMissing = (name: string): PlainAnswer => refusal(2062, `缺少参数 ${name}`);
