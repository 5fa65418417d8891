import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/sql.js';
import type { Audience, Content } from '../notifications/content.js';
import type { Priority } from '../notifications/notification.entity.js';
import type { Candidate } from './candidate.js';
import { type PlanContext, planDelivery } from './delivery-plan.js';
import { DeliveryWriter, type PlannedDelivery, plannedDelivery } from './delivery-writer.js';
import type { Intent } from './facts.js';

/** A notification out of an event before it is written, with everybody it may reach. */
export interface NotificationDraft {
  readonly id: string;
  readonly eventId: string;
  readonly integrationId: string;
  readonly intent: Intent;
  readonly content: Content;
  readonly audience: Audience;
  readonly decisions: readonly string[];
  readonly priority: Priority;
  readonly expiresAt: Date;
  readonly candidates: readonly Candidate[];
  /** Language of devices that name none. */
  readonly locale: string;
}

const INSERT = `
  INSERT INTO notification (app_id, created_at, id, source, event_id, integration_id, category, content, audience, decisions,
                            priority, state, target_count, pending_count, expires_at, done_at)
  SELECT $1, $2, id, 'event', event_id, integration_id, category, content, audience, decisions, priority,
         CASE WHEN pending > 0 THEN 'sending' ELSE 'done' END, targets, pending, expires_at,
         CASE WHEN pending = 0 THEN $2::timestamptz END
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::jsonb[], $8::jsonb[], $9::jsonb[], $10::text[], $11::int[],
              $12::int[], $13::timestamptz[])
    AS draft (id, event_id, integration_id, category, content, audience, decisions, priority, targets, pending, expires_at)`;

/** Decides for everybody whom a batch of events concerns, and writes notifications and deliveries in one go. */
@Injectable()
export class Planner {
  constructor(private readonly writer: DeliveryWriter) {}

  async plan(tx: Transaction, context: PlanContext, drafts: readonly NotificationDraft[]): Promise<void> {
    if (drafts.length === 0) return;
    const planned = drafts.flatMap((draft) => planAll(draft, context));
    tx.send(INSERT, columnsOf(context, drafts, planned), 'insert-notifications');
    await this.writer.write(tx, context.app.id, context.now, planned);
  }
}

function planAll(draft: NotificationDraft, context: PlanContext): PlannedDelivery[] {
  const { id: notificationId, priority, locale, expiresAt, intent, candidates } = draft;
  const terms = { notificationId, priority, locale, expiresAt, ttlMs: expiresAt.getTime() - context.now.getTime() };
  return candidates.map((candidate) => plannedDelivery(planDelivery(intent, {}, candidate, context), terms));
}

function columnsOf(
  { app, now }: PlanContext,
  drafts: readonly NotificationDraft[],
  planned: readonly PlannedDelivery[],
): readonly unknown[] {
  const targets = Map.groupBy(planned, ({ terms }) => terms.notificationId);
  return [
    app.id,
    now,
    drafts.map(({ id }) => id),
    drafts.map(({ eventId }) => eventId),
    drafts.map(({ integrationId }) => integrationId),
    drafts.map(({ intent }) => intent.category),
    drafts.map(({ content }) => JSON.stringify(content)),
    drafts.map(({ audience }) => JSON.stringify(audience)),
    drafts.map(({ decisions }) => JSON.stringify(decisions)),
    drafts.map(({ priority }) => priority),
    drafts.map(({ id }) => targets.get(id)?.length ?? 0),
    drafts.map(({ id }) => targets.get(id)?.filter(({ skip }) => !skip).length ?? 0),
    drafts.map(({ expiresAt }) => expiresAt),
  ];
}
