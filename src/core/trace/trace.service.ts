import { NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { idAfter, internalId, publicId, SKEW_MS } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import {
  deliverySteps,
  endSteps,
  eventSteps,
  planSteps,
  type TracedDelivery,
  type TracedEvent,
  type TracedNotification,
  type TracedReceipts,
  type TraceStep,
} from './trace-steps.js';

/** The way of a message from the received bytes to every device. */
export interface Trace {
  readonly eventIds: readonly string[];
  readonly notificationIds: readonly string[];
  /** In the order of time. */
  readonly steps: readonly TraceStep[];
  /** Deliveries that the trace leaves out; it shows the first {@link SHOWN}, and the one it was asked for. */
  readonly omitted: number;
}

/** The ids of a callback and of its events are made within this time. */
const CALLBACK_MS = 5_000;

/** Deliveries per trace. */
const SHOWN = 200;

const EVENTS = `
  SELECT e.id, i.plugin, e.kind, e.state, e.reason, e.detail, e.parse_mode AS "parseMode", e.event,
         e.received_at AS "receivedAt", e.settled_at AS "settledAt"
  FROM inbound_event e JOIN integration i ON i.app_id = e.app_id AND i.id = e.integration_id
  WHERE e.app_id = $1 AND e.callback_id = $2 AND e.id > $2 AND e.id < $3 ORDER BY e.id`;

const NOTIFICATION = `
  SELECT n.id, n.source, n.category, n.audience, n.decisions, i.plugin AS channel, n.state, n.schedule,
         n.target_count AS "targetCount", n.starts_at AS "startsAt", n.paused_at AS "pausedAt",
         n.cancelled_at AS "cancelledAt", n.touched_at AS "touchedAt", n.created_at AS "createdAt", n.done_at AS "doneAt"
  FROM notification n LEFT JOIN integration i ON i.app_id = n.app_id AND i.id = n.channel_id
  WHERE n.app_id = $1 AND n.id = $2`;

const DELIVERY = `
  SELECT id, channel, platform, user_id AS "userId", target, state, reason, detail, not_before AS "notBefore", attempts,
         updated_at AS "updatedAt"
  FROM delivery WHERE app_id = $1`;

const RECEIPTS = `
  SELECT delivery_id AS "deliveryId", kind, platform, count(*)::int AS count, min(at) AS at FROM receipt
  WHERE app_id = $1 AND delivery_id = ANY($2::uuid[]) GROUP BY delivery_id, kind, platform ORDER BY kind, platform`;

/** The one query path behind every answer to "what happened to this message, and why?". */
@Injectable()
export class TraceService {
  constructor(private readonly sql: Sql) {}

  /**
   * @param id of an event, a notification or a delivery, in its public form.
   * @throws {NotFoundError}
   */
  async trace(appId: string, id: string): Promise<Trace> {
    const notificationId = await this.notificationOf(appId, id);
    const events = await this.events(appId, id.startsWith('evt_') ? internalId('evt', id) : undefined, notificationId);
    const notification = notificationId ? await this.notification(appId, notificationId) : undefined;
    if (events.length === 0 && !notification) throw new NotFoundError('The message');
    const asked = id.startsWith('dlv_') ? internalId('dlv', id) : undefined;
    const deliveries = notification ? await this.deliveries(appId, notification.id, asked) : [];
    const receipts = await this.receipts(appId, deliveries);
    const steps = [
      ...events.flatMap(eventSteps),
      ...(notification ? planSteps(notification) : []),
      ...deliveries.flatMap((delivery) => deliverySteps(delivery, receipts.get(delivery.id) ?? [])),
      ...(notification ? endSteps(notification) : []),
    ];
    return {
      eventIds: events.map((event) => publicId('evt', event.id)),
      notificationIds: notification ? [publicId('ntf', notification.id)] : [],
      steps: steps.sort((a, b) => a.at.getTime() - b.at.getTime()),
      omitted: Math.max(0, (notification?.targetCount ?? 0) - deliveries.length),
    };
  }

  private async notificationOf(appId: string, id: string): Promise<string | undefined> {
    if (id.startsWith('ntf_')) return internalId('ntf', id);
    const [table, prefix] = id.startsWith('dlv_')
      ? (['delivery', 'dlv'] as const)
      : (['inbound_event', 'evt'] as const);
    const [row] = await this.sql.query<{ notification_id: string | null }>(
      `SELECT notification_id FROM ${table} WHERE app_id = $1 AND id = $2`,
      [appId, internalId(prefix, id)],
    );
    return row?.notification_id ?? undefined;
  }

  /**
   * The event asked for, or the one that led to the notification, with all the others of its callback. Their ids were
   * made right after that of the callback, so they are found in a short range of the primary key.
   */
  private async events(
    appId: string,
    id: string | undefined,
    notificationId: string | undefined,
  ): Promise<TracedEvent[]> {
    const [source] = await this.sql.query<{ callback_id: string }>(
      `SELECT callback_id FROM inbound_event WHERE app_id = $1 AND id = coalesce($2::uuid,
         (SELECT event_id FROM notification WHERE app_id = $1 AND id = $3))`,
      [appId, id ?? null, notificationId ?? null],
    );
    if (!source) return [];
    const { callback_id: callbackId } = source;
    return this.sql.query<TracedEvent & object>(EVENTS, [appId, callbackId, idAfter(callbackId, CALLBACK_MS)]);
  }

  private async notification(appId: string, id: string): Promise<TracedNotification | undefined> {
    const [row] = await this.sql.query<TracedNotification & object>(NOTIFICATION, [appId, id]);
    return row;
  }

  /** The first ones, from where they can begin: the way there leads along every delivery of the app. */
  private async deliveries(
    appId: string,
    notificationId: string,
    asked: string | undefined,
  ): Promise<readonly TracedDelivery[]> {
    const first = await this.sql.query<TracedDelivery & object>(
      `${DELIVERY} AND notification_id = $2 AND id > $3 ORDER BY id LIMIT ${SHOWN}`,
      [appId, notificationId, idAfter(notificationId, -SKEW_MS)],
    );
    if (!asked || first.some(({ id }) => id === asked)) return first;
    return [...first, ...(await this.sql.query<TracedDelivery & object>(`${DELIVERY} AND id = $2`, [appId, asked]))];
  }

  private async receipts(
    appId: string,
    deliveries: readonly TracedDelivery[],
  ): Promise<ReadonlyMap<string, readonly TracedReceipts[]>> {
    if (deliveries.length === 0) return new Map();
    const ids = deliveries.map(({ id }) => id);
    const rows = await this.sql.query<TracedReceipts & object>(RECEIPTS, [appId, ids]);
    return Map.groupBy(rows, ({ deliveryId }) => deliveryId);
  }
}
