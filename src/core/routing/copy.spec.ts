import { CONTENT_TYPES, EVENT_KINDS, type InboundEvent, type Message, type PushHints } from '@bellhop/contracts';
import { copyOf, type CopyLocale, LOCALES } from './copy.js';

const BARE: InboundEvent = {
  kind: 'conversation.message',
  key: 'k',
  recipient: { identities: [], devices: [] },
  push: { notify: true },
};
const staff: InboundEvent['sender'] = { name: 'Amy', role: 'staff' };
const user: InboundEvent['sender'] = { id: 'u1', name: '张三', role: 'user' };

function event(kind: InboundEvent['kind'], more: Partial<InboundEvent> = {}): InboundEvent {
  return { ...BARE, kind, ...more };
}

function message(type: Message['type'], text: string | null = null, attachment?: Message['attachment']): Message {
  return { type, vendorType: type, text, ...(attachment && { attachment }) };
}

const said = (text: string | null, more: Partial<InboundEvent> = {}): InboundEvent =>
  event('conversation.message', { sender: staff, message: message('text', text), ...more });

const show = (shown: InboundEvent, locale: CopyLocale = 'zh-CN', hideContent = false, count = 1) => {
  const copy = copyOf(shown, locale, { hideContent, count });
  return copy && [copy.title, copy.body];
};

type Line = readonly [title: string, body: string] | undefined;

/** What each kind shows: in Chinese, in English, and in both with content hidden. */
const kinds: readonly (readonly [string, InboundEvent, zh: Line, en: Line, hiddenZh: Line, hiddenEn: Line])[] = [
  [
    'ticket.replied',
    event('ticket.replied', { ticket: { id: '123' }, sender: staff }),
    ['工单有新回复', '您的工单 #123 有新的回复，点击查看'],
    ['Ticket updated', 'There is a new reply on ticket #123'],
    ['工单有新回复', '您的工单 #123 有新的回复，点击查看'],
    ['Ticket updated', 'There is a new reply on ticket #123'],
  ],
  ['ticket.replied without a ticket', event('ticket.replied'), undefined, undefined, undefined, undefined],
  [
    'conversation.message of staff',
    said('hi'),
    ['Amy', 'hi'],
    ['Amy', 'hi'],
    ['在线客服', '您有一条新的客服消息'],
    ['Support', 'You have a new support message'],
  ],
  [
    'conversation.message of nobody known',
    said('hi', { sender: undefined }),
    ['在线客服', 'hi'],
    ['Support', 'hi'],
    ['在线客服', '您有一条新的客服消息'],
    ['Support', 'You have a new support message'],
  ],
  [
    'conversation.message of a user',
    said('hi', { sender: user }),
    ['张三', 'hi'],
    ['张三', 'hi'],
    ['新消息', '您有一条新消息'],
    ['New message', 'You have a new message'],
  ],
  [
    'conversation.message of a user without a name',
    said('hi', { sender: { id: 'u1', role: 'user' } }),
    ['新消息', 'hi'],
    ['New message', 'hi'],
    ['新消息', '您有一条新消息'],
    ['New message', 'You have a new message'],
  ],
  [
    'conversation.message without a message',
    event('conversation.message', { sender: staff }),
    undefined,
    undefined,
    undefined,
    undefined,
  ],
  [
    'conversation.closed',
    event('conversation.closed', { sender: staff }),
    ['会话已结束', '本次服务已结束'],
    ['Conversation ended', 'This conversation has ended'],
    ['会话已结束', '本次服务已结束'],
    ['Conversation ended', 'This conversation has ended'],
  ],
  [
    'conversation.closed with a text',
    event('conversation.closed', { message: message('text', '再见') }),
    ['会话已结束', '再见'],
    ['Conversation ended', '再见'],
    ['会话已结束', '本次服务已结束'],
    ['Conversation ended', 'This conversation has ended'],
  ],
  [
    'conversation.closed with a survey',
    event('conversation.closed', { message: message('text', '再见'), conversation: { id: '1', survey: true } }),
    ['会话已结束', '本次服务已结束，点击评价'],
    ['Conversation ended', 'This conversation has ended. Tap to rate it'],
    ['会话已结束', '本次服务已结束，点击评价'],
    ['Conversation ended', 'This conversation has ended. Tap to rate it'],
  ],
  [
    'conversation.survey_invited',
    event('conversation.survey_invited', { message: message('text', '请评价') }),
    ['服务评价邀请', '请评价'],
    ['How did we do?', '请评价'],
    ['服务评价邀请', '请对本次服务做出评价'],
    ['How did we do?', 'Please rate this conversation'],
  ],
  [
    'conversation.survey_invited without a text',
    event('conversation.survey_invited'),
    ['服务评价邀请', '请对本次服务做出评价'],
    ['How did we do?', 'Please rate this conversation'],
    ['服务评价邀请', '请对本次服务做出评价'],
    ['How did we do?', 'Please rate this conversation'],
  ],
  [
    'conversation.notice',
    event('conversation.notice', { sender: staff, message: message('text', '您已长时间未回复') }),
    ['Amy', '您已长时间未回复'],
    ['Amy', '您已长时间未回复'],
    ['在线客服', '您有一条新的客服消息'],
    ['Support', 'You have a new support message'],
  ],
  [
    'leave_message.replied',
    event('leave_message.replied', { sender: staff, message: message('text', '回复') }),
    ['您的留言有新回复', '回复'],
    ['New reply to your message', '回复'],
    ['您的留言有新回复', '您有一条新的客服消息'],
    ['New reply to your message', 'You have a new support message'],
  ],
  [
    'leave_message.replied without a text',
    event('leave_message.replied'),
    ['您的留言有新回复', '点击查看'],
    ['New reply to your message', 'Tap to view'],
    ['您的留言有新回复', '您有一条新的客服消息'],
    ['New reply to your message', 'You have a new support message'],
  ],
  [
    'staff.outreach',
    event('staff.outreach', { sender: staff, message: message('text', '您的订单已发货') }),
    ['Amy', '您的订单已发货'],
    ['Amy', '您的订单已发货'],
    ['在线客服', '您有一条新的客服消息'],
    ['Support', 'You have a new support message'],
  ],
  [
    'staff.outreach without a text',
    event('staff.outreach'),
    ['在线客服', '点击查看'],
    ['Support', 'Tap to view'],
    ['在线客服', '您有一条新的客服消息'],
    ['Support', 'You have a new support message'],
  ],
  [
    'notification.custom with a text of its own',
    event('notification.custom', { push: { notify: true, text: '您有一条新通知' } }),
    ['新消息', '您有一条新通知'],
    ['New message', '您有一条新通知'],
    ['新消息', '您有一条新消息'],
    ['New message', 'You have a new message'],
  ],
  ['notification.custom without', event('notification.custom'), undefined, undefined, undefined, undefined],
  ['conversation.started', event('conversation.started'), undefined, undefined, undefined, undefined],
  ['conversation.transferred', event('conversation.transferred'), undefined, undefined, undefined, undefined],
  ['message.recalled', event('message.recalled'), undefined, undefined, undefined, undefined],
  ['presence.changed', event('presence.changed'), undefined, undefined, undefined, undefined],
  [
    'push.requested',
    event('push.requested', { push: { notify: true, text: 'p' } }),
    ['在线客服', 'p'],
    ['Support', 'p'],
    ['在线客服', '您有一条新的客服消息'],
    ['Support', 'You have a new support message'],
  ],
  ['tags.replaced', event('tags.replaced'), undefined, undefined, undefined, undefined],
  [
    "a plugin's own kind with copy",
    event('acme.order_shipped', { copy: { title: '订单', body: '已发货' } }),
    ['订单', '已发货'],
    ['订单', '已发货'],
    ['订单', '您有一条新的客服消息'],
    ['订单', 'You have a new support message'],
  ],
  ["a plugin's own kind without", event('acme.order_shipped'), undefined, undefined, undefined, undefined],
];

