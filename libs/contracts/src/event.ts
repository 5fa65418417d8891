import type { AudienceExpression, PlatformOverride, Platform } from './message.js';

/** Canonical event kinds. A plugin may add its own under its id (`acme.order_shipped`). */
export const EVENT_KINDS = [
  'conversation.message',
  'conversation.started',
  'conversation.transferred',
  'conversation.notice',
  'conversation.closed',
  'conversation.survey_invited',
  'message.recalled',
  'leave_message.replied',
  'ticket.replied',
  'staff.outreach',
  'notification.custom',
  'presence.changed',
  'push.requested',
  'tags.replaced',
] as const;

export type CanonicalEventKind = (typeof EVENT_KINDS)[number];
export type EventKind = CanonicalEventKind | (`${string}.${string}` & {});

/** What a message holds. `rich` is formatted text with pictures; `unknown` is a code this adapter has not met. */
export const CONTENT_TYPES = [
  'text',
  'image',
  'audio',
  'video',
  'file',
  'rich',
  'location',
  'custom',
  'unknown',
] as const;
export type ContentType = (typeof CONTENT_TYPES)[number];

/** A vendor's name for a person. Unique per integration and kind. */
export interface IdentityRef {
  /** `{plugin}.{what}`, for example `kf5.user_id`. */
  readonly kind: string;
  readonly value: string;
}

/** A device address that came with the callback. */
export interface CallbackDevice {
  readonly platform: 'ios' | 'android' | 'unknown';
  /** A gateway token, or an id of our own device registry. */
  readonly token: string;
}

/** Who is to be informed, as far as the vendor says. Routing finds the rest in the registry. */
export interface Recipient {
  /** Most trusted first. */
  readonly identities: readonly IdentityRef[];
  readonly devices: readonly CallbackDevice[];
}

export interface Sender {
  readonly id?: string;
  /** Name that may be shown to the customer. */
  readonly name?: string;
  readonly avatarUrl?: string;
  readonly role: 'staff' | 'robot' | 'user' | 'system';
}

export interface Attachment {
  readonly url?: string;
  readonly name?: string;
  /** Bytes. */
  readonly size?: number;
  readonly durationSeconds?: number;
}

export interface Message {
  readonly id?: string;
  readonly clientId?: string;
  readonly type: ContentType;
  /** The vendor's word for the type (`RC:TxtMsg`, `PICTURE`, `22`). */
  readonly vendorType: string;
  /** Plain text: tags stripped, entities decoded. Null when the message has no text. */
  readonly text: string | null;
  readonly attachment?: Attachment;
}

/** A session of a person on the vendor's long connection. `online` does not say whether the app is in front. */
export type SessionState = 'online' | 'foreground' | 'background' | 'offline' | 'loggedOut' | 'kicked';
export type ClientType = 'mobile' | 'desktop' | 'unknown';

export interface Presence {
  readonly state: SessionState;
  readonly client: ClientType;
  /** Tells the sessions of one person apart: the vendor's session or device id. */
  readonly session: string;
}

/** A reason that forbids the push whoever receives it or what it holds. */
export type Veto = 'notFriends' | 'blacklisted' | 'antispam' | 'pushDisabled';

/** What the vendor says about showing the event. */
export interface PushHints {
  /** False: a change of state that is never shown. */
  readonly notify: boolean;
  readonly vetoes?: readonly Veto[];
  /** Text that the vendor or the sender chose for the push; wins over templates. */
  readonly text?: string;
  /** Overrides do-not-disturb and mutes, nothing else. */
  readonly forced?: boolean;
  /** Text for forced recipients; wins over `text`. */
  readonly forcedText?: string;
  /** Puts "{sender}:" before the text. */
  readonly prefixSender?: boolean;
  /** The vendor hands the message over itself while the person has a live session: do not push then. */
  readonly skipWhenOnline?: boolean;
  /** Absolute number for the app icon, 0 to 9,999. */
  readonly badge?: number;
  /** Newer replaces older on screen. At most 64 bytes. */
  readonly collapseId?: string;
  /** Groups notifications on screen. */
  readonly threadId?: string;
  /** Path of the screen to open, without the app's scheme (`support/kf5/chat`). */
  readonly deepLink?: string;
  /** Handed to the app. */
  readonly extras?: Readonly<Record<string, string>>;
}

/** A command to push to an audience (`push.requested`). */
export interface PushRequest {
  /** `users` are values of `identityKind`. */
  readonly audience: AudienceExpression;
  readonly identityKind: string;
  readonly content: {
    readonly title?: string;
    readonly body?: string;
    readonly badge?: number;
    readonly silent?: boolean;
    readonly extras?: Readonly<Record<string, string>>;
    readonly overrides?: Readonly<Partial<Record<Platform, PlatformOverride>>>;
  };
}

/** A command to replace the tags of people (`tags.replaced`). */
export interface TagCommand {
  readonly identityKind: string;
  /** Values of `identityKind`. */
  readonly users: readonly string[];
  readonly tags: readonly string[];
}

/** A normalised fact from a callback. Plain JSON: it is stored as it is. */
export interface InboundEvent {
  readonly kind: EventKind;
  /** The vendor's identity of the event, or a digest where there is none. Makes a redelivery a `duplicate`. At most 512 characters. */
  readonly key: string;
  /** Second identity of the same event, for example the client's id of a message sent again. */
  readonly aliasKey?: string;
  /** Set when `key` is no identity but a digest: the same key counts as a redelivery within this time only. 0 = never. */
  readonly dedupeWindowMs?: number;
  /** ISO 8601 UTC; absent when the vendor does not say. */
  readonly occurredAt?: string;
  readonly recipient: Recipient;
  readonly sender?: Sender;
  readonly conversation?: {
    readonly id: string;
    readonly type?: 'direct' | 'group' | 'system';
    /** `normal`, `redirect` or `force` for conversation.closed. */
    readonly closeType?: string | null;
    /** The person may rate the conversation. */
    readonly survey?: boolean;
  };
  readonly message?: Message;
  readonly ticket?: { readonly id: string };
  readonly presence?: Presence;
  readonly request?: PushRequest;
  readonly tags?: TagCommand;
  /** BCP 47 language of the recipient, where the vendor knows it. */
  readonly locale?: string;
  readonly push: PushHints;
  /** Copy for a kind that the core has no template for. */
  readonly copy?: { readonly title?: string; readonly body?: string };
  /** The vendor's own fields worth keeping in view; strings only. */
  readonly attributes?: Readonly<Record<string, string>>;
}
