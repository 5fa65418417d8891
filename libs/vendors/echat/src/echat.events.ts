import {
  definedOnly,
  type IdentityRef,
  type InboundEvent,
  isoTime,
  plainText,
  type PushHints,
  sha256Hex,
} from '@bellhop/contracts';
import type { EchatConfig } from './echat.manifest.js';
import { chatContentOf, type EchatFields, type EchatPush, visitorTypeOf } from './echat.wire.js';

type Facts = Pick<InboundEvent, 'kind' | 'message'> & { readonly notify: boolean; readonly notice?: string };

/** The normalised event of a push. Mail address and mobile number of the visitor stay out of it. */
export function toEvent(push: EchatPush, config: EchatConfig): InboundEvent {
  const { companyId, msgId, type, fields } = push;
  const facts = type === 'chatSend' ? chatFacts(push) : replyFacts(push);
  return {
    kind: facts.kind,
    // Samples of different push types share one msgId.
    key: `${companyId}:${type}:${msgId}`,
    occurredAt: isoTime(fields.chatTime) ?? isoTime(fields.tm),
    recipient: { identities: identitiesOf(fields), devices: [] },
    sender: {
      name: fields.staffNickName || fields.staffName || undefined,
      avatarUrl: fields.staffPhoto || undefined,
      role: 'staff',
    },
    ...(fields.talkId && { conversation: conversationOf(fields.talkId, facts) }),
    message: facts.message,
    locale: localeOf(fields.lan),
    push: hintsOf(push, facts, config),
    attributes: attributesOf(push, facts.notice),
  };
}

function chatFacts({ msgId, fields }: EchatPush): Facts {
  const { kind, type, notify, notice } = chatContentOf(fields.contentType);
  const text = type === 'text' ? plainText(fields.content ?? '') || null : null;
  return { kind, notify, notice, message: { id: msgId, type, vendorType: fields.contentType ?? '', text } };
}

function replyFacts({ type, msgId, fields }: EchatPush): Facts {
  return {
    kind: type === 'msgReply' ? 'leave_message.replied' : 'staff.outreach',
    notify: true,
    message: { id: msgId, type: 'text', vendorType: type, text: plainText(fields.replyContent ?? '') || null },
  };
}

function conversationOf(id: string, { kind }: Facts): InboundEvent['conversation'] {
  return { id, type: 'direct', ...(kind === 'conversation.survey_invited' && { survey: true }) };
}

/** Most trusted first, once pushInfo was vouched for. */
function identitiesOf(fields: EchatFields): IdentityRef[] {
  const uidKind = visitorTypeOf(fields) === 'member' ? 'echat.member_uid' : 'echat.guest_uid';
  return [
    ...(fields.pushInfo ? [{ kind: 'echat.push_info', value: fields.pushInfo }] : []),
    ...(fields.uid ? [{ kind: uidKind, value: fields.uid }] : []),
  ];
}

function hintsOf(push: EchatPush, { kind, notify }: Facts, config: EchatConfig): PushHints {
  const { type, companyId, fields } = push;
  return {
    notify: notify && !isThirdParty(fields) && (type === 'chatSend' || isWanted(fields.replyChannel, config)),
    badge: badgeOf(fields.unreadMsgCount),
    ...(type === 'chatSend' && fields.talkId && { collapseId: collapseIdOf(companyId, fields.talkId) }),
    deepLink: deepLinkOf(push),
    extras: definedOnly({
      vendor: 'echat',
      kind,
      chatCompanyId: companyId,
      echatUrl: safeUrl(fields.viewUrl, config.viewUrlHosts),
      unreadMsgCount: fields.unreadMsgCount,
      echatTimeStamp: fields.chatTime,
    }),
  };
}

/** Visitors of WeChat and of custom channels read elsewhere. */
function isThirdParty(fields: EchatFields): boolean {
  return ['wechat', 'custom'].includes(visitorTypeOf(fields));
}

/** The staff member chooses channels such as e-mail or SMS; without a choice there is nothing to filter. */
function isWanted(replyChannel: string | undefined, { replyChannels }: EchatConfig): boolean {
  if (!replyChannel || replyChannels.length === 0) return true;
  const wanted = new Set(replyChannels.map((channel) => channel.trim().toLowerCase()));
  return replyChannel.split(',').some((channel) => wanted.has(channel.trim().toLowerCase()));
}

function badgeOf(unreadMsgCount = ''): number | undefined {
  return /^\d{1,9}$/.test(unreadMsgCount) ? Math.min(Number(unreadMsgCount), 9999) : undefined;
}

/** Gateways take it in a header. */
function collapseIdOf(companyId: string, talkId: string): string {
  const id = `echat-${companyId}-${talkId}`;
  return /^[\x20-\x7e]{1,64}$/.test(id) ? id : `echat-${sha256Hex(id).slice(0, 40)}`;
}

function deepLinkOf({ type, msgId, companyId, fields }: EchatPush): string {
  if (type === 'msgReply') return `support/echat/message/${encode(msgId)}`;
  return `support/echat/chat?company=${encode(companyId)}&talk=${encode(fields.talkId ?? '')}`;
}

/** encodeURIComponent throws on lone surrogates. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

function safeUrl(address: string | undefined, hosts: readonly string[]): string | undefined {
  const url = address ? URL.parse(address) : null;
  const isAllowed = hosts.some((host) => url?.hostname === host || url?.hostname.endsWith(`.${host}`));
  return url?.protocol === 'https:' && isAllowed ? url.href : undefined;
}

/** `ZH-CN` → `zh`. Echat writes `jp` for Japanese. */
function localeOf(lan = ''): string | undefined {
  const language = /^[a-z]{2,3}(?![a-z])/.exec(lan.toLowerCase())?.[0];
  return language === 'jp' ? 'ja' : language;
}

function attributesOf({ type, companyId, fields }: EchatPush, notice: string | undefined): Record<string, string> {
  const { chatChannel, replyChannel, routeName, echatTag, chatDepartmentName, appId, mediaId } = fields;
  const shown = { chatChannel, replyChannel, routeName, echatTag, chatDepartmentName, appId, mediaId };
  return definedOnly({ pushType: type, companyId, visitorType: visitorTypeOf(fields), notice, ...shown });
}
