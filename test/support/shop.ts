import { RECEIPT_KEY, RECEIPT_LENGTH } from '@bellhop/contracts';
import {
  type ApnsRequest,
  apnsToken,
  type Callback,
  type FcmRequest,
  fcmToken,
  sendCallback,
} from '@bellhop/simulators';
import type { Device } from '../../src/core/devices/device.entity.js';
import type { IntegrationSettings } from '../../src/core/integrations/integration.settings.js';
import type { Attempt, DeliveryState } from '../../src/core/notifications/delivery.entity.js';
import { eventually, type Gateways, type TestApp, type TestPlatform } from './app.js';

export interface Phones {
  readonly userId: string;
  readonly iphone: Device;
  readonly android: Device;
  readonly iosToken: string;
  readonly androidToken: string;
}

export interface EventRow {
  readonly id: string;
  readonly kind: string | null;
  readonly key: string;
  readonly state: string;
  readonly reason: string | null;
  readonly notification_id: string | null;
}

export interface DeliveryRow {
  readonly id: string;
  readonly notification_id: string;
  readonly integration_id: string | null;
  readonly channel: string | null;
  readonly device_id: string | null;
  readonly user_id: string | null;
  readonly locale: string;
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly attempts: readonly Attempt[];
  readonly attempt_count: number;
  readonly fence: number;
  readonly not_before: Date | null;
  readonly held_at: Date | null;
  readonly expires_at: Date;
  readonly updated_at: Date;
}

export interface NotificationRow {
  readonly id: string;
  readonly event_id: string | null;
  readonly state: string;
  readonly target_count: number;
  readonly pending_count: number;
  readonly done_at: Date | null;
}

/** What a device showed, in the words of its gateway. */
export interface Shown {
  readonly title?: string;
  readonly body?: string;
  readonly badge?: number;
}

interface ApnsPayload {
  readonly aps: { readonly alert?: Shown; readonly badge?: number; readonly 'thread-id'?: string };
  readonly deepLink?: string;
  readonly extras?: Readonly<Record<string, string>>;
}

let tokens = 0;
/** Tokens that no other test of this process uses. */
export const freshApnsToken = (...[step, options]: Parameters<typeof apnsToken>): string =>
  apnsToken(step, { ...options, number: ++tokens });
export const freshFcmToken = (step?: string): string => fcmToken(step, ++tokens);

/** A fresh app with a channel to each simulated gateway. */
export class Shop {
  private constructor(
    readonly app: TestApp,
    readonly gateways: Gateways,
    readonly apns: { readonly id: string; readonly publicId: string },
    readonly fcm: { readonly id: string; readonly publicId: string },
  ) {}

  static async open(platform: TestPlatform, gateways: Gateways): Promise<Shop> {
    const app = await platform.createApp();
    const apns = await app.integrate({ plugin: 'apns', name: 'iPhones', config: gateways.apnsConfig });
    const fcm = await app.integrate({ plugin: 'fcm', name: 'Androids', config: gateways.fcmConfig });
    return new Shop(app, gateways, apns, fcm);
  }

  /** A person with an iPhone that speaks Chinese, and an Android phone that speaks English. */
  async person(userId: string): Promise<Phones> {
    const iosToken = freshApnsToken();
    const androidToken = freshFcmToken();
    const iphone = await this.app.device(userId, 'apns', iosToken, { locale: 'zh-CN' });
    const android = await this.app.device(userId, 'fcm', androidToken, { locale: 'en' });
    return { userId, iphone, android, iosToken, androidToken };
  }

  /** The integration of a vendor. */
  vendor(plugin: string, config: Record<string, unknown> = {}, settings: Partial<IntegrationSettings> = {}) {
    return this.app.integrate({ plugin, name: plugin, config, settings });
  }

  /** Links a vendor's name for a person. */
  async link(userId: string, integrationId: string, kind: string, value: string): Promise<void> {
    const reply = await this.app.call('PUT', `/v1/users/${userId}/identities`, { integrationId, kind, value });
    expect(reply.status).toBe(200);
  }

  /** Posts a callback that must be taken. */
  async post(inboundUrl: string, callback: Callback): Promise<string> {
    const { status, body } = await sendCallback(inboundUrl, callback);
    expect([status, body]).toEqual([200, body]);
    return body;
  }

  /** Posts a callback, and waits until everything it led to has ended. */
  async deliver(inboundUrl: string, callback: Callback): Promise<void> {
    await this.post(inboundUrl, callback);
    await this.settled();
  }

