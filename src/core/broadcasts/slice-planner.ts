import { effectiveAudience } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { AccessService } from '../../access/access.service.js';
import { Clock } from '../../platform/clock.js';
import { faultPoint } from '../../platform/fault-points.js';
import { publicId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import type { Notification } from '../notifications/notification.entity.js';
import { AudienceSlices } from '../routing/audience-slices.js';
import { DeviceWalk } from '../routing/audience-slices.walk.js';
import type { Candidate } from '../routing/candidate.js';
import { type PlanContext, planDeliveries } from '../routing/delivery-plan.js';
import {
  type DeliveryTerms,
  DeliveryWriter,
  type PlannedDelivery,
  plannedDelivery,
  type WrittenDeliveries,
} from '../routing/delivery-writer.js';
import { intentOf } from './notification-intent.js';
import { WebhookOutbox } from '../webhooks/webhook-outbox.js';
import { PLAN_QUEUE, type PlanNudge } from './plan.nudge.js';
import { reachableDevices } from './reachable.js';

/** People whom one transaction turns into deliveries, where a vendor is asked to reach them. */
const SLICE = 1_000;
/** Planned in one go before others get their turn. */
const SLICES_PER_NUDGE = 20;
/** Walks that are kept from one nudge to the next; each of them may hold some megabytes. */
const WALKS_KEPT = 4;

const FIND = `
  SELECT app_id AS "appId", channel_id AS "channelId", audience, planned_until AS "plannedUntil" FROM notification
  WHERE app_id = $1 AND id = $2 AND state IN ('scheduled', 'planning') AND paused_at IS NULL AND cancelled_at IS NULL`;

const DUE = `
  SELECT app_id AS "appId", id, source, category, content, audience, priority, state, channel_id AS "channelId", forced,
         locale, schedule, starts_at AS "startsAt", ttl_seconds AS "ttlSeconds",
         planned_until AS "plannedUntil", reachable, expires_at AS "expiresAt", created_at AS "createdAt"
  FROM notification
  WHERE app_id = $1 AND id = $2 AND state IN ('scheduled', 'planning') AND paused_at IS NULL AND cancelled_at IS NULL
    AND (starts_at IS NULL OR starts_at <= $3)`;

// The row is locked here and not while a slice is written, since batches that end meanwhile take themselves off it. So
// somebody may have paused or cancelled it, or planned the same slice: then this one has not been written.
const ADVANCE = `
  UPDATE notification
  SET target_count = target_count + $3::int, pending_count = pending_count + $4::int, planned_until = $5, touched_at = $6::timestamptz,
      reachable = coalesce($8::jsonb, reachable),
      state = CASE WHEN $7::boolean THEN 'planning' WHEN pending_count + $4::int > 0 THEN 'sending' ELSE 'done' END,
      done_at = CASE WHEN NOT $7::boolean AND pending_count + $4::int = 0 THEN $6::timestamptz END
  WHERE app_id = $1 AND id = $2 AND state IN ('scheduled', 'planning') AND paused_at IS NULL AND cancelled_at IS NULL
    AND planned_until IS NOT DISTINCT FROM $9
  RETURNING state`;

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

type FoundNotification = Pick<Notification, 'appId' | 'channelId' | 'audience' | 'plannedUntil'>;

/** Through what a notification goes. */
export interface PlanRoute {
  readonly context: PlanContext;
  /** The one that was chosen; undefined: each device's own gateway. */
  readonly channel: OpenedIntegration | undefined;
}

interface WrittenSlice {
  /** Decided one by one. */
  readonly planned: readonly PlannedDelivery[];
  /** Decided together. */
  readonly written: readonly WrittenDeliveries[];
  /** Where the next slice begins; null: there is none. */
  readonly until: string | null;
}

/** Turns the audience of a notification into deliveries, one slice per transaction and in the order of a key. */
@Injectable()
export class SlicePlanner {
  /** By notification: walks that go on with the next nudge, which know more than new ones. */
  private readonly walks = new Map<string, DeviceWalk>();

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
    const [found] = await this.sql.query<FoundNotification & object>(FIND, [appId, notificationId]);
    if (!found) return;
    const route = await this.routeOf(found, this.clock.now());
    const walk = this.walks.get(notificationId) ?? this.walkOf(found, route);
    // Whoever else comes for the notification meanwhile takes a walk of its own.
    this.walks.delete(notificationId);
    for (let slices = 0; slices < SLICES_PER_NUDGE; slices++) {
      if (!(await this.planNext(nudge, route, walk))) return;
    }
    if (walk) this.keep(notificationId, walk);
    await this.sql.transaction((tx) => this.nudge(tx, [nudge]));
  }

  private keep(notificationId: string, walk: DeviceWalk): void {
    this.walks.set(notificationId, walk);
    const [eldest] = this.walks.keys();
    if (this.walks.size > WALKS_KEPT && eldest) this.walks.delete(eldest);
  }

  /**
   * The first slice, in the transaction that writes the notification; a nudge goes out when there is more.
   * @returns the deliveries to named people and through vendors, each with its id.
   */
  async planFirst(tx: Transaction, row: PlannableNotification, route: PlanRoute): Promise<readonly PlannedDelivery[]> {
    const walk = this.walkOf(row, route);
    const { planned, more } = await this.planSlice(tx, row, route, walk);
    if (more) await this.nudge(tx, [{ appId: row.appId, notificationId: row.id }]);
    return planned;
  }

  /** One slice in a transaction of its own. @returns whether there is more. */
  private async planNext(
    { appId, notificationId }: PlanNudge,
    route: PlanRoute,
    walk: DeviceWalk | undefined,
  ): Promise<boolean> {
    try {
      const hasMore = await this.sql.transaction(async (tx) => {
        const now = this.clock.now();
        const [row] = await tx.query<PlannableNotification>(DUE, [appId, notificationId, now], 'due-to-plan');
        if (!row) return false;
        const { more } = await this.planSlice(tx, row, { ...route, context: { ...route.context, now } }, walk);
        return more;
      });
      faultPoint('after-slice-commit');
      return hasMore;
    } catch (error) {
      if (error instanceof SliceLostError) return false;
      throw error;
    }
  }

  private async planSlice(
    tx: Transaction,
    row: PlannableNotification,
    route: PlanRoute,
    walk: DeviceWalk | undefined,
  ): Promise<{ planned: readonly PlannedDelivery[]; more: boolean }> {
    const { appId, id, audience } = row;
    const { now } = route.context;
    const reachable = !row.reachable && isBroadcast(audience) ? await reachableDevices(tx, appId, now) : null;
    const { planned, written, until } = walk
      ? await this.writeWalked(tx, row, route.context, walk)
      : await this.writeListed(tx, row, route);
    const ended = planned.filter(({ skip }) => skip).length + sum(written.filter(({ plan }) => plan.skip));
    const targets = planned.length + sum(written);
    const more = until !== null;
    const values = [appId, id, targets, targets - ended, until, now, more, reachable && JSON.stringify(reachable)];
    const [advanced] = await tx.query<{ state: string }>(ADVANCE, [...values, row.plannedUntil], 'advance-planned');
    if (!advanced) throw new SliceLostError();
    if (advanced.state === 'done') await this.announceDone(tx, appId, id, now);
    faultPoint('before-slice-commit');
    return { planned, more };
  }

  /** Devices whose owners nothing is to be said about share the plan of their kind; the others are decided one by one. */
  private async writeWalked(
    tx: Transaction,
    row: PlannableNotification,
    context: PlanContext,
    walk: DeviceWalk,
  ): Promise<WrittenSlice> {
    const { appId, category, plannedUntil } = row;
    const { now } = context;
    const terms = termsOf(row, context);
    const decide = (candidates: readonly Candidate[]) =>
      planDeliveries(intentOf(row), row.schedule ?? {}, candidates, context);
    const slice = await walk.next(tx, plannedUntil);
    const inserted = await this.writer.writeAlike(tx, { appId, terms, category, now }, slice, decide(walk.seen));
    walk.learn(slice, inserted);
    const candidates = await this.slices.withOwners(tx, appId, inserted.apart);
    const planned = decide(candidates).map((plan) => plannedDelivery(plan, terms));
    await this.writer.write(tx, appId, now, planned, inserted.written);
    return { planned, written: inserted.written, until: inserted.until };
  }

  private async writeListed(
    tx: Transaction,
    row: PlannableNotification,
    { context, channel }: PlanRoute,
  ): Promise<WrittenSlice> {
    const { appId, audience, plannedUntil } = row;
    const { candidates, until } = await this.slices.next(tx, { appId, audience, channel }, plannedUntil, SLICE);
    const terms = termsOf(row, context);
    const plans = planDeliveries(intentOf(row), row.schedule ?? {}, candidates, context);
    const planned = plans.map((plan) => plannedDelivery(plan, terms));
    await this.writer.write(tx, appId, context.now, planned);
    return { planned, written: [], until };
  }

  /** Undefined: the audience is not walked device by device. */
  private walkOf(
    { appId, audience }: Pick<PlannableNotification, 'appId' | 'audience'>,
    { channel }: PlanRoute,
  ): DeviceWalk | undefined {
    const query = this.slices.walkedQuery({ audience, channel });
    return query && new DeviceWalk(appId, query);
  }

  async nudge(tx: Transaction, nudges: readonly PlanNudge[], startAfter?: Date): Promise<void> {
    await this.queue.enqueue(
      tx,
      PLAN_QUEUE,
      nudges.map((data) => ({ data, lane: data.notificationId, ...(startAfter && { startAfter }) })),
    );
  }

  private async routeOf({ appId, channelId }: FoundNotification, now: Date): Promise<PlanRoute> {
    const channel = channelId ? await this.integrations.find(channelId) : undefined;
    // Another process may have the plugin; through each device's own gateway is not what was asked for.
    if (channelId && !channel) throw new Error('The channel of the notification is not part of this build.');
    const [app, all] = await Promise.all([this.access.getApp(appId), this.integrations.channelsOf(appId)]);
    const channels = channel ? all.filter(({ row: { id: other } }) => other === channel.row.id) : all;
    return { context: { app, channels, now }, channel };
  }

  private async announceDone(tx: Transaction, appId: string, id: string, at: Date): Promise<void> {
    const data = { notificationId: publicId('ntf', id) };
    await this.webhooks.announce(tx, appId, [{ type: 'notification.done', data, at }]);
  }
}

/** Somebody stopped the notification, or was first with the slice: nothing of it may stay. */
class SliceLostError extends Error {}

const sum = (written: readonly WrittenDeliveries[]): number =>
  written.reduce((total, { ids }) => total + ids.length, 0);

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
