import { type FieldIssue, isJsonObject, type PushMessage, RECEIPT_LENGTH } from '@bellhop/contracts';
import type { NimConfig } from './nim.manifest.js';
import { isAccount, MAX_COPY, type NimOptions, type NimTeam, OPTIONS_AT, readOptions } from './nim.options.js';
import { MAX_PAYLOAD, payloadIssues, payloadOf, payloadText } from './nim.payload.js';

/** What stays in a conversation. */
export interface ChatBody {
  readonly kind: 'message';
  readonly type: string;
  /** JSON text. */
  readonly body: string;
}

/** A custom system notification (自定义系统通知). */
export interface NotificationBody {
  readonly kind: 'notification';
  /** JSON text. */
  readonly attach: string;
  readonly save: 1 | 2 | undefined;
}

/** Nothing but the push. */
export interface PushBody {
  readonly kind: 'push';
}

type NimBody = ChatBody | NotificationBody | PushBody;

/** A message in the words of NIM, whomever it goes to. */
export interface NimContent<B extends NimBody = NimBody> {
  /** Undefined when the integration has no sender. */
  readonly from: string | undefined;
  readonly body: B;
  /** Text of the push; undefined: NIM makes it from the message, or does not push. */
  readonly copy: string | undefined;
  /** Without the receipt. */
  readonly payload: Readonly<Record<string, unknown>>;
  readonly option: NimOptions['switches'];
  /** Of notifications. */
  readonly sound: string | undefined;
  readonly forced: boolean;
  readonly forcedCopy: string | undefined;
  readonly team: NimTeam | undefined;
  readonly env: string | undefined;
}

/** What goes to accounts and teams. */
export type AccountContent = NimContent<ChatBody | NotificationBody>;

export interface Prepared<C extends NimContent> {
  /** Not empty: the message cannot be sent to anybody. */
  readonly issues: readonly FieldIssue[];
  readonly warnings: readonly string[];
  readonly content: C;
}

const TEXT = '0';
const CUSTOM = '100';
/** Text, image, audio, video, location, file, tip, custom. Source: message, "type". */
const TYPES: readonly string[] = [TEXT, '1', '2', '3', '4', '6', '10', CUSTOM];
const MAX_BODY = 5000;
const MAX_ATTACH = 4096;
const MAX_SOUND = 30;
/** As long as a real one, so that the verdict on a message holds for every delivery. */
const ANY_RECEIPT = 'r'.repeat(RECEIPT_LENGTH);

export type ContentSettings = Pick<NimConfig, 'sender' | 'mode' | 'save' | 'receipts' | 'env'>;

/** Judges and translates a message. Pure, and the same for every account. */
export function prepareForAccounts(message: PushMessage, config: ContentSettings): Prepared<AccountContent> {
  const { options, issues } = readOptions(message.vendorOptions?.['nim']);
  return judge(message, options, config, bodyOf(message, options, config), issues);
}

/** The same for a push to everyone. */
export function prepareForEveryone(message: PushMessage, config: ContentSettings): Prepared<NimContent<PushBody>> {
  const { options, issues } = readOptions(message.vendorOptions?.['nim']);
  return judge(message, options, config, { kind: 'push' }, [...issues, ...notForEveryone(message, options)]);
}

function judge<B extends NimBody>(
  message: PushMessage,
  options: NimOptions,
  config: ContentSettings,
  body: B,
  issues: readonly FieldIssue[],
): Prepared<NimContent<B>> {
  const content = contentOf(message, options, config, body);
  return {
    issues: [
      ...issues,
      ...copyIssues(message, content),
      ...chatIssues(message),
      ...unsupported(message),
      ...payloadIssues(message, options),
      ...sizeIssues(options, content, config),
    ],
    warnings: warningsOf(message, content),
    content,
  };
}

function contentOf<B extends NimBody>(
  message: PushMessage,
  options: NimOptions,
  config: ContentSettings,
  body: B,
): NimContent<B> {
  const isNotification = body.kind === 'notification';
  // A message that is not pushed needs no copy.
  const isPushed = options.switches.push !== false;
  return {
    from: message.chatMessage?.from ?? config.sender,
    body,
    copy: isPushed ? message.body || undefined : undefined,
    payload: isPushed ? payloadOf(message, options, isNotification ? undefined : message.sound) : {},
    option: options.switches,
    sound: isNotification ? message.sound : undefined,
    forced: message.forced === true,
    forcedCopy: options.forcePushContent ?? options.team?.forcePushContent,
    team: options.team,
    env: config.env,
  };
}