  /** Asks for a push over the API; it must be accepted. */
  async notify(audience: object, content: object = { title: 'Hello' }, more: object = {}): Promise<string> {
    const reply = await this.app.call<{ id: string }>('POST', '/v1/notifications', { audience, content, ...more });
    expect([reply.status, reply.body]).toEqual([202, reply.body]);
    return reply.body.id;
  }

  /** Waits until no event waits to be routed, and no delivery to be sent. */
  settled(): Promise<unknown> {
    return eventually(async () => {
      const rows = await this.query<{ open: number }>(
        `SELECT (SELECT count(*) FROM inbound_event WHERE app_id = $1 AND state = 'accepted')::int
              + (SELECT count(*) FROM notification WHERE app_id = $1 AND state = 'planning' AND paused_at IS NULL)::int
              + (SELECT count(*) FROM delivery WHERE app_id = $1 AND state IN ('queued', 'sending')
                   AND (not_before IS NULL OR not_before <= now()))::int AS open`,
      );
      return rows[0]?.open === 0;
    });
  }

  /** What reached the APNs simulator for a token, oldest first. */
  onApns(token: string): readonly ApnsRequest[] {
    return this.gateways.apns.requests.filter((request) => request.token === token);
  }

  onFcm(token: string): readonly FcmRequest[] {
    return this.gateways.fcm.requests.filter((request) => request.token === token);
  }

  /** Title and body of every push that an iPhone got. */
  alerts({ iosToken }: Pick<Phones, 'iosToken'>): Shown[] {
    return this.onApns(iosToken).map(({ payload }) => (payload as ApnsPayload).aps.alert ?? {});
  }

  /** Title and body of every push that an Android phone got. */
  notices({ androidToken }: Pick<Phones, 'androidToken'>): Shown[] {
    return this.onFcm(androidToken).map(({ message }) => (message?.notification ?? {}) as Shown);
  }

  /** How many pushes each of the two phones got. */
  pushes({ iosToken, androidToken }: Phones): [apns: number, fcm: number] {
    return [this.onApns(iosToken).length, this.onFcm(androidToken).length];
  }

  /** The one push that an iPhone got, as APNs saw it, without what lets the app report its arrival. */
  payload({ iosToken }: Pick<Phones, 'iosToken'>): ApnsPayload {
    const requests = this.onApns(iosToken);
    expect(requests).toHaveLength(1);
    const { [RECEIPT_KEY]: receipt, ...payload } = (requests[0] as ApnsRequest).payload as ApnsPayload &
      Record<string, unknown>;
    expect(receipt).toHaveLength(RECEIPT_LENGTH);
    const { 'mutable-content': mutable, ...aps } = payload.aps as ApnsPayload['aps'] & Record<string, unknown>;
    expect(mutable).toBe(1);
    return { ...payload, aps };
  }

  events(): Promise<EventRow[]> {
    return this.query('SELECT * FROM inbound_event WHERE app_id = $1 ORDER BY id');
  }

  deliveries(): Promise<DeliveryRow[]> {
    return this.query('SELECT * FROM delivery WHERE app_id = $1 ORDER BY id');
  }

  notifications(): Promise<NotificationRow[]> {
    return this.query('SELECT * FROM notification WHERE app_id = $1 ORDER BY id');
  }

  /** State and reason of every delivery, oldest first. */
  async outcomes(): Promise<string[]> {
    return (await this.deliveries()).map(({ state, reason }) => (reason ? `${state}(${reason})` : state));
  }

  /** The state of every notification, its pending count and its target count agree with its deliveries. */
  async expectSums(): Promise<void> {
    const open = new Set<DeliveryState>(['queued', 'sending', 'held']);
    const byNotification = Map.groupBy(await this.deliveries(), (row) => row.notification_id);
    for (const { id, state, target_count, pending_count, done_at } of await this.notifications()) {
      const deliveries = byNotification.get(id) ?? [];
      const pending = deliveries.filter((delivery) => open.has(delivery.state)).length;
      const done = pending === 0 && state !== 'cancelled';
      expect({ id, target_count, pending_count, state, ended: done_at !== null }).toEqual({
        id,
        target_count: deliveries.length,
        pending_count: pending,
        state: done ? 'done' : state === 'cancelled' ? state : 'sending',
        ended: done || state === 'cancelled',
      });
    }
  }

  /** SQL in which `$1` is the app. */
  async query<T>(text: string, ...values: unknown[]): Promise<T[]> {
    return this.app.platform.sql.query<T[]>(text, [this.app.id, ...values]);
  }
}
