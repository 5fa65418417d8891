import type { ClassType, Manifest } from './manifest.js';
import type { MessageField, Platform, SendItem, Target } from './message.js';
import type { SendOutcome } from './outcome.js';

/** What a channel can express. Data that the core obeys before it spends a call. */
export interface Capabilities {
  readonly send?: {
    readonly targets: readonly Target['kind'][];
    /** Items handed to one `send`. */
    readonly maxItemsPerCall: number;
    readonly fields: readonly MessageField[];
    readonly quotas?: readonly { readonly limit: number; readonly perSeconds: number }[];
  };
  readonly tags?: { readonly maxPerUser: number; readonly maxBytes: number };
  readonly pushSwitch?: object;
}

/** How devices are registered for a gateway. */
export interface DeviceGateway<C extends object = object> {
  readonly platforms: readonly Platform[];
  /** Anchored regular expression per identifier; what does not match is refused at registration. */
  readonly identifiers: Readonly<Partial<Record<'token' | 'fid', RegExp>>>;
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
}

export type CheckResult =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly code: string; readonly detail: string; readonly field?: string };

/** Describes a channel and opens clients. Static and cheap. */
export interface OutboundChannel<C extends object = object> {
  readonly manifest: ChannelManifest<C>;
  /** Opens one client per integration revision; the core caches it and closes it when the revision changes. */
  open(config: C): Promise<ChannelClient>;
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
  readonly tags?: { replace(userId: string, tags: readonly string[], signal: AbortSignal): Promise<SendOutcome> };
  readonly pushSwitch?: { set(userId: string, on: boolean, signal: AbortSignal): Promise<SendOutcome> };
  /** The operator's "test connection" button; sends nothing to people. */
  check(signal: AbortSignal): Promise<CheckResult>;
  /** Waits for what is in flight, then releases every connection and timer. */
  close(): Promise<void>;
}
