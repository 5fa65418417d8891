import type { FieldIssue } from './errors.js';
import type { IdentityRef } from './event.js';
import type { HttpCall, HttpResult } from './kit/http.js';
import type { ClassType, Manifest } from './manifest.js';
import type { EffectiveAudience, MessageField, Platform, SendItem, Target } from './message.js';
import type { SendFailure, SendOutcome } from './outcome.js';

/** What a channel can express. Data that the core obeys before it spends a call. */
export interface Capabilities {
  readonly send?: {
    readonly targets: readonly Target['kind'][];
    /** Items handed to one `send`. */
    readonly maxItemsPerCall: number;
    readonly fields: readonly MessageField[];
    /** Kinds of audience that an `audience` target may have; the core resolves the others to people itself. */
    readonly audiences?: readonly EffectiveAudience['kind'][];
  };
  readonly tags?: {
    readonly maxPerUser: number;
    /** UTF-8 bytes of one tag. */
    readonly maxBytes: number;
    /** Users handed to one `replace`. */
    readonly maxUsersPerCall: number;
  };
  readonly pushSwitch?: object;
}

/** At most `limit` calls within a window. All rules of a quota hold together. */
export interface QuotaRule {
  /** Names the refusal: `hour`, `day`. */
  readonly id: string;
  readonly limit: number;
  readonly window: { readonly rollingMs: number } | { readonly calendarDay: string };
}

/** Calls that the vendor counts. One item handed to `send` is one call. */
export interface Quota<C extends object = object> {
  /** What the vendor counts by, such as the app key; integrations with the same key share one ledger. */
  key(config: C): string;
  rules(config: C): readonly QuotaRule[];
}

/** Something else that the vendor offers to our API's callers: issue a signed value, answer a survey, refresh a count. */
export interface ActionManifest {
  /** `h5-link`; the last part of its address. */
  readonly id: string;
  readonly summary: string;
  /** Declares and validates the input like settings; secrets make no sense here. */
  readonly input: ClassType<object>;
  readonly scope: 'read' | 'send' | 'admin';
}

export type ActionResult =
  | { readonly ok: true; readonly data: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly outcome: SendFailure };

/** How devices are registered for a gateway. */
export interface DeviceGateway<C extends object = object> {
  readonly platforms: readonly Platform[];
  /** Anchored regular expression per identifier; what does not match is refused at registration. */
  readonly identifiers: Readonly<Partial<Record<'token' | 'fid', RegExp>>>;
  /** A well-formed token that no device has, for messages that are only looked at. */
  readonly sampleToken: string;
  /** Words for the error: "64 to 200 hexadecimal digits". */
  readonly shape: string;
  /** Tokens are compared in this form (APNs: lower case). */
  normalize(token: string): string;
  /** True when devices belong to a production or a sandbox environment. */
  readonly environments: boolean;
  /** Bundle id or package name that an integration serves; undefined: every one. */
  appIdentifier(config: C): string | undefined;
}

export interface ChannelManifest<C extends object = object> extends Manifest<C> {
  readonly config: ClassType<C>;
  readonly capabilities: Capabilities;
  /** Present when the channel addresses devices. */
  readonly gateway?: DeviceGateway<C>;
  /**
   * Present when the channel addresses people: the identity kind of a `vendorUser` and of users in an audience.
   * `direct`: our user id is taken where no link exists.
   */
  readonly addresses?: { readonly identity: string; readonly direct: boolean };
  readonly quota?: Quota<C>;
  readonly actions?: readonly ActionManifest[];
}

export type CheckResult =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly code: string; readonly detail: string; readonly field?: string };

/** What would leave the process for an item, without its address and credentials. */
export interface Rendered {
  /** Body of the call: JSON as a value, a form as an object of strings. */
  readonly payload: unknown;
  /** Headers that depend on the message. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of the body, the receipt token included. */
  readonly bytes: number;
}

/** What a channel says of a message before any call. */
export interface Inspection {
  /** In the words of our API: `/content/title`, `/audience/users`. Not empty: the message can never be sent. */
  readonly issues: readonly FieldIssue[];
  /** Sent nevertheless: a field that the vendor may ignore. */
  readonly warnings: readonly string[];
  /** Present when there are no issues. */
  readonly rendered?: Rendered;
}

/** What the core lends to an opened channel. */
export interface ChannelContext {
  /** UUID. */
  readonly integrationId: string;
  now(): Date;
  readonly shared: SharedState;
  readonly egress: Egress;
}

/** State of one integration that all processes share. */
export interface SharedState {
  /**
   * A value that is fetched once and kept until it expires, sealed at rest. One process fetches, the others wait for it.
   * @param refresh true: the value `stale` was refused, so fetch unless somebody has replaced it meanwhile.
   */
  cached(
    key: string,
    fetch: () => Promise<{ readonly value: string; readonly expiresAt: Date }>,
    refresh?: { readonly stale: string },
  ): Promise<string>;
  /** Takes one of the evenly spaced slots of a bucket. Milliseconds until the next slot when there is none; 0: taken. */
  takeSlot(bucket: string, everyMs: number): Promise<number>;
}

/** Calls to addresses that customers choose: private, loopback and link-local networks are refused, redirects not followed. */
export interface Egress {
  /** @throws {HttpFailure} when no answer came. @throws {EgressRefusedError} before anything is sent. */
  call(url: string, call: HttpCall): Promise<HttpResult>;
  /** Why an address would be refused whatever its host resolves to; undefined: acceptable so far. */
  refusal(url: string): string | undefined;
}

/** Describes a channel and opens clients. Static and cheap. */
export interface OutboundChannel<C extends object = object> {
  readonly manifest: ChannelManifest<C>;
  /** Opens one client per integration revision; the core caches it and closes it when the revision changes. */
  open(config: C, context: ChannelContext): Promise<ChannelClient>;
  /** Judges and renders an item without sending it. Pure; absent: nothing to say. */
  inspect?(item: SendItem, config: C, now: Date): Inspection;
  /** The receipt token in a link that the vendor's SDK opens the app with; undefined: no such link. */
  receiptIn?(link: string): string | undefined;
}

export interface TagReplacement {
  /** The vendor's id of the person. */
  readonly userId: string;
  /** The whole set; empty clears. */
  readonly tags: readonly string[];
}

/** The opened form. A facet is present exactly when the manifest declares the capability. */
export interface ChannelClient {
  readonly sender?: {
    /**
     * Resolves to one outcome per item, in order. Refusals are outcomes; a rejection is a defect in the plugin.
     * After `signal` aborts, everything open settles promptly: what was not written as `transient`, the rest as `unknown`.
     */
    send(items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]>;
  };
  readonly tags?: {
    /** One outcome per replacement, in order. Overwrites, so an unknown outcome may be tried again. */
    replace(replacements: readonly TagReplacement[], signal: AbortSignal): Promise<readonly SendOutcome[]>;
  };
  readonly pushSwitch?: { set(user: IdentityRef, on: boolean, signal: AbortSignal): Promise<SendOutcome> };
  /** One function per declared action, under its id; the input has been validated. */
  readonly actions?: Readonly<Record<string, (input: object, signal: AbortSignal) => Promise<ActionResult>>>;
  /** The operator's "test connection" button; sends nothing to people. */
  check(signal: AbortSignal): Promise<CheckResult>;
  /** Waits for what is in flight, then releases every connection and timer. */
  close(): Promise<void>;
}
