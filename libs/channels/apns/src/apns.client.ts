import type { ChannelClient, CheckResult, SendItem, SendOutcome } from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import { type ApnsConfig, type ApnsEnvironment, apnsManifest } from './apns.manifest.js';
import { ApnsPool, type Flight, NOT_SENT } from './apns.pool.js';
import type { ApnsPayload } from './apns.payload.js';
import { headersOf, notificationOf, readyItem, type ReadyItem } from './apns.request.js';

/** One item of a call. */
interface Delivery extends Flight {
  readonly item: SendItem;
  outcome?: SendOutcome;
}

const CLOSED: SendOutcome = { kind: 'transient', reason: 'channel.closed' };
const CUT_OFF: SendOutcome = { kind: 'unknown', reason: 'send.aborted' };
const KEY_UNUSABLE: SendOutcome = { kind: 'misconfigured', reason: 'credentials.key_unusable', field: 'p8' };
const KNOWN_NOWHERE: SendOutcome = {
  kind: 'invalidTarget',
  reason: 'token.not_recognised',
  vendorCode: 'BadDeviceToken',
  detail: 'Refused by the production and by the sandbox gateway.',
};
const OTHER_ENVIRONMENT: SendOutcome = {
  kind: 'wrongBinding',
  reason: 'token.environment_not_served',
  detail: 'The signing key is limited to the other environment.',
};

/** Well-formed, and no device has it. */
const NOBODY = apnsManifest.gateway?.sampleToken ?? '';

/** Sends to the devices of one app. The connections of an environment open when it is first needed. */
export class ApnsClient implements ChannelClient {
  readonly sender: NonNullable<ChannelClient['sender']> = { send: (items, signal) => this.send(items, signal) };
  private readonly pools = new Map<ApnsEnvironment, ApnsPool>();
  private readonly open = new Set<Promise<unknown>>();
  /** The headers of a message, built once for all of its devices. */
  private readonly headers = new WeakMap<ApnsPayload, Readonly<Record<string, string>>>();
  private closed = false;

  constructor(private readonly config: ApnsConfig) {}

  /** A request for a device that does not exist: the gateway judges the credentials before it looks at the token. */
  async check(signal: AbortSignal): Promise<CheckResult> {
    const { environment } = this.config;
    const item: SendItem = {
      id: randomUUID(),
      message: { silent: true, extras: {}, priority: 'normal', expiresAt: new Date() },
      target: { kind: 'device', token: NOBODY, identifier: 'token', platform: 'ios', environment },
    };
    const [outcome = NOT_SENT] = await this.send([item], signal);
    return checkResultOf(outcome, environment);
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.open);
    await Promise.all([...this.pools.values()].map((pool) => pool.close()));
  }

  private async send(items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    if (this.closed) return items.map(() => CLOSED);
    const deliveries = items.map((item): Delivery => ({ item, signal, airborne: false }));
    await untilAborted(this.track(Promise.all(deliveries.map((delivery) => this.deliver(delivery)))), signal);
    return deliveries.map(({ outcome, airborne }) => outcome ?? (airborne ? CUT_OFF : NOT_SENT));
  }

  /** An aborted call returns early; {@link close} waits for what it left in flight. */
  private track<T>(work: Promise<T>): Promise<T> {
    const tracked = work.finally(() => this.open.delete(tracked));
    this.open.add(tracked);
    return tracked;
  }

  private async deliver(delivery: Delivery): Promise<void> {
    const ready = readyItem(delivery.item);
    delivery.outcome = 'refusal' in ready ? ready.refusal.outcome : await this.route(ready, delivery);
  }

  private route(item: ReadyItem, flight: Flight): Promise<SendOutcome> {
    const { environment } = item;
    if (environment === 'unknown') return this.probe(item, flight);
    return environment === this.config.environment
      ? this.attempt(item, environment, flight)
      : this.bound(item, environment, flight);
  }

  /** A key may be limited to one environment. That is no fault of the integration unless its own is refused. */
  private async bound(item: ReadyItem, environment: ApnsEnvironment, flight: Flight): Promise<SendOutcome> {
    const outcome = await this.attempt(item, environment, flight);
    return isKeyOfOtherEnvironment(outcome) ? OTHER_ENVIRONMENT : outcome;
  }

  /** The default environment, then once the other one, which alone can tell a foreign token from a bad one. */
  private async probe(item: ReadyItem, flight: Flight): Promise<SendOutcome> {
    const { environment } = this.config;
    const first = await this.attempt(item, environment, flight);
    if (first.kind === 'accepted') return { ...first, environment };
    if (!isBadToken(first)) return first;
    const other = environment === 'production' ? 'sandbox' : 'production';
    const second = await this.attempt(item, other, flight);
    if (second.kind === 'accepted') return { ...second, environment: other };
    if (isBadToken(second)) return KNOWN_NOWHERE;
    return second.kind === 'misconfigured' ? first : second;
  }

  private attempt(item: ReadyItem, environment: ApnsEnvironment, flight: Flight): Promise<SendOutcome> {
    const pool = this.pool(environment);
    if (!pool) return Promise.resolve(KEY_UNUSABLE);
    return pool.send(notificationOf(item, this.headersFor(item)), item.token, flight);
  }

  private headersFor(item: ReadyItem): Readonly<Record<string, string>> {
    let headers = this.headers.get(item.payload);
    if (!headers) {
      headers = headersOf(item, this.config.bundleId);
      this.headers.set(item.payload, headers);
    }
    return headers;
  }

  /** Undefined when the key cannot sign, which the validation of the settings should have told. */
  private pool(environment: ApnsEnvironment): ApnsPool | undefined {
    const known = this.pools.get(environment);
    if (known) return known;
    try {
      const pool = new ApnsPool(this.config, environment);
      this.pools.set(environment, pool);
      return pool;
    } catch {
      return undefined;
    }
  }
}

function isBadToken(outcome: SendOutcome): boolean {
  return outcome.kind === 'wrongBinding' && outcome.vendorCode === 'BadDeviceToken';
}

function isKeyOfOtherEnvironment(outcome: SendOutcome): boolean {
  return outcome.kind === 'misconfigured' && outcome.reason === 'credentials.other_environment';
}

/** Any answer about the token proves that the credentials were taken. */
function checkResultOf(outcome: SendOutcome, environment: ApnsEnvironment): CheckResult {
  if (outcome.kind === 'accepted' || outcome.kind === 'wrongBinding' || outcome.kind === 'invalidTarget') {
    return { ok: true, detail: `The ${environment} gateway takes the key and the bundle ID.` };
  }
  const words = [outcome.vendorCode, outcome.detail].filter((word) => word !== undefined);
  const field = outcome.kind === 'misconfigured' ? outcome.field : undefined;
  return {
    ok: false,
    code: outcome.reason,
    detail: words.join(': ') || 'The gateway gave no answer.',
    ...(field && { field }),
  };
}

/** Settles with the work, or as soon as the signal aborts. */
function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve();
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(stop, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
