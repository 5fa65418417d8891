import { Injectable } from '@nestjs/common';
import { newId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { jsonbArray, textArray, timestamptzArray, uuidArray } from '../../platform/pg-arrays.js';
import { Queue } from '../../platform/queue.js';
import { type Transaction, unanswered } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges, type DueDelivery } from '../delivery/deliver.nudge.js';
import type { Priority } from '../notifications/notification.entity.js';
import { Tallies } from '../statistics/tallies.js';
import type { Candidate } from './candidate.js';
import type { DeliveryPlan } from './delivery-plan.js';
import { type DeviceSlice, insertAlike, type InsertedSlice, type SharedColumns } from './delivery-writer.alike.js';

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

/** What a slice of devices is told, and when that was decided. */
export interface SliceTerms {
  readonly appId: string;
  readonly terms: DeliveryTerms;
  /** What people opt out of. */
  readonly category: string;
  readonly now: Date;
}

export interface PlannedDelivery extends DeliveryPlan {
  readonly id: string;
  readonly terms: DeliveryTerms;
}

/** Deliveries of one plan that are in the table, and that nobody has been told of yet. */
export interface WrittenDeliveries {
  readonly plan: DeliveryPlan;
  readonly priority: Priority;
  readonly ids: readonly string[];
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

  /** @param written deliveries that stand in the table already, to be told together with these. */
  async write(
    tx: Transaction,
    appId: string,
    now: Date,
    planned: readonly PlannedDelivery[],
    written: readonly WrittenDeliveries[] = [],
  ): Promise<void> {
    if (planned.length > 0) tx.send(INSERT, columnsOf(appId, now, planned), 'insert-deliveries');
    const each = planned.map((plan) => ({ plan, priority: plan.terms.priority, ids: [plan.id] }));
    await this.tell(tx, appId, now, [...written, ...each]);
  }

  /**
   * Writes the deliveries of all devices of a slice that share the plan of their kind; nobody is told of them.
   * @param plans one per kind.
   */
  async writeAlike(
    tx: Transaction,
    about: SliceTerms,
    slice: DeviceSlice,
    plans: readonly DeliveryPlan[],
  ): Promise<InsertedSlice & { readonly written: readonly WrittenDeliveries[] }> {
    const { terms } = about;
    const ids = Array.from({ length: plans.length > 0 ? slice.size : 0 }, newId);
    const shared = plans.map((plan) => ({ plan, columns: sharedColumns(plan, terms) }));
    const inserted = await insertAlike(tx, { ...about, notificationId: terms.notificationId }, slice, shared, ids);
    let used = 0;
    const written = plans.map((plan, i) => {
      const from = used;
      used += inserted.counts[i] ?? 0;
      return { plan, priority: terms.priority, ids: ids.slice(from, used) };
    });
    return { ...inserted, written: written.filter((one) => one.ids.length > 0) };
  }

  /** Counts deliveries, and nudges those who send them. */
  private async tell(tx: Transaction, appId: string, now: Date, written: readonly WrittenDeliveries[]): Promise<void> {
    if (written.length === 0) return;
    await this.tallies.add(
      unanswered(tx),
      appId,
      written.map(({ plan: { channel, candidate, skip }, ids: { length: count } }) => ({
        at: now,
        channel: channel?.plugin.id ?? '',
        platform: candidate.device?.platform ?? '',
        targeted: count,
        ...(skip && { skipped: count }),
      })),
    );
    for (const { plan, ids } of written.filter(({ plan: { skip } }) => skip)) {
      this.metrics.deliveries.inc({ channel: plan.channel?.plugin.id ?? '', outcome: 'skipped' }, ids.length);
    }
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(written.flatMap((one) => dueOf(one, appId))));
  }
}

function dueOf({ plan: { channel, skip, notBefore }, priority, ids }: WrittenDeliveries, appId: string): DueDelivery[] {
  if (skip || !channel) return [];
  return ids.map((id) => ({ id, appId, integrationId: channel.row.id, priority, notBefore }));
}

function sharedColumns(plan: DeliveryPlan, terms: DeliveryTerms): SharedColumns {
  const { channel, candidate, skip, notBefore } = plan;
  return {
    integration_id: channel?.row.id ?? null,
    channel: channel?.plugin.id ?? null,
    locale: localeOf({ candidate, terms }),
    priority: terms.priority,
    reason: skip ?? null,
    expires_at: expiryOf({ terms, notBefore }),
    not_before: notBefore ?? null,
  };
}

/** Of those that must wait it counts from then on. */
function expiryOf({ terms, notBefore }: Pick<PlannedDelivery, 'terms' | 'notBefore'>): Date {
  return notBefore ? new Date(notBefore.getTime() + terms.ttlMs) : terms.expiresAt;
}

function columnsOf(appId: string, now: Date, planned: readonly PlannedDelivery[]): readonly unknown[] {
  return [
    appId,
    now,
    uuidArray(planned.map(({ id }) => id)),
    uuidArray(planned.map(({ terms }) => terms.notificationId)),
    uuidArray(planned.map(({ channel }) => channel?.row.id ?? null)),
    textArray(planned.map(({ channel }) => channel?.plugin.id ?? null)),
    uuidArray(planned.map(({ candidate }) => candidate.device?.id ?? null)),
    textArray(planned.map(({ candidate }) => candidate.userId)),
    textArray(planned.map(({ candidate }) => candidate.device?.platform ?? null)),
    textArray(planned.map((one) => localeOf(one))),
    textArray(planned.map(({ terms }) => terms.priority)),
    textArray(planned.map(({ skip }) => skip ?? null)),
    timestamptzArray(planned.map((one) => expiryOf(one))),
    timestamptzArray(planned.map(({ notBefore }) => notBefore ?? null)),
    jsonbArray(planned.map(({ candidate }) => (candidate.through ? JSON.stringify(candidate.through.target) : null))),
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
