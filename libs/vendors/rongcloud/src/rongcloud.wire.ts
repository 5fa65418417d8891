import { type ContentType, isRecord, parseExactJson, textOf } from '@bellhop/contracts';

/** Fields of the signature, in every spelling that was seen. Source: "全量消息路由", older callbacks, vendor samples. */
const SPELLINGS = {
  timestamp: ['signTimestamp', 'timestamp', 'rc-timestamp'],
  nonce: ['nonce', 'rc-nonce'],
  signature: ['signature', 'rc-signature'],
} as const;

export interface Proof {
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
}

/** Undefined when a part is missing. */
export function readProof(query: Readonly<Record<string, string>>): Proof | undefined {
  const find = (names: readonly string[]): string | undefined => names.map((name) => query[name]).find(Boolean);
  const timestamp = find(SPELLINGS.timestamp);
  const nonce = find(SPELLINGS.nonce);
  const signature = find(SPELLINGS.signature);
  return timestamp && nonce && signature ? { timestamp, nonce, signature } : undefined;
}

type ConversationType = 'direct' | 'group' | 'system';

/**
 * `channelType`. Chat rooms (TEMPGROUP) and discussions (PERSONS) count as groups, public services (MC, MP) as direct.
 * Source: "全量消息路由".
 */
const CONVERSATIONS: Readonly<Record<string, ConversationType>> = {
  PERSON: 'direct',
  CUSTOMERSERVICE: 'direct',
  MC: 'direct',
  MP: 'direct',
  NOTIFY: 'system',
  GROUP: 'group',
  PERSONS: 'group',
  TEMPGROUP: 'group',
  ULTRAGROUP: 'group',
};

export function conversationTypeOf(channelType: string): ConversationType | undefined {
  return Object.hasOwn(CONVERSATIONS, channelType) ? CONVERSATIONS[channelType] : undefined;
}

/** Built-in types that hold something to show. Source: the vendor's list of message types. */
const CONTENT_TYPES: Readonly<Record<string, ContentType>> = {
  'RC:TxtMsg': 'text',
  'RC:ReferenceMsg': 'text',
  'RC:ImgMsg': 'image',
  'RC:GIFMsg': 'image',
  'RC:VcMsg': 'audio',
  'RC:HQVCMsg': 'audio',
  'RC:SightMsg': 'video',
  'RC:FileMsg': 'file',
  'RC:LBSMsg': 'location',
  'RC:ImgTextMsg': 'rich',
};

/** What an app named itself is `custom`; a built-in type that this table lacks is `unknown`. */
export function contentTypeOf(objectName: string): ContentType {
  if (Object.hasOwn(CONTENT_TYPES, objectName)) return CONTENT_TYPES[objectName] ?? 'unknown';
  return objectName.startsWith('RC:') ? 'unknown' : 'custom';
}

export const RECALLS: ReadonlySet<string> = new Set(['RC:RcCmd', 'RC:RcNtf']);

/** Signals between clients: commands, read receipts, typing. Unverified: whether they are routed at all. */
export const SIGNALS: ReadonlySet<string> = new Set([
  'RC:CmdMsg',
  'RC:CmdNtf',
  'RC:ReadNtf',
  'RC:RRReqMsg',
  'RC:RRRspMsg',
  'RC:SRSMsg',
  'RC:TypSts',
]);

/** A routed message. Source: "全量消息路由", form fields. */
export interface RoutedMessage {
  readonly fromUserId: string;
  readonly toUserId: string;
  readonly objectName: string;
  readonly channelType: string;
  /** JSON for built-in types, anything for custom ones. */
  readonly content: string;
  /** Milliseconds. */
  readonly msgTimestamp?: string;
  readonly msgUID?: string;
  readonly originalMsgUID?: string;
  /** `1`: a blocked word; `2`: words were replaced. */
  readonly sensitiveType?: string;
  /** iOS, Android, Websocket, MiniProgram, PC, Server. */
  readonly source?: string;
  readonly busChannel?: string;
  /** Recipients of a directed group message. */
  readonly groupUserIds: readonly string[];
}

/** Undefined when a field is missing that tells who wrote what to whom. */
export function readMessage(form: URLSearchParams): RoutedMessage | undefined {
  const field = (name: string): string | undefined => textOf(form.get(name));
  const [fromUserId, toUserId] = [field('fromUserId'), field('toUserId')];
  const [objectName, channelType] = [field('objectName'), field('channelType')];
  if (!fromUserId || !toUserId || !objectName || !channelType) return undefined;
  return {
    fromUserId,
    toUserId,
    objectName,
    channelType,
    content: form.get('content') ?? '',
    msgTimestamp: field('msgTimestamp'),
    msgUID: field('msgUID'),
    originalMsgUID: field('originalMsgUID'),
    sensitiveType: field('sensitiveType'),
    source: field('source'),
    busChannel: field('busChannel'),
    groupUserIds: form.getAll('groupUserIds').flatMap(readUserIds),
  };
}

/** `["543","567"]`, `[543,567]`, `543,567` or a single id, one per repeated parameter. */
function readUserIds(value: string): string[] {
  const list = parseExactJson(value);
  const ids = Array.isArray(list) ? list : value.split(',');
  return ids.map(textOf).filter((id) => id !== undefined);
}

/** Members of a built-in message's content; empty for content that is no JSON object. */
export function readContent(content: string): Readonly<Record<string, unknown>> {
  const value = parseExactJson(content);
  return isRecord(value) ? value : {};
}
