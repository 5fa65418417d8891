import { setTimeout as pause } from 'node:timers/promises';
import { DEMO_USER } from '../../src/sandbox/demo-people.js';
import { ECHAT_COMPANY, UDESK_PLUGIN, UDESK_TOKEN } from '../../src/sandbox/demo-vendors.js';
import type { SandboxVendor } from '../../src/sandbox/sandbox-state.js';
import type { Section, Stage } from './stage.js';
import { say } from './words.js';

interface UdeskCall {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly answer: string;
}

/** What the simulator answers to a call that is signed rightly and asks for something that exists. */
const TAKEN = '200 1000';
const CONVERSATION = 3001;
const SATISFIED = 36;

export const UDESK: Section = {
  title: 'Udesk: chat links, the H5 push switch, ratings',
  async play(stage) {
    const { udesk } = stage.sandbox.vendors;
    const { link, signed } = await act<{ link: string; signed: boolean }>(stage, udesk, 'h5-link', {
      token: UDESK_TOKEN,
    });
    say(`  ${link}`);
    stage.check('a link to the chat page, signed for this customer', signed && link.includes('h5push=true'));
    stage.equal('it turned H5 push on', await lastCall(stage), ['im/h5push', switched(true), TAKEN]);
    await patiently(stage, 'PUT', `/v1/users/${DEMO_USER}/push-switch/${udesk.integrationId}`, { on: false });
    stage.equal('the switch of a user turns it off', await lastCall(stage), ['im/h5push', switched(false), TAKEN]);
    await rate(stage, udesk);
  },
};

const switched = (h5push: boolean) => ({ web_token: UDESK_TOKEN, im_web_plugin_id: UDESK_PLUGIN, h5push });

async function rate(stage: Stage, udesk: SandboxVendor): Promise<void> {
  await stage.rules('udesk', { closed: [{ conversation: CONVERSATION, options: [SATISFIED] }] });
  const input = { conversationId: String(CONVERSATION), optionId: SATISFIED, remark: '很快' };
  await act(stage, udesk, 'survey-answer', input);
  const rating = { im_sub_session_id: CONVERSATION, option_id: SATISFIED, remark: '很快' };
  stage.equal('the rating of a closed conversation', await lastCall(stage), ['im/sessions/survey', rating, TAKEN]);
}

/** What the simulator heard last. It verifies signatures and takes each nonce once. */
async function lastCall(stage: Stage): Promise<unknown[]> {
  const last = (await stage.requests<UdeskCall>('udesk')).at(-1);
  return [last?.path, last?.body, last?.answer];
}

export const ECHAT: Section = {
  title: 'Echat: pushInfo and unread messages',
  async play(stage) {
    const { echat } = stage.sandbox.vendors;
    const { pushInfo } = await act<{ pushInfo: string }>(stage, echat, 'push-info', { userId: DEMO_USER });
    say(`  ${pushInfo}`);
    const verify = (value: string) => act<object>(stage, echat, 'verify-push-info', { pushInfo: value });
    stage.equal('the issued pushInfo names its user', await verify(pushInfo), { trusted: true, userId: DEMO_USER });
    const [own, other] = [DEMO_USER, 'user_1'].map((userId) => Buffer.from(userId).toString('base64url')) as [
      string,
      string,
    ];
    stage.equal('with another user in it, it is not trusted', await verify(pushInfo.replace(own, other)), {
      trusted: false,
      code: 'echat.push_info_untrusted',
    });
    await stage.rules('echat', { unread: [{ visitor: DEMO_USER, count: 3, lastMsgContent: '您好' }] });
    const input = { visitor: DEMO_USER, companyId: ECHAT_COMPANY };
    const { unread } = await act<{ unread: number }>(stage, echat, 'unread-count', input);
    stage.equal('Echat tells the unread messages of a member, by encrypted metaData', unread, 3);
  },
};

async function act<T>(stage: Stage, { integrationId }: SandboxVendor, action: string, input: object): Promise<T> {
  const path = `/v1/integrations/${integrationId}/actions/${action}`;
  return (await patiently<{ data: T }>(stage, 'POST', path, { input })).data;
}

/** Vendors have limits, Udesk 60 calls a minute: a call that comes too soon is told when to come back. */
async function patiently<T>(stage: Stage, method: string, path: string, body: object): Promise<T> {
  const { status, headers, body: answer } = await stage.call<T>(method, path, body);
  if (status < 400) return answer;
  if (status === 429) await pause(Number(headers.get('retry-after')) * 1000);
  return stage.api(method, path, body);
}
