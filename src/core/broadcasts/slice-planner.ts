import { effectiveAudience } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { AccessService } from '../../access/access.service.js';
import { Clock } from '../../platform/clock.js';
import { publicId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import type { Notification } from '../notifications/notification.entity.js';
import { AudienceSlices } from '../routing/audience-slices.js';
import { type PlanContext, planDeliveries } from '../routing/delivery-plan.js';
import {
  type DeliveryTerms,
  DeliveryWriter,
  type PlannedDelivery,
  plannedDelivery,
} from '../routing/delivery-writer.js';
import { intentOf } from './notification-intent.js';
import { WebhookOutbox } from '../webhooks/webhook-outbox.js';
import { PLAN_QUEUE, type PlanNudge } from './plan.nudge.js';

/** Devices or people that one transaction turns into deliveries. */
const SLICE = 1_000;
/** Planned in one go before others get their turn. */
const SLICES_PER_NUDGE = 20;

const LOCK = `
  SELECT app_id AS "appId", id, source, category, content, audience, priority, state, channel_id AS "channelId", forced,
         locale, schedule, starts_at AS "startsAt", ttl_seconds AS "ttlSeconds",
         planned_until AS "plannedUntil", reachable, expires_at AS "expiresAt", created_at AS "createdAt"
  FROM notification
  WHERE app_id = $1 AND id = $2 AND state IN ('scheduled', 'planning') AND paused_at IS NULL AND cancelled_at IS NULL
    AND (starts_at IS NULL OR starts_at <= $3)
  FOR UPDATE`;

const ADVANCE = `
  UPDATE notification
  SET target_count = target_count + $3::int, pending_count = pending_count + $4::int, planned_until = $5, touched_at = $6::timestamptz,
      state = CASE WHEN $7::boolean THEN 'planning' WHEN pending_count + $4::int > 0 THEN 'sending' ELSE 'done' END,
      done_at = CASE WHEN NOT $7::boolean AND pending_count + $4::int = 0 THEN $6::timestamptz END
  WHERE app_id = $1 AND id = $2
  RETURNING state`;

const REACHABLE = `
  UPDATE notification SET reachable = (
    SELECT jsonb_build_object('ios', count(*) FILTER (WHERE platform = 'ios'), 'android', count(*) FILTER (WHERE platform = 'android'))
    FROM device WHERE app_id = $1 AND state = 'active' AND last_seen_at >= $3::timestamptz - interval '30 days')
  WHERE app_id = $1 AND id = $2`;

/** What planning needs of a notification. */
export type PlannableNotification = Pick<
  Notification,
  | 'appId'
  | 'id'
  | 'source'
  | 'category'
  | 'content'
  | 'audience'
  | 'priority'
  | 'state'
  | 'channelId'
  | 'forced'
  | 'locale'
  | 'schedule'
  | 'startsAt'
  | 'ttlSeconds'
  | 'plannedUntil'
  | 'reachable'
  | 'expiresAt'
  | 'createdAt'
>;

/** Through what a notification goes. */
export interface PlanRoute {
  readonly context: PlanContext;
  /** The one that was chosen; undefined: each device's own gateway. */
  readonly channel: OpenedIntegration | undefined;
}

/** Turns the audience of a notification into deliveries, one slice per transaction and in the order of a key. */
@Injectable()
export class SlicePlanner {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly queue: Queue,
    private readonly access: AccessService,
    private readonly integrations: IntegrationCache,
    private readonly slices: AudienceSlices,
    private readonly writer: DeliveryWriter,
    private readonly webhooks: WebhookOutbox,
  ) {}

  /**
   * Plans the next slices, and comes back while there is more. A notification that is paused, cancelled or planned is
   * left alone.
   */
  async plan(nudge: PlanNudge): Promise<void> {
    const { appId, notificationId } = nudge;
    // What comes from caches is asked for before the transactions, which would otherwise wait for a second connection.
    const route = await this.routeOf(appId, notificationId, this.clock.now());
    for (let slices = 0; slices < SLICES_PER_NUDGE; slices++) {
      if (!(await this.planNext(nudge, route))) return;
    }
    await this.sql.transaction((tx) => this.nudge(tx, [nudge]));
  }

  /** The first slice, in the transaction that writes the notification; a nudge goes out when there is more. */
  async planFirst(tx: SqlRunner, row: PlannableNotification, route: PlanRoute): Promise<readonly PlannedDelivery[]> {
    const { planned, more } = await this.planSlice(tx, row, route);
    if (more) await this.nudge(tx, [{ appId: row.appId, notificationId: row.id }]);
    return planned;
  }

  /** One slice in a transaction of its own. @returns whether there is more. */
  private planNext({ appId, notificationId }: PlanNudge, route: PlanRoute): Promise<boolean> {
    return this.sql.transaction(async (tx) => {
      const now = this.clock.now();
      const [row] = await tx.query<PlannableNotification>(LOCK, [appId, notificationId, now]);
      if (!row) return false;
      const { more } = await this.planSlice(tx, row, { ...route, context: { ...route.context, now } });
      return more;
    });
  }

  private async planSlice(
    tx: SqlRunner,
    row: PlannableNotification,
    { context, channel }: PlanRoute,
  ): Promise<{ planned: readonly PlannedDelivery[]; more: boolean }> {
    const { appId, id, audience } = row;
    const { now } = context;
    if (!row.reachable && isBroadcast(audience)) await tx.query(REACHABLE, [appId, id, now]);
    const slice = await this.slices.next(tx, { appId, audience, channel }, row.plannedUntil, SLICE);
    const intent = intentOf(row);
    const terms = termsOf(row, context);
    const plans = planDeliveries(intent, row.schedule ?? {}, slice.candidates, context);
    const planned = plans.map((plan) => plannedDelivery(plan, terms));
    await this.writer.write(tx, appId, now, planned);
    const pending = planned.filter(({ skip }) => !skip).length;
    const more = slice.until !== null;
    const values = [appId, id, planned.length, pending, slice.until, now, more];
    const [advanced] = await tx.query<{ state: string }>(ADVANCE, values);
    if (advanced?.state === 'done') await this.announceDone(tx, appId, id, now);
    return { planned, more };
  }

  async nudge(tx: SqlRunner, nudges: readonly PlanNudge[], startAfter?: Date): Promise<void> {
    await this.queue.enqueue(
      tx,
      PLAN_QUEUE,
      nudges.map((data) => ({ data, lane: data.notificationId, ...(startAfter && { startAfter }) })),
    );
  }

  private async routeOf(appId: string, id: string, now: Date): Promise<PlanRoute> {
    const [row] = await this.sql.query<{ channel_id: string | null }>(
      'SELECT channel_id FROM notification WHERE app_id = $1 AND id = $2',
      [appId, id],
    );
    const channel = row?.channel_id ? await this.integrations.find(row.channel_id) : undefined;
    // Another process may have the plugin; through each device's own gateway is not what was asked for.
    if (row?.channel_id && !channel) throw new Error('The channel of the notification is not part of this build.');
    const [app, all] = await Promise.all([this.access.getApp(appId), this.integrations.channelsOf(appId)]);
    const channels = channel ? all.filter(({ row: { id: other } }) => other === channel.row.id) : all;
    return { context: { app, channels, now }, channel };
  }

  private async announceDone(tx: SqlRunner, appId: string, id: string, at: Date): Promise<void> {
    const data = { notificationId: publicId('ntf', id) };
    await this.webhooks.announce(tx, appId, [{ type: 'notification.done', data, at }]);
  }
}

/** Named people and devices are too few to tell anything about the app's reach. */
function isBroadcast(audience: Notification['audience']): boolean {
  const kind = effectiveAudience(audience)?.kind;
  return kind === 'everyone' || kind === 'tags';
}

function termsOf(row: PlannableNotification, { app }: PlanContext): DeliveryTerms {
  const { id: notificationId, priority, createdAt, startsAt, ttlSeconds } = row;
  const start = startsAt ?? createdAt;
  const ttlMs = ttlSeconds === null ? row.expiresAt.getTime() - start.getTime() : ttlSeconds * 1000;
  // The notification as a whole lives until its last delivery may be late; one that may go at once does not.
  const expiresAt = new Date(start.getTime() + ttlMs);
  return { notificationId, priority, expiresAt, ttlMs, locale: row.locale ?? app.defaultLocale };
}
