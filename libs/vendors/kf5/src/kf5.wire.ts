import {
  type CallbackDevice,
  type InboundEvent,
  isRecord,
  MalformedPayloadError,
  type Message,
  type ParsedInbound,
  parseLenientJson,
  plainText,
  type Recipient,
  sha256Hex,
  textOf,
} from '@bellhop/contracts';

/**
 * A callback, current grammar. Source: https://developer.kf5.com/doc/app/ios/90. The pages of SDK 1.x lack `user`
 * and `notification.type`. Ids come as numbers or texts, and the documentation itself says "device" and "devices".
 */
export interface Kf5Callback {
  readonly user?: { readonly user_id: number | string };
  readonly device?: readonly Kf5Device[];
  readonly notification: Kf5Notification;
}

export interface Kf5Device {
  /** Whatever the app gave to the SDK: a gateway token or an id of our registry. */
  readonly device_token: string;
  readonly type: 'IOS' | 'ANDROID';
}

export type Kf5Notification =
  { readonly type?: 'ticket'; readonly ticket_id: string } | { readonly type?: 'im'; readonly message: string };

type Fields = Readonly<Record<string, unknown>>;
type Subject = Pick<InboundEvent, 'kind' | 'ticket' | 'message' | 'push'>;

/**
 * One callback → one event.
 * @throws {MalformedPayloadError} when it is no JSON object or does not say what happened.
 */
export function readKf5(body: Buffer, dedupeWindowMs: number): ParsedInbound {
  const { value, mode } = readJson(body);
  if (!isRecord(value)) throw new MalformedPayloadError('kf5.body_not_object', 'The body is not a JSON object.');
  if (!isRecord(value.notification)) {
    throw new MalformedPayloadError('kf5.notification_missing', '/notification is not an object.');
  }
  const recipient = recipientOf(value);
  const subject = subjectOf(value.notification);
  const key = keyOf(subject.kind, value.notification, recipient);
  return { events: [{ ...subject, key, dedupeWindowMs, recipient }], skipped: [], parseMode: mode };
}

function readJson(body: Buffer) {
  try {
    return parseLenientJson(body);
  } catch {
    // Without the cause: the parser quotes the body, and the body holds device tokens.
    throw new MalformedPayloadError('kf5.body_not_json', 'The body is not JSON.');
  }
}

function recipientOf({ user, device, devices }: Fields): Recipient {
  const userId = isRecord(user) ? textOf(user.user_id) : undefined;
  return {
    identities: userId === undefined ? [] : [{ kind: 'kf5.user_id', value: userId }],
    devices: devicesOf([device, devices].flat().filter(isRecord)),
  };
}

/** Blanks dropped, one entry per platform and token, in the order of the callback. */
function devicesOf(entries: readonly Fields[]): CallbackDevice[] {
  const devices = new Map<string, CallbackDevice>();
  for (const entry of entries) {
    const token = textOf(entry.device_token);
    if (token === undefined) continue;
    const platform = platformOf(entry.type);
    devices.set(`${platform} ${token}`, { platform, token });
  }
  return [...devices.values()];
}

function platformOf(type: unknown): CallbackDevice['platform'] {
  const word = textOf(type)?.toLowerCase();
  return word === 'ios' || word === 'android' ? word : 'unknown';
}

function subjectOf(notification: Fields): Subject {
  const type = typeOf(notification);
  if (type === 'ticket') return ticketReply(textOf(notification.ticket_id));
  if (type === 'im') return chatMessage(notification.message);
  throw new MalformedPayloadError('kf5.notification_type_unknown', '/notification/type is neither ticket nor im.');
}

/** The declared type; SDK 1.x declares none, and the member that is there tells. */
function typeOf(notification: Fields): string | undefined {
  const declared = textOf(notification.type);
  if (declared !== undefined) return declared.toLowerCase();
  const isTicket = notification.ticket_id != null;
  const isChat = notification.message != null;
  if (isTicket && isChat) {
    throw new MalformedPayloadError(
      'kf5.notification_ambiguous',
      '/notification has ticket_id and message and no type.',
    );
  }
  return isTicket ? 'ticket' : isChat ? 'im' : undefined;
}

function ticketReply(id: string | undefined): Subject {
  if (id === undefined) throw new MalformedPayloadError('kf5.ticket_id_missing', '/notification/ticket_id is missing.');
  return {
    kind: 'ticket.replied',
    ticket: { id },
    push: {
      notify: true,
      collapseId: collapseIdOf(id),
      deepLink: `support/kf5/ticket/${pathPart(id)}`,
      extras: { vendor: 'kf5', kind: 'ticket.replied', ticketId: id },
    },
  };
}

/** Percent-encoded. The detour through UTF-8 replaces lone surrogates, which `encodeURIComponent` refuses. */
function pathPart(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}

/** Gateways take 64 bytes; real ticket ids need a few. */
function collapseIdOf(ticketId: string): string {
  const id = `kf5-ticket-${ticketId}`;
  return Buffer.byteLength(id) <= 64 ? id : `kf5-ticket-${sha256Hex(ticketId).slice(0, 32)}`;
}

function chatMessage(content: unknown): Subject {
  return {
    kind: 'conversation.message',
    message: messageOf(textOf(content) ?? ''),
    push: {
      notify: true,
      deepLink: 'support/kf5/chat',
      extras: { vendor: 'kf5', kind: 'conversation.message' },
    },
  };
}

/**
 * `message` is one text without a type. Unverified: what it holds for pictures, voice and video;
 * a lone address of such a file is taken for one.
 */
function messageOf(content: string): Message {
  const type = mediaTypeOf(content);
  return type === undefined
    ? { type: 'text', vendorType: 'im', text: plainText(content) }
    : { type, vendorType: 'im', text: null, attachment: { url: content } };
}

const MEDIA = [
  ['image', /\.(?:png|jpe?g|gif|webp|bmp|heic)$/i],
  ['audio', /\.(?:mp3|wav|amr|m4a|aac|ogg|opus)$/i],
  ['video', /\.(?:mp4|mov|m4v|3gp|webm|avi)$/i],
] as const;

function mediaTypeOf(content: string): (typeof MEDIA)[number][0] | undefined {
  if (!/^https?:\/\/\S{1,2048}$/i.test(content)) return undefined;
  const path = URL.parse(content)?.pathname ?? '';
  return MEDIA.find(([, extension]) => extension.test(path))?.[0];
}

/** Callbacks carry no id: a digest of everything that tells one from another. */
function keyOf(kind: string, { ticket_id, message }: Fields, { identities, devices }: Recipient): string {
  const subject = textOf(kind === 'ticket.replied' ? ticket_id : message) ?? '';
  const targets = devices.map(({ platform, token }) => `${platform}:${token}`).sort();
  return sha256Hex(JSON.stringify([identities[0]?.value ?? null, kind, subject, targets]));
}
