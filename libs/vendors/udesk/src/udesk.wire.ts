import {
  type Attachment,
  type ContentType,
  type IdentityRef,
  type InboundEvent,
  isRecord,
  MalformedPayloadError,
  type Message,
  type ParsedInbound,
  parseLenientJson,
  plainText,
  type PushHints,
  type Sender,
  sha256Hex,
  textOf,
} from '@bellhop/contracts';

/**
 * A callback. Sources: https://github.com/udesk/open_udesk_doc, doc/im_h5_push.md (envelope) and doc/im.md (messages).
 * One customer token is there; `urobot` sends one object instead of a list. Ids come as numbers or texts.
 */
export interface UdeskCallback {
  readonly web_token?: string;
  readonly customer_token?: string;
  readonly sdk_token?: string;
  readonly im_web_plugin_id?: number | string;
  /** Until September 2017, in place of `im_web_plugin_id`. */
  readonly session_key?: string;
  /** Absent means `agent`. */
  readonly assign_type?: 'agent' | 'robot' | 'urobot';
  readonly messages: readonly UdeskMessage[] | object;
}

/** A message of staff. Only `type` and `data` are sure to be there. */
export interface UdeskMessage {
  readonly type: string;
  readonly data: { readonly content?: string; readonly [name: string]: unknown };
  readonly message_id?: string;
  readonly agent_id?: number;
  readonly agent_name?: string;
  readonly agent_avatar?: string;
  readonly im_sub_session_id?: number;
  /** `YYYYMMDD HH:mm:ss` or `YYYY-MM-DD HH:mm:ss`, no zone. */
  readonly message_created_at?: string;
}

type Fields = Readonly<Record<string, unknown>>;
type Skipped = ParsedInbound['skipped'][number];

/** Types that hold content for the customer. */
const CONTENT: ReadonlyMap<string, ContentType> = new Map([
  ['message', 'text'],
  ['rich', 'rich'],
  ['image', 'image'],
  ['file', 'file'],
  ['audio', 'audio'],
  ['video', 'video'],
]);

/** Types that tell a change of the conversation. */
const CHANGES: ReadonlyMap<string, InboundEvent['kind']> = new Map([
  ['start_session', 'conversation.started'],
  ['transfer', 'conversation.transferred'],
  ['close', 'conversation.closed'],
]);

/** For staff only, or not supported on the customer's side: the document forbids to show them. */
const HIDDEN: ReadonlySet<string> = new Set([
  'struct',
  'info_transfer',
  'survey',
  'active_guest',
  'info_appoint',
  'form',
  'form_received',
  'info',
  'robot_transfer',
]);

/** What the messages of one callback have in common. */
interface Envelope {
  readonly identity: IdentityRef;
  readonly pluginId: string | undefined;
  /** `agent`, `robot` or `urobot`, in lower case. */
  readonly assignType: string;
}

/** A message in one shape, whoever wrote it. */
interface Note {
  /** Lower case; empty when the message has none. */
  readonly type: string;
  readonly id: string;
  readonly conversationId: string | undefined;
  readonly content: string;
  readonly data: Fields;
  readonly createdAt: string | undefined;
  readonly sender: Sender;
}

/**
 * One callback → an event per message that concerns the customer, in the order of the callback.
 * @throws {MalformedPayloadError} when it is no JSON object, names no customer or has no messages.
 */
export function readUdesk(body: Buffer): ParsedInbound {
  const { value, mode } = readJson(body);
  if (!isRecord(value)) throw new MalformedPayloadError('udesk.body_not_object', 'The body is not a JSON object.');
  const envelope = envelopeOf(value);
  const { messages } = value;
  if (!Array.isArray(messages) && !isRecord(messages)) {
    throw new MalformedPayloadError('udesk.messages_missing', '/messages is neither a list nor an object.');
  }
  const results = [messages].flat().map((message: unknown) => readMessage(message, envelope));
  return {
    events: results.filter((result) => 'key' in result),
    skipped: results.length === 0 ? [{ code: 'udesk.messages_empty' }] : results.filter((result) => 'code' in result),
    parseMode: mode,
  };
}

