export type RongCloudPlatform = 'ios' | 'android' | 'harmonyOS';

/** Who is meant after the precedence: everybody, then users, then tags and package name together. */
export type RongCloudAudience =
  | { readonly all: true }
  | { readonly userIds: readonly string[] }
  | {
      readonly tagsAll: readonly string[];
      readonly tagsAny: readonly string[];
      readonly packageName?: string;
    };

/** What devices of one platform show. */
export interface RongCloudShown {
  readonly body: string;
  readonly title?: string;
  /** Absent keeps the number, 0 clears it. */
  readonly badge?: number;
  readonly silent: boolean;
  readonly extras?: Readonly<Record<string, string>>;
  /** Every other member of the platform's object, as it came. */
  readonly vendor?: Readonly<Record<string, unknown>>;
}

export interface RongCloudPushCommand {
  readonly kind: 'push';
  readonly mode: 'push' | 'broadcast';
  readonly audience: RongCloudAudience;
  /** Null where it has no effect: beside users. */
  readonly platforms: readonly RongCloudPlatform[] | null;
  readonly message?: { readonly from: string; readonly objectName: string; readonly content: string };
  /** Absent: a broadcast that shows nothing. */
  readonly shown?: Readonly<Record<RongCloudPlatform, RongCloudShown>>;
}

/** What a request asks for; equal for two requests that mean the same. */
export type RongCloudCommand =
  | RongCloudPushCommand
  | { readonly kind: 'tags'; readonly userIds: readonly string[]; readonly tags: readonly string[] }
  | { readonly kind: 'query'; readonly userIds: readonly string[] };
