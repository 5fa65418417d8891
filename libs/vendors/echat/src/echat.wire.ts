import { MalformedPayloadError, type ContentType } from '@bellhop/contracts';

/** Leaf elements of a push, first value each. Ids stay text, since they are 64-bit. */
export type EchatFields = Readonly<Record<string, string | undefined>>;

/** `msgType` in the query → `type` in the body. Source: "接收推送数据", request parameters. */
const BODY_TYPES = { msgReply: '3', msgSend: '4', chatSend: '5' } as const;
export type PushType = keyof typeof BODY_TYPES;

export function isPushType(msgType: string | undefined): msgType is PushType {
  return msgType !== undefined && Object.hasOwn(BODY_TYPES, msgType);
}

export interface ChatContent {
  readonly kind:
    | 'conversation.message'
    | 'conversation.started'
    | 'conversation.notice'
    | 'conversation.closed'
    | 'conversation.survey_invited';
  readonly type: ContentType;
  readonly notify: boolean;
  /** Which notice it is. */
  readonly notice?: 'busy' | 'idle_warning';
}

/** `contentType` of a chatSend. Source: "接收推送数据", table of chatSend. `content` is empty for 22, 23 and 25. */
const CHAT_CONTENTS: Readonly<Record<string, ChatContent>> = {
  1: { kind: 'conversation.started', type: 'text', notify: false },
  2: { kind: 'conversation.notice', type: 'text', notify: false, notice: 'busy' },
  3: { kind: 'conversation.notice', type: 'text', notify: true, notice: 'idle_warning' },
  4: { kind: 'conversation.closed', type: 'text', notify: true },
  21: { kind: 'conversation.message', type: 'text', notify: true },
  22: { kind: 'conversation.message', type: 'image', notify: true },
  23: { kind: 'conversation.message', type: 'file', notify: true },
  24: { kind: 'conversation.survey_invited', type: 'text', notify: true },
  25: { kind: 'conversation.message', type: 'rich', notify: true },
};
const OTHER_CONTENT: ChatContent = { kind: 'conversation.message', type: 'unknown', notify: true };

export function chatContentOf(contentType = ''): ChatContent {
  return Object.hasOwn(CHAT_CONTENTS, contentType) ? (CHAT_CONTENTS[contentType] ?? OTHER_CONTENT) : OTHER_CONTENT;
}

/** `visitorType`. `third_party`: reached through WeChat or a custom channel, not through an app of ours. */
const VISITORS: Readonly<Record<string, string>> = {
  '-1': 'unknown',
  '0': 'guest_web',
  '1': 'member',
  '2': 'guest_sdk',
  '4': 'wechat',
  '5': 'custom',
};

export function visitorTypeOf({ visitorType = '' }: EchatFields): string {
  return Object.hasOwn(VISITORS, visitorType) ? (VISITORS[visitorType] ?? 'unknown') : 'unknown';
}

/** Elements that decide who is told what. Two values mean that somebody wrote XML into a text. */
const SINGLE = ['companyId', 'uid', 'visitorType', 'msgId', 'type', 'talkId', 'pushInfo', 'mediaId', 'appId'];
/** Longs have at most 19 digits; generous, and short enough for an event key. */
const MAX_ID = 64;

export interface EchatPush {
  readonly type: PushType;
  readonly msgId: string;
  readonly companyId: string;
  readonly fields: EchatFields;
}

/**
 * The push in a document.
 * @param type `msgType` of the query, which the document must agree with.
 * @throws {MalformedPayloadError} for a document that cannot be a push of this type.
 */
export function readPush(document: ReadonlyMap<string, readonly string[]>, type: PushType): EchatPush {
  if (document.size === 0) throw new MalformedPayloadError('echat.body_not_xml', 'The body holds no XML element.');
  for (const name of SINGLE) {
    if (new Set(document.get(name)).size > 1) {
      throw new MalformedPayloadError('echat.duplicate_field', `${name} occurs with different values.`);
    }
  }
  const fields: EchatFields = Object.assign(
    Object.create(null),
    Object.fromEntries([...document].map(([name, [value]]) => [name, value])),
  );
  const push = { type, fields, msgId: requiredId(fields, 'msgId'), companyId: requiredId(fields, 'companyId') };
  if (fields.type && fields.type !== BODY_TYPES[type]) {
    throw new MalformedPayloadError('echat.type_mismatch', `type must be ${BODY_TYPES[type]} in a ${type} push.`);
  }
  return push;
}

function requiredId(fields: EchatFields, name: string): string {
  const id = fields[name];
  if (id && id.length <= MAX_ID) return id;
  throw new MalformedPayloadError('echat.required_field_missing', `${name} must have 1 to ${MAX_ID} characters.`);
}