function readJson(body: Buffer) {
  try {
    return parseLenientJson(body);
  } catch {
    // Without the cause: the parser quotes the body, and the body holds what people wrote.
    throw new MalformedPayloadError('udesk.body_not_json', 'The body is not JSON.');
  }
}

function envelopeOf(callback: Fields): Envelope {
  const identity = (['web_token', 'customer_token', 'sdk_token'] as const)
    .map((name) => ({ kind: `udesk.${name}`, value: textOf(callback[name]) }))
    .find((candidate): candidate is IdentityRef => candidate.value !== undefined);
  if (!identity) {
    throw new MalformedPayloadError('udesk.token_missing', 'There is no /web_token, /customer_token or /sdk_token.');
  }
  return {
    identity,
    pluginId: textOf(callback.im_web_plugin_id),
    assignType: textOf(callback.assign_type)?.toLowerCase() ?? 'agent',
  };
}

/** One message never fails its neighbours: what cannot be used is skipped. */
function readMessage(message: unknown, envelope: Envelope): InboundEvent | Skipped {
  if (!isRecord(message)) return { code: 'udesk.message_not_object' };
  const note = noteOf(message, envelope.assignType);
  if (HIDDEN.has(note.type)) return { code: 'udesk.type_hidden', detail: note.type };
  const contentType = CONTENT.get(note.type);
  if (contentType) return messageEvent(note, contentType, envelope);
  const kind = CHANGES.get(note.type);
  return kind ? changeEvent(note, kind, envelope) : { code: 'udesk.unknown_type', detail: note.type.slice(0, 64) };
}

function noteOf(message: Fields, assignType: string): Note {
  if (assignType === 'urobot') return urobotNote(message);
  const data = isRecord(message.data) ? message.data : {};
  const byRobot = assignType === 'robot';
  const note = {
    type: textOf(message.type)?.toLowerCase() ?? '',
    conversationId: textOf(message.im_sub_session_id),
    content: textOf((byRobot ? data.answer : undefined) ?? data.content) ?? '',
    data,
    createdAt: textOf(message.message_created_at),
    sender: byRobot ? ROBOT : staffOf(message),
  };
  return { ...note, id: textOf(message.message_id) ?? digestOf(note) };
}

/** Answers of the second robot come without a type and under names of their own. */
function urobotNote(message: Fields): Note {
  const note = {
    type: 'message',
    conversationId: textOf(message.sessionId),
    content: textOf(message.ansContent) ?? '',
    data: {},
    createdAt: undefined,
    sender: ROBOT,
  };
  return { ...note, id: textOf(message.logId) ?? digestOf(note) };
}

/** Stands in for a missing message id. */
function digestOf({ type, conversationId, createdAt, content }: Omit<Note, 'id'>): string {
  const parts = [type, conversationId ?? null, createdAt ?? null, content];
  return sha256Hex(JSON.stringify(parts)).slice(0, 32);
}

const ROBOT: Sender = { role: 'robot', name: '智能客服' };

function staffOf(message: Fields): Sender {
  const id = textOf(message.agent_id);
  const name = textOf(message.agent_name);
  const avatarUrl = webAddress(message.agent_avatar);
  return { role: 'staff', ...(id && { id }), ...(name && { name }), ...(avatarUrl && { avatarUrl }) };
}

function messageEvent(note: Note, type: ContentType, envelope: Envelope): InboundEvent {
  const kind = 'conversation.message';
  const { pluginId } = envelope;
  const { conversationId } = note;
  return {
    ...commonFacts(note, envelope),
    kind,
    ...(conversationId !== undefined && { conversation: { id: conversationId } }),
    message: contentOf(note, type),
    push: {
      notify: true,
      deepLink: deepLink('support/udesk/chat', { plugin: pluginId, conversation: conversationId }),
      extras: { ...extrasOf(kind, note, envelope), messageType: type },
    },
  };
}