describe('copyOf', () => {
  it.each(kinds)('%s', (_name, shown, zh, en, hiddenZh, hiddenEn) => {
    expect([show(shown), show(shown, 'en')]).toEqual([zh, en]);
    expect([show(shown, 'zh-CN', true), show(shown, 'en', true)]).toEqual([hiddenZh, hiddenEn]);
  });

  it('is asked about every kind', () => {
    const asked = new Set<string>(kinds.map(([, { kind }]) => kind));
    expect(EVENT_KINDS.filter((kind) => !asked.has(kind))).toEqual([]);
  });

  const types: readonly (readonly [Message, zh: string | undefined, en: string | undefined])[] = [
    [message('text', 'hi'), 'hi', 'hi'],
    [message('text', ''), '您有一条新的客服消息', 'You have a new support message'],
    [message('text', null), '您有一条新的客服消息', 'You have a new support message'],
    [message('image', 'a caption'), '[图片]', '[Photo]'],
    [message('video'), '[视频]', '[Video]'],
    [message('location', null, { name: '杭州' }), '[位置]', '[Location]'],
    [message('audio'), '[语音]', '[Voice]'],
    [message('audio', null, { durationSeconds: 8 }), '[语音] 8″', '[Voice] 8″'],
    [message('audio', null, { durationSeconds: 0.4 }), '[语音] 0″', '[Voice] 0″'],
    [message('file'), '[文件]', '[File]'],
    [message('file', null, { name: '报价单.pdf' }), '[文件] 报价单.pdf', '[File] 报价单.pdf'],
    [message('rich'), '[图文消息]', '[Article]'],
    [message('rich', '本周活动'), '本周活动', '本周活动'],
    [message('unknown'), '您有一条新的客服消息', 'You have a new support message'],
    [message('unknown', 'hi'), 'hi', 'hi'],
    [message('custom'), undefined, undefined],
    [message('custom', 'hi'), 'hi', 'hi'],
  ];

  it.each(types)('shows %j as %p and %p', (content, zh, en) => {
    const shown = event('conversation.message', { sender: staff, message: content });
    expect(LOCALES.map((locale) => show(shown, locale)?.[1])).toEqual([zh, en]);
  });

  it('is asked about every type of content', () => {
    const asked = new Set<string>(types.map(([{ type }]) => type));
    expect(CONTENT_TYPES.filter((type) => !asked.has(type))).toEqual([]);
  });

  it.each(types)('shows nothing of %j when content is hidden', (content, zh) => {
    const shown = event('conversation.message', { sender: staff, message: content });
    expect(show(shown, 'zh-CN', true)).toEqual(zh && ['在线客服', '您有一条新的客服消息']);
  });

  it.each([
    ['text', { text: 'p' }, 'p'],
    ['a sender before the text', { text: 'p', prefixSender: true }, 'Amy:p'],
    ['a sender before the message', { prefixSender: true }, 'Amy:hi'],
    ['a forced text', { text: 'p', forced: true, forcedText: 'f', prefixSender: true }, 'f'],
    ['a forced text that nobody forces', { text: 'p', forcedText: 'f' }, 'p'],
    ['force without a text of its own', { text: 'p', forced: true }, 'p'],
  ] satisfies [string, Partial<PushHints>, string | undefined][])('takes %s from the vendor', (_name, push, body) => {
    expect(show(said('hi', { push: { notify: true, ...push } }))?.[1]).toBe(body);
  });

  it('hides forced text too, and the sender before it', () => {
    const push = { notify: true, forced: true, forcedText: 'secret', text: 'secret', prefixSender: true };
    expect(show(said('secret', { push }), 'zh-CN', true)).toEqual(['在线客服', '您有一条新的客服消息']);
  });

  it('puts no name there is none', () => {
    const push = { notify: true, prefixSender: true };
    expect(show(said('hi', { push, sender: { role: 'staff' } }))?.[1]).toBe('hi');
  });

  it.each([
    ['zh-CN', false, 2, '[2条] hi'],
    ['en', false, 3, '[3] hi'],
    ['zh-CN', true, 2, '[2条] 您有一条新的客服消息'],
    ['zh-CN', false, 1, 'hi'],
    ['zh-CN', false, 0, 'hi'],
  ] as const)('in %s (hidden: %p) counts %i', (locale, hide, count, body) => {
    expect(show(said('hi'), locale, hide, count)?.[1]).toBe(body);
  });

  const family = '👩‍👩‍👧‍👦';
  it.each([
    ['x'.repeat(100), 1, 'x'.repeat(100)],
    ['x'.repeat(101), 1, `${'x'.repeat(99)}…`],
    [family.repeat(100), 1, family.repeat(100)],
    [family.repeat(101), 1, `${family.repeat(99)}…`],
    ['e\u0301'.repeat(101), 1, `${'e\u0301'.repeat(99)}…`],
    ['🇨🇳'.repeat(101), 1, `${'🇨🇳'.repeat(99)}…`],
    [family.repeat(100), 2, `[2条] ${family.repeat(94)}…`],
  ])('clips a body of graphemes: %#', (text, count, body) => {
    expect(show(said(text), 'zh-CN', false, count)?.[1]).toBe(body);
  });

  it.each([
    [family.repeat(60), family.repeat(60)],
    [family.repeat(61), `${family.repeat(59)}…`],
  ])('clips a title of graphemes: %#', (name, title) => {
    expect(show(said('hi', { sender: { name, role: 'staff' } }))?.[0]).toBe(title);
  });
});

