import type { IncomingHttpHeaders } from 'node:http2';
import { Scripts } from '../scripts.js';
import { stepOfToken, type ApnsReason, type ApnsStep } from './behaviour.js';
import { ProviderTokens, type ApnsCredentials } from './provider-token.js';
import { brokenRule, type ApnsRules } from './rules.js';

export interface GatekeeperOptions extends ApnsRules {
  /** The key whose provider tokens are taken. */
  readonly credentials: ApnsCredentials;
  /** Answers `TooManyRequests` when a device gets more than `count` within `perMs`. */
  readonly deviceLimit?: { readonly count: number; readonly perMs: number };
  /** Provider tokens that a connection may change within 20 minutes. Default: any number. */
  readonly tokenUpdates?: number;
  /** Milliseconds since 1970; the age of provider tokens is measured with it. */
  readonly now?: () => number;
}

/** A request that has come in completely. */
export interface Arrival {
  readonly token: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes of body. */
  readonly bytes: number;
  /** Provider tokens of its connection with the time they first came. */
  readonly seenTokens: Map<string, number>;
}

const TWENTY_MINUTES = 20 * 60_000;

/** Decides how a request ends: credentials, documented rules, limits, scripts, then the ending of the token. */
export class Gatekeeper {
  readonly scripts = new Scripts<ApnsStep>();
  readonly providerTokens: ProviderTokens;
  readonly now: () => number;
  private readonly hits = new Map<string, number[]>();

  constructor(private readonly options: GatekeeperOptions) {
    this.now = options.now ?? Date.now;
    this.providerTokens = new ProviderTokens(options.credentials, this.now);
  }

  decide(arrival: Arrival): ApnsStep {
    return (
      this.providerTokens.refusal(arrival.headers.authorization) ??
      this.tooManyTokens(arrival) ??
      brokenRule(arrival.headers, arrival.bytes, this.options) ??
      this.tooManyRequests(arrival.token) ??
      this.scripts.next(arrival.token) ??
      stepOfToken(arrival.token) ??
      'ok'
    );
  }

  reset(): void {
    this.scripts.clear();
    this.providerTokens.reset();
    this.hits.clear();
  }

  private tooManyTokens({ headers, seenTokens }: Arrival): ApnsReason | undefined {
    const { tokenUpdates } = this.options;
    if (tokenUpdates === undefined) return undefined;
    const now = this.now();
    const current = headers.authorization ?? '';
    if (!seenTokens.has(current)) seenTokens.set(current, now);
    const recent = [...seenTokens.values()].filter((since) => since > now - TWENTY_MINUTES);
    return recent.length > tokenUpdates + 1 ? 'TooManyProviderTokenUpdates' : undefined;
  }

  private tooManyRequests(token: string): ApnsReason | undefined {
    const { deviceLimit } = this.options;
    if (!deviceLimit) return undefined;
    const now = this.now();
    const recent = (this.hits.get(token) ?? []).filter((at) => at > now - deviceLimit.perMs);
    this.hits.set(token, [...recent, now]);
    return recent.length >= deviceLimit.count ? 'TooManyRequests' : undefined;
  }
}
