import type { InboundEvent } from './event.js';
import type { IdentityRef } from './event.js';
import type { Manifest } from './manifest.js';

/** One HTTP request as it arrived: bytes untouched, names normalised. */
export interface RawRequest {
  /** Upper case. */
  readonly method: string;
  /** What follows the URL secret, without the leading slash; empty at the base address. */
  readonly path: string;
  /** Decoded query parameters without a prototype; of a repeated name the first value counts. */
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names. Of a repeated header the values are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

declare const verified: unique symbol;

/** A request whose origin has been proved. Only {@link accept} makes one, so unproved bytes cannot reach `parse`. */
export type VerifiedRequest = RawRequest & { readonly [verified]: true };

/** Why a request is refused: nothing to check, a check that failed, or a proof that is too old. */
export interface Refusal {
  readonly ok: false;
  readonly reason: 'missing' | 'mismatch' | 'stale';
  /** Stable code for logs and metrics (`echat.decrypt_failed`). Never sent to the caller. */
  readonly code: string;
}

export interface Acceptance {
  readonly ok: true;
  readonly request: VerifiedRequest;
  /** Names a proof that may be used for one body only, such as a signed nonce. The core keeps it and refuses a second body. */
  readonly proof?: { readonly key: string; readonly reusedCode: string };
}

export type Verdict = Acceptance | Refusal;

/**
 * Marks a request as proved.
 * @param plaintext replaces the body where the vendor encrypts.
 * @param proof     see {@link Acceptance.proof}.
 */
export function accept(request: RawRequest, plaintext?: Buffer, proof?: Acceptance['proof']): Acceptance {
  const body = plaintext ?? request.body;
  return { ok: true, request: { ...request, body } as VerifiedRequest, ...(proof && { proof }) };
}

export function refuse(reason: Refusal['reason'], code: string): Refusal {
  return { ok: false, reason, code };
}

/**
 * What became of a callback, as far as the vendor must know.
 * `stored` and `duplicate`: it is safe. `malformed`: authentic, kept in quarantine, unusable as it is.
 * `rejected`: an authentic command that breaks a rule; nothing was stored.
 * `refused`: not authentic. `unavailable`: not stored, please send again.
 */
export type InboundResult = 'stored' | 'duplicate' | 'rejected' | 'refused' | 'malformed' | 'unavailable';

/** What an adapter builds its reply from. */
export interface Acknowledgement {
  readonly result: InboundResult;
  /** Without its body when the result is `unavailable`: it may not have been read. */
  readonly request: RawRequest;
  /** Public ids of the events, in the order of the callback; of a `duplicate`, none. */
  readonly eventIds: readonly string[];
  /** Of everything but `stored` and `duplicate`: our stable code (`rongcloud.tag_too_long`). */
  readonly code?: string;
  /** Of `rejected`: words for the caller. */
  readonly detail?: string;
}

/** What an adapter may read to answer a question of the vendor's protocol. */
export interface ReadPort {
  /** Tags by user, in the vendor's ids of `identityKind`; changes that were acknowledged before count. */
  tagsOf(identityKind: string, values: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ParsedInbound {
  /** In the order of the callback. One callback makes at most one notification per recipient. */
  readonly events: readonly InboundEvent[];
  /** Parts that were understood and are of no use here. Without events, the first one names why the callback is ignored. */
  readonly skipped: readonly { readonly code: string; readonly detail?: string }[];
  /** `tolerant` when the body broke its own grammar and was repaired. */
  readonly parseMode: 'strict' | 'tolerant';
}

/** How much of a callback's origin the vendor proves. Every adapter gets the secret in the URL in addition. */
export type Authenticity = 'signature' | 'shared-secret' | 'url-secret';

export interface InboundManifest<C extends object = object> extends Manifest<C> {
  readonly authenticity: Authenticity;
  /** Methods of callbacks; others are answered 405, unless `handshake` answers them. */
  readonly methods: readonly string[];
  /** Bytes of body accepted, after inflation. Default 262,144. */
  readonly bodyLimit?: number;
  /** Every event kind that `parse` can return; a kind of your own starts with the plugin id (`acme.order_shipped`). */
  readonly emits: readonly string[];
  /** Identity kinds that events carry. `direct`: by default the value is taken for our user id when no link exists. */
  readonly identities: readonly { readonly kind: string; readonly summary: string; readonly direct?: boolean }[];
  /** True when callbacks carry device tokens that may be used although nobody registered them here. */
  readonly carriesDevices?: boolean;
}

/**
 * Translates a vendor's callbacks. Pure: time is an argument, and there is no network, database or log,
 * so every vendor can be tested from files.
 */
export interface InboundAdapter<C extends object = object> {
  readonly manifest: InboundManifest<C>;
  /** Answers the vendor's address check, proving its origin itself; undefined means an ordinary callback. */
  handshake?(request: RawRequest, config: C, now: Date): HttpReply | Refusal | undefined;
  /** Proves origin and freshness from the raw bytes. Decrypts where the vendor encrypts. */
  verify(request: RawRequest, config: C, now: Date): Verdict;
  /**
   * @throws {MalformedPayloadError} when the body breaks the documented shape; kinds we do not use go to `skipped`.
   * @throws {CommandRejectedError} when it is a command that the sender must put right.
   */
  parse(request: VerifiedRequest, config: C): ParsedInbound;
  /** The exact reply this vendor counts as received, or as "send again". */
  acknowledge(acknowledgement: Acknowledgement): HttpReply;
  /**
   * Answers a question instead of taking an event in; undefined means there is something to parse.
   * @throws {CommandRejectedError} when the question breaks a rule.
   */
  query?(request: VerifiedRequest, config: C, read: ReadPort): Promise<HttpReply | undefined>;
  /**
   * Judges an identity that proves itself, such as a value that we signed.
   * Undefined: look it up. A user id: it is that user. `untrusted`: do not use it.
   */
  vouch?(
    identity: IdentityRef,
    config: C,
    integrationId: string,
  ): { readonly userId: string } | 'untrusted' | undefined;
}