describe('copyOf with a template', () => {
  const template = { body: 'Look here', tellsCount: false };
  const options = { hideContent: false, count: 1, template };
  const prefixing = { notify: true, prefixSender: true };

  it('takes the words of the template, and the built-in title where it has none', () => {
    expect(copyOf(said('hi'), 'en', options)).toEqual({ title: 'Amy', body: 'Look here' });
    expect(copyOf(said('hi'), 'en', { ...options, template: { ...template, title: 'Shop' } })).toEqual({
      title: 'Shop',
      body: 'Look here',
    });
    expect(copyOf(event('conversation.started'), 'zh-CN', options)).toEqual({ title: '在线客服', body: 'Look here' });
  });

  it('puts the sender before it where the vendor asks for that, unless content is hidden', () => {
    const shown = said('hi', { sender: user, push: prefixing });
    expect(copyOf(shown, 'en', options)?.body).toBe('张三:Look here');
    expect(copyOf(shown, 'en', { ...options, hideContent: true })).toEqual({ title: 'New message', body: 'Look here' });
  });

  it.each([
    [1, false, 'Look here'],
    [3, false, '[3] Look here'],
    [3, true, 'Look here'],
  ])('counts %i where the template (%p) does not do it itself', (count, tellsCount, body) => {
    expect(copyOf(said('hi'), 'en', { ...options, count, template: { ...template, tellsCount } })?.body).toBe(body);
  });

  it('cuts it like all copy, between graphemes', () => {
    const long = { title: '🇨🇳'.repeat(61), body: '👩‍👩‍👧‍👦'.repeat(101), tellsCount: false };
    expect(copyOf(said('hi'), 'en', { ...options, template: long })).toEqual({
      title: `${'🇨🇳'.repeat(59)}…`,
      body: `${'👩‍👩‍👧‍👦'.repeat(99)}…`,
    });
  });
});
