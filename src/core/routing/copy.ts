import { clipText, type InboundEvent, type Message } from '@bellhop/contracts';
import type { Copy } from '../notifications/content.js';
import { COPY_LIMITS, type RenderedTemplate } from '../templates/render.js';

export const LOCALES = ['zh-CN', 'en'] as const;
export type CopyLocale = (typeof LOCALES)[number];

interface Phrases {
  readonly support: string;
  readonly newMessage: string;
  readonly supportMessage: string;
  readonly userMessage: string;
  readonly image: string;
  readonly video: string;
  readonly rich: string;
  readonly location: string;
  readonly audio: (seconds?: number) => string;
  readonly file: (name?: string) => string;
  readonly ticketTitle: string;
  readonly ticketBody: (id: string) => string;
  readonly leaveMessageTitle: string;
  readonly tapToView: string;
  readonly closedTitle: string;
  readonly closedBody: string;
  readonly closedSurvey: string;
  readonly surveyTitle: string;
  readonly surveyBody: string;
  readonly several: (count: number, body: string) => string;
}

const seconds = (value?: number): string => (value === undefined ? '' : ` ${Math.round(value)}″`);
const named = (name?: string): string => (name ? ` ${name}` : '');

const PHRASES: Readonly<Record<CopyLocale, Phrases>> = {
  'zh-CN': {
    support: '在线客服',
    newMessage: '新消息',
    supportMessage: '您有一条新的客服消息',
    userMessage: '您有一条新消息',
    image: '[图片]',
    video: '[视频]',
    rich: '[图文消息]',
    location: '[位置]',
    audio: (value) => `[语音]${seconds(value)}`,
    file: (name) => `[文件]${named(name)}`,
    ticketTitle: '工单有新回复',
    ticketBody: (id) => `您的工单 #${id} 有新的回复，点击查看`,
    leaveMessageTitle: '您的留言有新回复',
    tapToView: '点击查看',
    closedTitle: '会话已结束',
    closedBody: '本次服务已结束',
    closedSurvey: '本次服务已结束，点击评价',
    surveyTitle: '服务评价邀请',
    surveyBody: '请对本次服务做出评价',
    several: (count, body) => `[${count}条] ${body}`,
  },
  en: {
    support: 'Support',
    newMessage: 'New message',
    supportMessage: 'You have a new support message',
    userMessage: 'You have a new message',
    image: '[Photo]',
    video: '[Video]',
    rich: '[Article]',
    location: '[Location]',
    audio: (value) => `[Voice]${seconds(value)}`,
    file: (name) => `[File]${named(name)}`,
    ticketTitle: 'Ticket updated',
    ticketBody: (id) => `There is a new reply on ticket #${id}`,
    leaveMessageTitle: 'New reply to your message',
    tapToView: 'Tap to view',
    closedTitle: 'Conversation ended',
    closedBody: 'This conversation has ended',
    closedSurvey: 'This conversation has ended. Tap to rate it',
    surveyTitle: 'How did we do?',
    surveyBody: 'Please rate this conversation',
    several: (count, body) => `[${count}] ${body}`,
  },
};

export interface CopyOptions {
  /** Replaces whatever people wrote by a neutral sentence. */
  readonly hideContent: boolean;
  /** Messages of the callback that this notification stands for. */
  readonly count: number;
  /** What a template says; absent: the built-in words speak. */
  readonly template?: RenderedTemplate;
}

/**
 * Title and body of an event in one language; undefined when there is nothing to show.
 * @param locale of the built-in words, for whatever the template leaves out.
 */
export function copyOf(event: InboundEvent, locale: CopyLocale, options: CopyOptions): Copy | undefined {
  const { hideContent, count, template } = options;
  const phrases = PHRASES[locale];
  const title = template?.title ?? titleOf(event, phrases, hideContent);
  const body = template ? templateBody(event, template, hideContent) : builtInBody(event, phrases, hideContent);
  if (!body) return undefined;
  const counted = count > 1 && !template?.tellsCount ? phrases.several(count, body) : body;
  return { title: clipText(title, COPY_LIMITS.title), body: clipText(counted, COPY_LIMITS.body) };
}

const templateBody = (event: InboundEvent, { body }: RenderedTemplate, hide: boolean): string =>
  hide ? body : prefixed(event, body);
const builtInBody = (event: InboundEvent, phrases: Phrases, hide: boolean): string | undefined =>
  hide ? neutral(event, phrases) : bodyOf(event, phrases);

function titleOf(event: InboundEvent, phrases: Phrases, hide: boolean): string {
  switch (event.kind) {
    case 'ticket.replied':
      return phrases.ticketTitle;
    case 'leave_message.replied':
      return phrases.leaveMessageTitle;
    case 'conversation.closed':
      return phrases.closedTitle;
    case 'conversation.survey_invited':
      return phrases.surveyTitle;
    default:
      if (event.copy?.title) return event.copy.title;
      return (hide ? undefined : event.sender?.name) ?? (fromUser(event) ? phrases.newMessage : phrases.support);
  }
}

/** Text that the vendor chose for the push wins; otherwise the built-in words of the kind. */
function bodyOf(event: InboundEvent, phrases: Phrases): string | undefined {
  const { push } = event;
  if (push.forced && push.forcedText) return push.forcedText;
  const text = push.text ?? phraseOf(event, phrases) ?? event.copy?.body;
  return text && prefixed(event, text);
}

const prefixed = ({ push, sender }: InboundEvent, text: string): string =>
  push.prefixSender && sender?.name ? `${sender.name}:${text}` : text;

function phraseOf(event: InboundEvent, phrases: Phrases): string | undefined {
  const text = event.message?.text;
  switch (event.kind) {
    case 'ticket.replied':
      return event.ticket && phrases.ticketBody(event.ticket.id);
    case 'conversation.message':
      return event.message && messageBody(event.message, generic(event, phrases), phrases);
    case 'conversation.closed':
      return event.conversation?.survey ? phrases.closedSurvey : text || phrases.closedBody;
    case 'conversation.survey_invited':
      return text || phrases.surveyBody;
    case 'leave_message.replied':
    case 'staff.outreach':
      return text || phrases.tapToView;
    default:
      return text || undefined;
  }
}

function messageBody(message: Message, fallback: string, phrases: Phrases): string | undefined {
  const { type, text, attachment } = message;
  switch (type) {
    case 'image':
      return phrases.image;
    case 'video':
      return phrases.video;
    case 'location':
      return phrases.location;
    case 'audio':
      return phrases.audio(attachment?.durationSeconds);
    case 'file':
      return phrases.file(attachment?.name);
    case 'rich':
      return text || phrases.rich;
    case 'text':
    case 'unknown':
      return text || fallback;
    case 'custom':
      return text || undefined;
  }
}

function neutral(event: InboundEvent, phrases: Phrases): string | undefined {
  switch (event.kind) {
    case 'ticket.replied':
    case 'conversation.closed':
      return phraseOf({ ...event, message: undefined }, phrases);
    case 'conversation.survey_invited':
      return phrases.surveyBody;
    default:
      return bodyOf(event, phrases) && generic(event, phrases);
  }
}

const fromUser = (event: InboundEvent): boolean =>
  event.sender?.role === 'user' || event.kind === 'notification.custom';
const generic = (event: InboundEvent, phrases: Phrases): string =>
  fromUser(event) ? phrases.userMessage : phrases.supportMessage;
