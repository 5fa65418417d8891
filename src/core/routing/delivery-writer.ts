import { Injectable } from '@nestjs/common';
import { newId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { Queue } from '../../platform/queue.js';
import type { SqlRunner } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges } from '../delivery/deliver.nudge.js';
import type { Priority } from '../notifications/notification.entity.js';
import { Tallies } from '../statistics/tallies.js';
import type { Candidate } from './candidate.js';
import type { DeliveryPlan } from './delivery-plan.js';

/** What the deliveries of one notification have in common. */
export interface DeliveryTerms {
  readonly notificationId: string;
  readonly priority: Priority;
  /** Language of devices that name none. */
  readonly locale: string;
  /** Of deliveries that may be sent at once. */
  readonly expiresAt: Date;
  /** How long those that must wait stay useful after that. */
  readonly ttlMs: number;
}

export interface PlannedDelivery extends DeliveryPlan {
  readonly id: string;
  readonly terms: DeliveryTerms;
}

export function plannedDelivery(plan: DeliveryPlan, terms: DeliveryTerms): PlannedDelivery {
  return { ...plan, id: newId(), terms };
}

const INSERT = `
  INSERT INTO delivery (app_id, created_at, updated_at, id, notification_id, integration_id, channel, device_id, user_id,
                        platform, locale, priority, state, reason, expires_at, not_before, target)
  SELECT $1, $2, $2, id, notification_id, integration_id, channel, device_id, user_id, platform, locale, priority,
         CASE WHEN reason IS NULL THEN 'queued' ELSE 'skipped' END, reason, expires_at, not_before, target
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[],
              $12::text[], $13::timestamptz[], $14::timestamptz[], $15::jsonb[])
    AS draft (id, notification_id, integration_id, channel, device_id, user_id, platform, locale, priority, reason,
              expires_at, not_before, target)`;

/** Writes planned deliveries with the nudges to send them, in the caller's transaction. */
@Injectable()
export class DeliveryWriter {
  constructor(
    private readonly queue: Queue,
    private readonly tallies: Tallies,
    private readonly metrics: Metrics,
  ) {}

  async write(tx: SqlRunner, appId: string, now: Date, planned: readonly PlannedDelivery[]): Promise<void> {
    if (planned.length === 0) return;
    await tx.query(INSERT, columnsOf(appId, now, planned), 'insert-deliveries');
    await this.tallies.add(
      tx,
      appId,
      planned.map(({ channel, candidate, skip }) => ({
        at: now,
        channel: channel?.plugin.id ?? '',
        platform: candidate.device?.platform ?? '',
        targeted: 1,
        ...(skip && { skipped: 1 }),
      })),
    );
    for (const [channel, group] of Map.groupBy(
      planned.filter(({ skip }) => skip),
      ({ channel: it }) => it?.plugin.id,
    )) {
      this.metrics.deliveries.inc({ channel: channel ?? '', outcome: 'skipped' }, group.length);
    }
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(planned.flatMap((one) => dueOf(one, appId))));
  }
}

function dueOf({ id, terms, channel, skip, notBefore }: PlannedDelivery, appId: string) {
  if (skip || !channel) return [];
  return [{ id, appId, integrationId: channel.row.id, priority: terms.priority, notBefore }];
}

function columnsOf(appId: string, now: Date, planned: readonly PlannedDelivery[]): readonly unknown[] {
  return [
    appId,
    now,
    planned.map(({ id }) => id),
    planned.map(({ terms }) => terms.notificationId),
    planned.map(({ channel }) => channel?.row.id ?? null),
    planned.map(({ channel }) => channel?.plugin.id ?? null),
    planned.map(({ candidate }) => candidate.device?.id ?? null),
    planned.map(({ candidate }) => candidate.userId),
    planned.map(({ candidate }) => candidate.device?.platform ?? null),
    planned.map((one) => localeOf(one)),
    planned.map(({ terms }) => terms.priority),
    planned.map(({ skip }) => skip ?? null),
    planned.map(({ terms, notBefore }) => (notBefore ? new Date(notBefore.getTime() + terms.ttlMs) : terms.expiresAt)),
    planned.map(({ notBefore }) => notBefore ?? null),
    planned.map(({ candidate }) => (candidate.through ? JSON.stringify(candidate.through.target) : null)),
  ];
}

/** The template that the app asks for, the language of the device, or that of the notification. */
export function localeOf({
  candidate: { device },
  terms,
}: {
  readonly candidate: Candidate;
  readonly terms: Pick<DeliveryTerms, 'locale'>;
}): string {
  return device?.contentKey ?? device?.locale ?? terms.locale;
}
