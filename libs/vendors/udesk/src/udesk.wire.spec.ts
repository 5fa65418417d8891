import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readUdesk } from './udesk.wire.js';

const fixture = (name: string): Buffer => readFileSync(path.join(import.meta.dirname, '../fixtures', name));
const read = (callback: object) => readUdesk(Buffer.from(JSON.stringify(callback)));
const readMessages = (...messages: unknown[]) => read({ web_token: 'u', im_web_plugin_id: 42, messages });
const eventOf = (message: object) => readMessages({ message_id: 'm', im_sub_session_id: 3001, ...message }).events[0]!;

describe('the customer', () => {
  it.each([
    [{ web_token: 'w', customer_token: 'c', sdk_token: 's' }, 'udesk.web_token', 'w'],
    [{ web_token: ' ', customer_token: 'c', sdk_token: 's' }, 'udesk.customer_token', 'c'],
    [{ sdk_token: 's' }, 'udesk.sdk_token', 's'],
  ])('is the first token that is there: %j', (tokens, kind, value) => {
    const { events } = read({ ...tokens, messages: [{ type: 'message', data: {} }] });
    expect(events[0]?.recipient).toEqual({ identities: [{ kind, value }], devices: [] });
  });
});

describe('content', () => {
  it('opens the conversation', () => {
    expect(eventOf({ type: 'message', data: { content: '<b>hi</b>' } }).push).toEqual({
      notify: true,
      deepLink: 'support/udesk/chat?plugin=42&conversation=3001',
      extras: {
        vendor: 'udesk',
        kind: 'conversation.message',
        conversationId: '3001',
        pluginId: '42',
        messageType: 'text',
      },
    });
  });

  it('says how long a voice message is', () => {
    expect(readUdesk(fixture('audio.json')).events[0]?.message).toEqual({
      id: 'm-5',
      type: 'audio',
      vendorType: 'audio',
      text: null,
      attachment: { url: 'https://udesk.example/v.amr', name: 'v.amr', durationSeconds: 8 },
    });
  });

  it.each(['javascript:alert(1)', 'text', '', 'https://a b'])('takes %j for no address', (content) => {
    expect(eventOf({ type: 'image', data: { content } }).message?.attachment).toEqual({});
  });

  it('needs neither a name nor a time', () => {
    const event = eventOf({ type: 'MESSAGE', data: null });
    expect(event).toMatchObject({ kind: 'conversation.message', sender: { role: 'staff' }, message: { text: '' } });
    expect(event).not.toHaveProperty('occurredAt');
  });
});

describe('robots', () => {
  it('answer under names of their own', () => {
    expect(readUdesk(fixture('api-im-urobot.json')).events).toEqual([
      expect.objectContaining({
        conversation: { id: '1835244' },
        message: { id: '3574331', type: 'text', vendorType: 'message', text: '申诉流程' },
        sender: { role: 'robot', name: '智能客服' },
      }),
    ]);
  });
});

describe('a closed conversation', () => {
  it('that was redirected stays silent', () => {
    const [event] = readUdesk(fixture('close-redirect.json')).events;
    expect(event).toMatchObject({
      kind: 'conversation.closed',
      conversation: { closeType: 'redirect' },
      push: { notify: false },
    });
  });

  it('asks for a rating once on screen', () => {
    expect(readUdesk(fixture('close-survey.json')).events[0]?.push).toEqual({
      notify: true,
      collapseId: 'udesk-close-3001',
      deepLink: 'support/udesk/survey?conversation=3001',
      extras: { vendor: 'udesk', kind: 'conversation.closed', conversationId: '3001', pluginId: '42' },
    });
  });

  it.each(['placeholder', null, { enabled: false }, [], {}])('offers no rating for %j', (survey) => {
    expect(eventOf({ type: 'close', data: { survey_options: survey } }).conversation?.survey).toBe(false);
  });
});

describe('time', () => {
  it.each([
    ['2026-01-15 15:59:50', '2026-01-15T07:59:50.000Z'],
    ['20260115 00:00:00', '2026-01-14T16:00:00.000Z'],
    ['2026-13-01 00:00:00', undefined],
    ['2026-0115 00:00:00', undefined],
    ['yesterday', undefined],
    [1_768_464_000, undefined],
  ])('%s is %s', (text, expected) => {
    expect(eventOf({ type: 'message', data: {}, message_created_at: text }).occurredAt).toBe(expected);
  });
});

describe('the key', () => {
  const base = { type: 'message', message_id: 'm', data: { content: 'x' } };
  const keyOf = (message: object, token: object = { web_token: 'u' }) =>
    read({ ...token, messages: [message] }).events[0]?.key;

  it.each([
    ['message', { ...base, message_id: 'n' }, undefined],
    ['type', { ...base, type: 'rich' }, undefined],
    ['token', base, { web_token: 'v' }],
    ['kind of token', base, { customer_token: 'u' }],
  ])('tells another %s apart', (_name, message, token) => {
    expect(keyOf(message, token)).not.toBe(keyOf(base));
  });

  it('is the same for ids as numbers and texts', () => {
    expect(keyOf({ ...base, message_id: 5 })).toBe(keyOf({ ...base, message_id: '5' }));
  });

  it('comes from the content where there is no id', () => {
    const { message_id: _id, ...anonymous } = base;
    expect(keyOf(anonymous)).toBe(keyOf(anonymous));
    expect(keyOf(anonymous)).not.toBe(keyOf({ ...anonymous, data: { content: 'y' } }));
  });
});

describe('what is skipped', () => {
  it('keeps its neighbours', () => {
    const { events, skipped } = readMessages(
      null,
      { type: 'survey', data: {} },
      { type: 'message', message_id: '1', data: { content: 'hi' } },
      { type: 'constructor', data: {} },
      { data: {} },
    );
    expect(events).toHaveLength(1);
    expect(skipped).toEqual([
      { code: 'udesk.message_not_object' },
      { code: 'udesk.type_hidden', detail: 'survey' },
      { code: 'udesk.unknown_type', detail: 'constructor' },
      { code: 'udesk.unknown_type', detail: '' },
    ]);
  });

  it('is named when the list is empty', () => {
    expect(readMessages()).toEqual({ events: [], skipped: [{ code: 'udesk.messages_empty' }], parseMode: 'strict' });
  });
});

describe('a body in the style of the documentation', () => {
  it('may have trailing commas', () => {
    const { parseMode, events } = readUdesk(
      Buffer.from('{"web_token":"u","messages":[{"type":"message","data":{},},],}'),
    );
    expect([parseMode, events.length]).toEqual(['tolerant', 1]);
  });

  it.each([
    ['{"web_token":"u" "messages":[]}', 'udesk.body_not_json'],
    ['[]', 'udesk.body_not_object'],
    ['{"messages":[]}', 'udesk.token_missing'],
    ['{"web_token":"u","messages":"x"}', 'udesk.messages_missing'],
  ])('%s is refused as %s', (body, code) => {
    expect(() => readUdesk(Buffer.from(body))).toThrow(expect.objectContaining({ code }) as Error);
  });
});