function bodyOf(message: PushMessage, options: NimOptions, config: ContentSettings): ChatBody | NotificationBody {
  if (message.chatMessage) {
    return { kind: 'message', type: message.chatMessage.type, body: message.chatMessage.content };
  }
  if (config.mode === 'message') {
    return { kind: 'message', type: TEXT, body: JSON.stringify({ msg: message.body ?? '' }) };
  }
  return { kind: 'notification', attach: options.attach ?? attachOf(message), save: options.save ?? config.save };
}

/** What the app gets when it is online, where nothing is pushed. */
function attachOf({ title, subtitle, body, deepLink, imageUrl, extras }: PushMessage): string {
  return JSON.stringify({ title, subtitle, body, deepLink, imageUrl, extras });
}

function copyIssues({ body, chatMessage, sound }: PushMessage, { option }: NimContent): FieldIssue[] {
  const issues: FieldIssue[] = [];
  // NIM shows text messages and media by itself, and nothing else.
  const speaksForItself = chatMessage !== undefined && (chatMessage.type !== CUSTOM || option.push === false);
  if (!body && !speaksForItself) issues.push({ field: '/content/body', message: 'is required' });
  if (body && body.length > MAX_COPY) issues.push(tooLong('/content/body', MAX_COPY));
  if (sound && sound.length > MAX_SOUND) issues.push(tooLong('/content/sound', MAX_SOUND));
  return issues;
}

function chatIssues({ chatMessage }: PushMessage): FieldIssue[] {
  if (!chatMessage) return [];
  const at = '/content/chatMessage';
  const { from, type, content } = chatMessage;
  return [
    isAccount(from) ? undefined : { field: `${at}/from`, message: 'must be an account of 1 to 32 characters' },
    TYPES.includes(type) ? undefined : { field: `${at}/type`, message: `must be one of ${TYPES.join(', ')}` },
    isJsonObject(content) ? undefined : { field: `${at}/content`, message: 'must be JSON text of an object' },
    content.length > MAX_BODY ? tooLong(`${at}/content`, MAX_BODY) : undefined,
  ].filter((issue) => issue !== undefined);
}

/** One payload serves every platform. */
function unsupported({ silent, overrides = {} }: PushMessage): FieldIssue[] {
  const issues: FieldIssue[] = [];
  if (silent) issues.push({ field: '/content/silent', message: 'NIM sends no silent pushes' });
  for (const [platform, own] of Object.entries(overrides)) {
    const at = `/content/overrides/${platform}`;
    if (own.silent) issues.push({ field: `${at}/silent`, message: 'NIM sends no silent pushes' });
    if (own.extras) issues.push({ field: `${at}/extras`, message: 'NIM has one set of extras for all platforms' });
  }
  return issues;
}

function notForEveryone({ chatMessage }: PushMessage, { team, switches }: NimOptions): FieldIssue[] {
  const why = 'a push to everyone is nothing but a push';
  return [
    chatMessage && { field: '/content/chatMessage', message: why },
    team && { field: `${OPTIONS_AT}/team`, message: why },
    switches.push === false && { field: `${OPTIONS_AT}/push`, message: why },
  ].filter((issue) => typeof issue === 'object');
}

function sizeIssues(options: NimOptions, { body, payload }: NimContent, { receipts }: ContentSettings): FieldIssue[] {
  const issues: FieldIssue[] = [];
  const hasOwn = Object.keys(options.payload).length > 0;
  const text = payloadText(payload, receipts && options.switches.push !== false ? ANY_RECEIPT : undefined);
  if (text && text.length > MAX_PAYLOAD) {
    issues.push(
      tooLong(hasOwn ? `${OPTIONS_AT}/payload` : '/content/extras', MAX_PAYLOAD, 'with everything else in it'),
    );
  }
  if (body.kind === 'notification' && body.attach.length > MAX_ATTACH) {
    issues.push(tooLong(options.attach === undefined ? '/content/extras' : `${OPTIONS_AT}/attach`, MAX_ATTACH));
  }
  return issues;
}

function warningsOf({ badge, overrides = {} }: PushMessage, { forced, body, team }: NimContent): string[] {
  const badges = [badge, overrides.ios?.badge, overrides.android?.badge];
  const { title, body: text } = overrides.android ?? {};
  return [
    badges.some((each) => each !== undefined) && 'badge: NIM counts by itself and takes no number',
    forced && body.kind !== 'notification' && !team && 'forced: NIM forces notifications, and messages of teams',
    (title ?? text) !== undefined && 'overrides.android: Xiaomi and Meizu phones show the text for all',
  ].filter((warning) => warning !== false);
}

function tooLong(field: string, most: number, how = ''): FieldIssue {
  return { field, message: ['must be at most', String(most), 'characters', how].join(' ').trim() };
}
