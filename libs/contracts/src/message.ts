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
  readonly priority: 'high' | 'normal';
  /** Useless from then on: never sent later, and the gateway drops it as well. */
  readonly expiresAt: Date;
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

/** An account of the vendor, an expression over tags, or everybody: the vendor finds the devices. */
export type Target =
  | DeviceTarget
  | { readonly kind: 'vendorUser'; readonly userId: string }
  | { readonly kind: 'audience'; readonly allOf: readonly string[]; readonly anyOf: readonly string[] }
  | { readonly kind: 'everyone' };

/** One message for one target. */
export interface SendItem {
  /** UUID of the delivery, the same on every attempt; gateways that take one get it as message id. */
  readonly id: string;
  readonly message: PushMessage;
  readonly target: Target;
}
