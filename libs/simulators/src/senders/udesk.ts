import { randomUUID } from 'node:crypto';
import type { Callback } from './callback.js';

/** A message as Udesk writes it. */
export interface UdeskMessage {
  readonly type: string;
  readonly message_id: string;
  readonly agent_id: number;
  readonly agent_name: string;
  readonly agent_avatar: string;
  readonly im_sub_session_id: number;
  /** Beijing time, `YYYY-MM-DD HH:mm:ss`. */
  readonly message_created_at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What may be said about any message; the rest is filled in. */
export interface UdeskMessageOptions {
  /** Default: a new UUID. */
  readonly messageId?: string;
  /** Default 3001. */
  readonly conversationId?: number;
  readonly agent?: { readonly id: number; readonly name: string };
  /** Default: now. */
  readonly at?: Date;
}

/** The push of one batch to the customer behind `webToken`. */
export function udeskMessages(batch: {
  readonly webToken: string;
  readonly pluginId: number;
  readonly messages: readonly UdeskMessage[];
}): Callback {
  const { webToken, pluginId, messages } = batch;
  return posted(JSON.stringify({ web_token: webToken, im_web_plugin_id: pluginId, messages }));
}

/** A text of staff. */
export function udeskText(content: string, options: UdeskMessageOptions = {}): UdeskMessage {
  return udeskMessage('message', { content }, options);
}

/** The end of a conversation. `survey`: the customer is asked for a rating. */
export function udeskClose(options: UdeskMessageOptions & { readonly survey?: boolean } = {}): UdeskMessage {
  const survey = { enabled: true, show_type: 'text', options: [{ id: 36, text: '满意', enabled: true }] };
  const data = { close_type: 'normal', content: '关闭会话', ...(options.survey && { survey_options: survey }) };
  return udeskMessage('close', data, options);
}

/** A message of any type. */
export function udeskMessage(
  type: string,
  data: UdeskMessage['data'],
  { messageId, conversationId = 3001, agent = { id: 7, name: 'Tom' }, at = new Date() }: UdeskMessageOptions = {},
): UdeskMessage {
  return {
    type,
    message_id: messageId ?? randomUUID(),
    agent_id: agent.id,
    agent_name: agent.name,
    agent_avatar: 'https://udesk.example/agent.png',
    im_sub_session_id: conversationId,
    message_created_at: beijingTime(at),
    data,
  };
}

function beijingTime(at: Date): string {
  const local = new Date(at.getTime() + 8 * 3_600_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

function posted(body: string): Callback {
  return { method: 'POST', path: '', query: {}, headers: { 'content-type': 'application/json' }, body };
}

const SAMPLE_MESSAGE = '"type": "message", "message_id": "sample-1", "im_sub_session_id": 3001';

/** Bodies with the faults of the printed samples. */
export const udeskSamples = {
  /** Commas after the last member and the last item. */
  trailingCommas: posted(`{"web_token": "u", "messages": [{${SAMPLE_MESSAGE}, "data": {"content": "您好",},},],}`),
  /** No comma after `close_type`: beyond repair. */
  missingComma: posted(
    '{"web_token": "u", "messages": [{"type": "close", "data": {"close_type": "normal" "content": "关闭会话"}}]}',
  ),
  /** Comments are no JSON: beyond repair. */
  comments: posted(`{"web_token": "u", "messages": [{${SAMPLE_MESSAGE}, "data": {"content": "您好"} /* text */}]}`),
  /** A text in place of the survey. */
  surveyPlaceholder: posted(
    '{"web_token": "u", "messages": [{"type": "close", "message_id": "sample-2", "im_sub_session_id": 3001, "data": {"close_type": "normal", "survey_options": "…"}}]}',
  ),
} as const satisfies Record<string, Callback>;
