import {
  type Attachment,
  boundedKey,
  countOf,
  definedOnly,
  type InboundEvent,
  isoTime,
  type Message,
  sha256Hex,
  textOf,
} from '@bellhop/contracts';
import {
  contentTypeOf,
  conversationTypeOf,
  readContent,
  RECALLS,
  type RoutedMessage,
  SIGNALS,
} from './rongcloud.wire.js';

/** RongCloud gives up after three attempts within minutes. */
const HASH_WINDOW_MS = 3_600_000;
const MAX_TEXT = 4000;

type Content = Readonly<Record<string, unknown>>;

/** @param form the fields that the message was read from; they identify it where `msgUID` is missing. */
export function toMessageEvent(routed: RoutedMessage, form: URLSearchParams): InboundEvent {
  const content = readContent(routed.content);
  const isRecall = RECALLS.has(routed.objectName);
  return {
    kind: isRecall ? 'message.recalled' : 'conversation.message',
    ...keyOf(routed, form),
    occurredAt: isoTime(routed.msgTimestamp),
    recipient: { identities: recipientsOf(routed).map((value) => ({ kind: 'rongcloud.user_id', value })), devices: [] },
    sender: senderOf(routed, content),
    conversation: conversationOf(routed),
    message: isRecall ? recalledOf(routed, content) : messageOf(routed, content),
    push: {
      notify: !isRecall && !SIGNALS.has(routed.objectName),
      // The vendor's own connection hands the message over while a session is online.
      skipWhenOnline: true,
      ...(routed.sensitiveType === '1' && { vetoes: ['antispam'] }),
      extras: {
        vendor: 'rongcloud',
        kind: isRecall ? 'message.recalled' : 'conversation.message',
        channelType: routed.channelType,
        fromUserId: routed.fromUserId,
        targetId: routed.toUserId,
      },
    },
    attributes: attributesOf(routed),
  };
}

function keyOf({ msgUID }: RoutedMessage, form: URLSearchParams): Pick<InboundEvent, 'key' | 'dedupeWindowMs'> {
  if (msgUID) return { key: boundedKey(`rongcloud:msg:${msgUID}`) };
  const fields = [...form].map(([name, value]) => JSON.stringify([name, value])).sort();
  return { key: `rongcloud:hash:${sha256Hex(fields.join())}`, dedupeWindowMs: HASH_WINDOW_MS };
}

/** The callback names no members of a group, only the recipients of a directed message. */
function recipientsOf({ channelType, toUserId, fromUserId, groupUserIds }: RoutedMessage): readonly string[] {
  const type = conversationTypeOf(channelType);
  if (type === 'direct' || type === 'system') return [toUserId];
  return channelType === 'GROUP' ? [...new Set(groupUserIds)].filter((id) => id !== fromUserId) : [];
}

/** Built-in types may carry the sender's profile in `user`. */
function senderOf({ fromUserId, channelType }: RoutedMessage, { user }: Content): InboundEvent['sender'] {
  const profile = (typeof user === 'object' && user !== null ? user : {}) as Content;
  return {
    id: fromUserId,
    name: textOf(profile.name),
    avatarUrl: textOf(profile.portrait),
    role: conversationTypeOf(channelType) === 'system' ? 'system' : 'user',
  };
}

/** As the recipient sees it: with the sender, or in the group. */
function conversationOf({ channelType, fromUserId, toUserId }: RoutedMessage): InboundEvent['conversation'] {
  const type = conversationTypeOf(channelType);
  return { id: type === 'direct' || type === 'system' ? fromUserId : toUserId, type };
}

function messageOf(routed: RoutedMessage, content: Content): Message {
  const type = contentTypeOf(routed.objectName);
  return {
    id: routed.msgUID,
    type,
    vendorType: routed.objectName,
    // In pictures and voice messages, `content` is the thumbnail or the sound itself.
    text: type === 'text' || type === 'rich' ? textFrom(content) : null,
    ...(type !== 'custom' && { attachment: attachmentOf(content) }),
  };
}

function textFrom(content: Content): string | null {
  return textOf(content.content)?.slice(0, MAX_TEXT) ?? null;
}

function attachmentOf(content: Content): Attachment | undefined {
  const attachment = {
    url: [content.remoteUrl, content.fileUrl, content.sightUrl, content.imageUri].map(textOf).find(Boolean),
    name: textOf(content.name) ?? textOf(content.poi),
    size: countOf(content.size),
    durationSeconds: countOf(content.duration),
  };
  return Object.values(attachment).some((value) => value !== undefined) ? attachment : undefined;
}

function recalledOf({ msgUID, originalMsgUID, objectName }: RoutedMessage, { messageUId }: Content): Message {
  return { id: textOf(messageUId) ?? originalMsgUID ?? msgUID, type: 'custom', vendorType: objectName, text: null };
}

function attributesOf(routed: RoutedMessage): Record<string, string> {
  const { channelType, source, sensitiveType, busChannel, originalMsgUID, objectName, content } = routed;
  const rawContent = contentTypeOf(objectName) === 'custom' ? content.slice(0, 1000) : undefined;
  return definedOnly({ channelType, source, sensitiveType, busChannel, originalMsgUID, rawContent });
}
