/** What a device shows, in the words of no gateway. One object per distinct text: payloads are built once per object. */
export interface PushMessage {
  readonly title?: string;
  readonly subtitle?: string;
  readonly body?: string;
  /** Absolute number for the app icon, 0 to 9,999; 0 clears, absent keeps. */
  readonly badge?: number;
  /** File name in the app bundle, or `default`. */
  readonly sound?: string;
  /** Newer replaces older on screen. */
  readonly collapseId?: string;
  readonly threadId?: string;
  /** Absolute URI the app opens. */
  readonly deepLink?: string;
  readonly extras: Readonly<Record<string, string>>;
  /** https only. */
  readonly imageUrl?: string;
  /** Action category of iOS. */
  readonly category?: string;
  /** Notification channel of Android 8 and later. */
  readonly androidChannel?: string;
  /** Wakes the app and shows nothing; excludes title, body, badge and sound. */
  readonly silent?: boolean;
  /** What one platform shows instead. Device channels never see it: the core has applied it by then. */
  readonly overrides?: Readonly<Partial<Record<Platform, PlatformOverride>>>;
  /** A message that the vendor delivers inside the app besides the push (RongCloud's broadcast message). */
  readonly chatMessage?: ChatMessage;
  /** Fields that only one vendor has, by plugin id; each channel validates its own and ignores the rest. */
  readonly vendorOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Overrides do-not-disturb and mutes at vendors that keep their own. */
  readonly forced?: boolean;
  readonly priority: 'high' | 'normal';
  /** Useless from then on: never sent later, and the gateway drops it as well. */
  readonly expiresAt: Date;
}

/** What differs on one platform; an absent field stays as it is for all. */
export interface PlatformOverride {
  readonly title?: string;
  /** Never empty. */
  readonly body?: string;
  readonly badge?: number;
  readonly silent?: boolean;
  /** Replaces the extras for all. */
  readonly extras?: Readonly<Record<string, string>>;
}

export interface ChatMessage {
  /** Vendor's user id of the sender. */
  readonly from: string;
  /** The vendor's word for the type (`RC:TxtMsg`). */
  readonly type: string;
  /** In the form that the type asks for; JSON text for the vendor's own types. */
  readonly content: string;
}

export const MESSAGE_FIELDS = [
  'title',
  'subtitle',
  'body',
  'badge',
  'sound',
  'collapseId',
  'threadId',
  'deepLink',
  'extras',
  'imageUrl',
  'category',
  'androidChannel',
  'silent',
  'overrides',
  'chatMessage',
  'vendorOptions',
] as const satisfies readonly (keyof PushMessage)[];
export type MessageField = (typeof MESSAGE_FIELDS)[number];

export type Platform = 'ios' | 'android';
export type Environment = 'production' | 'sandbox' | 'unknown';

/** One app install as a gateway addresses it. */
export interface DeviceTarget {
  readonly kind: 'device';
  readonly token: string;
  /** `fid` is a Firebase installation id; everything else is a `token`. */
  readonly identifier: 'token' | 'fid';
  readonly platform: Platform;
  readonly environment: Environment;
  /** Bundle id or package name, where the registration says it. */
  readonly appIdentifier?: string;
}

/** Conditions over people and their devices. Which field wins is told by {@link effectiveAudience}. */
export interface AudienceExpression {
  readonly everyone?: boolean;
  /** User ids; people with all their devices. */
  readonly users?: readonly string[];
  /** People with all of these tags. */
  readonly allOf?: readonly string[];
  /** People with at least one of these tags. */
  readonly anyOf?: readonly string[];
  /** Devices of this bundle id or package name. */
  readonly packageName?: string;
  /** Absent: every platform. */
  readonly platforms?: readonly Platform[];
}

/** Who is meant once the precedence has been applied. */
export type EffectiveAudience =
  | { readonly kind: 'everyone'; readonly platforms: readonly Platform[] }
  | { readonly kind: 'users'; readonly users: readonly string[] }
  | {
      readonly kind: 'tags';
      readonly allOf: readonly string[];
      readonly anyOf: readonly string[];
      readonly packageName?: string;
      readonly platforms: readonly Platform[];
    };

export const PLATFORMS = ['ios', 'android'] as const satisfies readonly Platform[];

/**
 * Precedence: everyone, then users, then tags and package name. Users are reached on every platform; the others on
 * `platforms`. Undefined when there is no condition at all, which is never taken for everyone.
 * Source: RongCloud, broadcast push document, "audience".
 */
export function effectiveAudience(audience: AudienceExpression): EffectiveAudience | undefined {
  const { everyone, users = [], allOf = [], anyOf = [], packageName } = audience;
  const platforms = audience.platforms ?? PLATFORMS;
  if (everyone) return { kind: 'everyone', platforms };
  if (users.length > 0) return { kind: 'users', users: [...new Set(users)] };
  if (allOf.length === 0 && anyOf.length === 0 && !packageName) return undefined;
  return {
    kind: 'tags',
    allOf: [...new Set(allOf)],
    anyOf: [...new Set(anyOf)],
    ...(packageName && { packageName }),
    platforms,
  };
}

/** An account of the vendor, or an audience whose devices the vendor finds. */
export type Target =
  | DeviceTarget
  | { readonly kind: 'vendorUser'; readonly userId: string }
  | { readonly kind: 'audience'; readonly audience: EffectiveAudience };

/** One message for one target. */
export interface SendItem {
  /** UUID of the delivery, the same on every attempt; gateways that take one get it as message id. */
  readonly id: string;
  readonly message: PushMessage;
  readonly target: Target;
  /** Signed token that the app sends back when the push was delivered or opened; goes into the payload as {@link RECEIPT_KEY}. */
  readonly receipt?: string;
}

/** Name of the receipt token in a payload's data. Extras cannot use it. */
export const RECEIPT_KEY = 'bellhop_receipt';
/** Characters of every receipt token, so that a payload's size does not depend on the delivery. */
export const RECEIPT_LENGTH = 64;
