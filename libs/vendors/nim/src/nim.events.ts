import {
  type Attachment,
  boundedKey,
  countOf,
  definedOnly,
  type InboundEvent,
  isoTime,
  type Message,
  type PushHints,
  type Recipient,
  type SessionState,
  sha256Hex,
  textOf,
  type Veto,
} from '@bellhop/contracts';
import {
  clientTypeOf,
  contentTypeOf,
  type Conversation,
  logoutStateOf,
  type NimCopy,
  readAttach,
  readMembers,
  required,
} from './nim.wire.js';

const MAX_TEXT = 4000;

/** eventType 1: a message or a custom notification. */
export function toMessageEvent(copy: NimCopy, conversation: Conversation): InboundEvent {
  const from = required(copy, 'fromAccount');
  const to = required(copy, 'to');
  const clientId = textOf(copy.msgidClient);
  return {
    kind: conversation.kind,
    key: boundedKey(`nim:msg:${required(copy, 'msgidServer')}`),
    // A client that sends again gets a new server id.
    ...(clientId && { aliasKey: boundedKey(`nim:client:${from}:${clientId}`) }),
    occurredAt: isoTime(textOf(copy.msgTimestamp)),
    recipient: recipientOf(copy, conversation.type, from, to),
    sender: { id: from, name: textOf(copy.fromNick), role: 'user' },
    // As the recipient sees it: with the sender, or in the team.
    conversation: { id: conversation.type === 'direct' ? from : to, type: conversation.type },
    message: messageOf(copy, conversation),
    push: hintsOf(copy, conversation, from, to),
    attributes: attributesOf(copy),
  };
}

/** A team's copy names its members, not always all of them. */
function recipientOf(copy: NimCopy, type: Conversation['type'], from: string, to: string | undefined): Recipient {
  const members = type === 'group' ? (readMembers(copy) ?? []).filter((accid) => accid !== from) : to ? [to] : [];
  return { identities: [...new Set(members)].map((value) => ({ kind: 'nim.accid', value })), devices: [] };
}

function messageOf(copy: NimCopy, conversation: Conversation): Message {
  const vendorType = textOf(copy.msgType) ?? '';
  const type = contentTypeOf(vendorType, conversation);
  return {
    id: textOf(copy.msgidServer),
    clientId: textOf(copy.msgidClient),
    type,
    vendorType,
    text: textOf(copy.body)?.slice(0, MAX_TEXT) ?? null,
    ...(type !== 'custom' && { attachment: attachmentOf(readAttach(copy)) }),
  };
}

/** `dur` is in milliseconds; a location brings `title` instead of a name. */
function attachmentOf(attach: Readonly<Record<string, unknown>>): Attachment | undefined {
  const duration = countOf(attach.dur);
  const attachment = {
    url: textOf(attach.url),
    name: textOf(attach.name) ?? textOf(attach.title),
    size: countOf(attach.size),
    durationSeconds: duration === undefined ? undefined : Math.round(duration / 1000),
  };
  return Object.values(attachment).some((value) => value !== undefined) ? attachment : undefined;
}

function hintsOf(copy: NimCopy, { kind, type }: Conversation, from: string, to: string): PushHints {
  const vetoes = vetoesOf(copy);
  return {
    notify: true,
    ...(vetoes.length > 0 && { vetoes }),
    text: kind === 'notification.custom' ? textOf(copy.customApnsText) : undefined,
    extras: { vendor: 'nim', kind, sessionType: type === 'direct' ? 'p2p' : 'team', fromAccount: from, to },
  };
}

function vetoesOf({ blacklist, antispam }: NimCopy): Veto[] {
  const isSet = (value: unknown): boolean => value === true || textOf(value)?.toLowerCase() === 'true';
  return [...(isSet(blacklist) ? ['blacklisted' as const] : []), ...(isSet(antispam) ? ['antispam' as const] : [])];
}

/** Members in a shape that could not be read stay visible. */
function attributesOf(copy: NimCopy): Record<string, string> {
  const shown = ['convType', 'fromClientType', 'resendFlag', 'customSafeFlag'].map((name) => [
    name,
    textOf(copy[name]),
  ]);
  const tMembers = readMembers(copy) ? undefined : textOf(copy.tMembers)?.slice(0, 1000);
  return definedOnly({ ...Object.fromEntries(shown), tMembers });
}

/** eventTypes 7 and 8. Unverified: the names of the fields, hence every name that other copies use. */
export function toRecallEvent(copy: NimCopy, type: Conversation['type'], body: Buffer): InboundEvent {
  const first = (...names: string[]): string | undefined => names.map((name) => textOf(copy[name])).find(Boolean);
  const id = first('msgId', 'msgidServer');
  const from = first('from', 'fromAccount') ?? '';
  const to = first('to', 'tid');
  const conversationId = type === 'direct' ? from : to;
  return {
    kind: 'message.recalled',
    key: boundedKey(`nim:recall:${id ?? sha256Hex(body)}`),
    occurredAt: isoTime(first('timestamp', 'msgTimestamp')),
    recipient: recipientOf(copy, type, from, to),
    sender: { id: from || undefined, role: 'user' },
    ...(conversationId && { conversation: { id: conversationId, type } }),
    message: { id, type: 'custom', vendorType: 'RECALL', text: null },
    push: { notify: false },
  };
}

/** eventType 2. Copies get lost and overtake each other; whoever keeps the states compares the times. */
export const toLoginEvent = (copy: NimCopy): InboundEvent => presenceEvent(copy, 'online');

/** eventType 3. */
export const toLogoutEvent = (copy: NimCopy): InboundEvent => presenceEvent(copy, logoutStateOf(copy.logOutReason));

function presenceEvent(copy: NimCopy, state: SessionState): InboundEvent {
  const accid = required(copy, 'accid');
  const clientType = textOf(copy.clientType);
  const session = textOf(copy.deviceId) ?? clientType ?? 'default';
  const timestamp = textOf(copy.timestamp);
  return {
    kind: 'presence.changed',
    key: boundedKey(`nim:presence:${[accid, session, timestamp, textOf(copy.eventType)].join('|')}`),
    occurredAt: isoTime(timestamp),
    recipient: { identities: [{ kind: 'nim.accid', value: accid }], devices: [] },
    presence: { state, client: clientTypeOf(clientType), session },
    push: { notify: false },
    ...(clientType && { attributes: { clientType } }),
  };
}