function changeEvent(note: Note, kind: InboundEvent['kind'], envelope: Envelope): InboundEvent {
  const isClose = kind === 'conversation.closed';
  const id = note.conversationId;
  const closing = isClose ? { closeType: closeTypeOf(note), survey: offersSurvey(note) } : {};
  return {
    ...commonFacts(note, envelope),
    kind,
    ...(id !== undefined && { conversation: { id, ...closing } }),
    message: { id: note.id, type: 'text', vendorType: note.type, text: plainText(note.content) },
    push: isClose ? closeHints(note, envelope) : { notify: false },
  };
}

/** A conversation that is redirected goes on elsewhere: nothing to tell. */
function closeHints(note: Note, envelope: Envelope): PushHints {
  if (closeTypeOf(note) === 'redirect') return { notify: false };
  const id = note.conversationId;
  return {
    notify: true,
    ...(id !== undefined && { collapseId: collapseIdOf(id) }),
    deepLink: deepLink('support/udesk/survey', { conversation: id }),
    extras: extrasOf('conversation.closed', note, envelope),
  };
}

function closeTypeOf({ data }: Note): string | null {
  return textOf(data.close_type)?.toLowerCase() ?? null;
}

/** The documentation's samples have a text in place of the object; that offers nothing. */
function offersSurvey({ data }: Note): boolean {
  return isRecord(data.survey_options) && data.survey_options.enabled === true;
}

/** The vendor's identity of a message, as a digest, since tokens have no limit of length. */
function commonFacts(note: Note, { identity, pluginId }: Envelope) {
  const occurredAt = beijingTime(note.createdAt);
  return {
    key: sha256Hex(JSON.stringify([identity.kind, identity.value, note.id, note.type])),
    ...(occurredAt && { occurredAt }),
    recipient: { identities: [identity], devices: [] },
    sender: note.sender,
    ...(pluginId !== undefined && { attributes: { pluginId } }),
  };
}

function contentOf({ id, type: vendorType, content, data }: Note, type: ContentType): Message {
  if (type === 'text' || type === 'rich') return { id, type, vendorType, text: plainText(content) };
  return { id, type, vendorType, text: null, attachment: attachmentOf(content, data) };
}

/** `filesize` is a rounded text such as "4.3M" and stays in the raw body. */
function attachmentOf(content: string, data: Fields): Attachment {
  const url = webAddress(content);
  const name = textOf(data.filename);
  const durationSeconds = Number(textOf(data.duration) ?? NaN);
  const isDuration = durationSeconds >= 0 && durationSeconds < Infinity;
  return { ...(url && { url }), ...(name && { name }), ...(isDuration && { durationSeconds }) };
}

function extrasOf(kind: string, { conversationId }: Note, { pluginId }: Envelope): Record<string, string> {
  return {
    vendor: 'udesk',
    kind,
    ...(conversationId !== undefined && { conversationId }),
    ...(pluginId !== undefined && { pluginId }),
  };
}

function deepLink(path: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const query = new URLSearchParams(known).toString();
  return query ? `${path}?${query}` : path;
}

/** Gateways take 64 bytes; real conversation ids need a few. */
function collapseIdOf(conversationId: string): string {
  const id = `udesk-close-${conversationId}`;
  return Buffer.byteLength(id) <= 64 ? id : `udesk-close-${sha256Hex(conversationId).slice(0, 32)}`;
}

function webAddress(value: unknown): string | undefined {
  const text = textOf(value);
  return text !== undefined && /^https?:\/\/\S{1,2048}$/i.test(text) && URL.canParse(text) ? text : undefined;
}

/** ISO 8601 UTC. Unverified: the zone; other interfaces of the vendor answer in Beijing time. */
function beijingTime(text: string | undefined): string | undefined {
  const [, year, , month, day, time] =
    /^(\d{4})(?<dash>-?)(\d\d)\k<dash>(\d\d) (\d\d:\d\d:\d\d)$/.exec(text ?? '') ?? [];
  const at = new Date(`${year}-${month}-${day}T${time}+08:00`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
