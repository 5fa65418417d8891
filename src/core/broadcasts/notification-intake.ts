import { TooManyCallsError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import type { OneEffect } from '../../platform/idempotency.js';
import { newId } from '../../platform/ids.js';
import { Sql, type SqlRunner, type Transaction } from '../../platform/sql.js';
import type { Content } from '../notifications/content.js';
import type { Notification } from '../notifications/notification.entity.js';
import { ledgerOf, QuotaLedger } from '../quotas/quota-ledger.js';
import { takesAudience } from '../routing/audience-slices.js';
import type { PlanContext } from '../routing/delivery-plan.js';
import type { PlannedDelivery } from '../routing/delivery-writer.js';
import type { NotificationRequest } from './notification-request.js';
import { type CheckedRequest, RequestCheck } from './request-check.js';
import { latestStart, startOf } from './schedule.js';
import { SlicePlanner } from './slice-planner.js';

const INSERT = `
  INSERT INTO notification (app_id, created_at, id, source, event_id, integration_id, category, content, audience, priority,
                            state, channel_id, forced, locale, on_quota, schedule, starts_at, ttl_seconds, touched_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $2, $19)`;

/** Where a notification comes from when it is no API call. */
export interface CommandOrigin {
  readonly eventId: string;
  readonly integrationId: string;
}

type Draft = Omit<
  Notification,
  'decisions' | 'targetCount' | 'pendingCount' | 'pausedAt' | 'cancelledAt' | 'touchedAt' | 'doneAt'
>;

/** Takes notifications in: checks them, writes them, and has their audience planned. */
@Injectable()
export class NotificationIntake {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly checks: RequestCheck,
    private readonly planner: SlicePlanner,
    private readonly quotas: QuotaLedger,
  ) {}

  /**
   * Writes the notification. Named people and delegated audiences are planned in the same transaction; a larger audience
   * is planned in slices afterwards.
   * @param once of a call that may come again.
   * @returns the id (UUID).
   * @throws {UnprocessableError} naming every field. @throws {TooManyCallsError} when the vendor's quota has no room
   * and the caller wants no waiting.
   */
  async create(appId: string, request: NotificationRequest, once?: OneEffect): Promise<string> {
    const checked = await this.checks.check(appId, request);
    const now = this.clock.now();
    const draft = draftOf(appId, request, checked, now);
    await this.sql.transaction(async (tx) => {
      await once?.note(tx, draft.id);
      await insert(tx, draft, now);
      if (draft.state === 'planning' && isSmall(checked)) {
        const { app, channel, gateways } = checked;
        const planned = await this.planner.planFirst(tx, draft, { context: { app, channels: gateways, now }, channel });
        if (request.onQuota === 'reject') await this.reserve(tx, checked, planned, now);
      } else {
        const later = draft.state === 'scheduled' ? (draft.startsAt ?? undefined) : undefined;
        await this.planner.nudge(tx, [{ appId, notificationId: draft.id }], later);
      }
    });
    return draft.id;
  }

  /**
   * A push that a vendor's protocol commands. Its first slice is planned in the same transaction, the rest afterwards.
   * @returns the id (UUID).
   */
  async begin(
    tx: Transaction,
    context: PlanContext,
    request: Omit<NotificationRequest, 'channel' | 'schedule'>,
    origin: CommandOrigin,
  ): Promise<string> {
    const { app, now } = context;
    const draft = { ...draftOf(app.id, request, { channel: undefined }, now), ...origin, source: 'event' as const };
    await insert(tx, draft, now);
    await this.planner.planFirst(tx, draft, { context, channel: undefined });
    return draft.id;
  }

  private async reserve(
    tx: SqlRunner,
    { channel }: CheckedRequest,
    planned: readonly PlannedDelivery[],
    now: Date,
  ): Promise<void> {
    const ledger = channel && ledgerOf(channel);
    // What has to wait for its hour is judged by the worker then.
    const dueNow = ledger ? planned.filter(({ skip, notBefore }) => !skip && !notBefore) : [];
    for (const { id } of dueNow) {
      const verdict = await this.quotas.reserve(tx, ledger!, id, now);
      if (verdict.open) continue;
      const seconds = Math.ceil((verdict.nextAt.getTime() - now.getTime()) / 1000);
      const words = `The vendor's quota (${verdict.rule}) has no room before ${verdict.nextAt.toISOString()}.`;
      throw new TooManyCallsError('quota.exhausted', words, seconds);
    }
  }
}

/** At most a thousand deliveries, known from the request alone. */
function isSmall({ channel, effective }: CheckedRequest): boolean {
  if (!effective || effective.kind === 'users') return true;
  return channel !== undefined && takesAudience(channel, effective);
}

function draftOf(
  appId: string,
  request: NotificationRequest,
  { channel }: Pick<CheckedRequest, 'channel'>,
  now: Date,
): Draft {
  const { audience, category, priority, forced, onQuota, ttlSeconds, schedule = {} } = request;
  const startsAt = startOf(schedule, now);
  const content: Content = { ...request.content, ...(forced && { forced }) };
  return {
    appId,
    id: newId(),
    source: 'api',
    eventId: null,
    integrationId: null,
    category,
    content,
    audience,
    priority,
    state: startsAt > now ? 'scheduled' : 'planning',
    channelId: channel?.row.id ?? null,
    forced,
    locale: null,
    onQuota,
    schedule: request.schedule ?? null,
    startsAt,
    ttlSeconds,
    plannedUntil: null,
    reachable: null,
    expiresAt: new Date(latestStart(schedule, now).getTime() + ttlSeconds * 1000),
    createdAt: now,
  };
}

async function insert(tx: SqlRunner, draft: Draft, now: Date): Promise<void> {
  await tx.query(
    INSERT,
    [
      draft.appId,
      now,
      draft.id,
      draft.source,
      draft.eventId,
      draft.integrationId,
      draft.category,
      JSON.stringify(draft.content),
      JSON.stringify(draft.audience),
      draft.priority,
      draft.state,
      draft.channelId,
      draft.forced,
      draft.locale,
      draft.onQuota,
      draft.schedule && JSON.stringify(draft.schedule),
      draft.startsAt,
      draft.ttlSeconds,
      draft.expiresAt,
    ],
    'insert-notification',
  );
}
