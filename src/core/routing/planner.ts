import { Injectable } from '@nestjs/common';
import { App } from '../../access/app.entity.js';
import { newId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { Queue } from '../../platform/queue.js';
import type { SqlRunner } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges } from '../delivery/deliver.nudge.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { Audience, Content } from '../notifications/content.js';
import type { Priority } from '../notifications/notification.entity.js';
import type { DirectoryDevice, Person } from './directory.js';
import { factsOf, type Intent } from './facts.js';
import { type Facts, whether } from './whether.js';

/** A device to consider, or the reason why there is none. */
export interface Candidate {
  readonly userId: string | null;
  readonly person: Person | undefined;
  readonly device?: DirectoryDevice;
  readonly unreachable?: Facts['unreachable'];
}

/** A notification before it is written, with everybody it may reach. */
export interface NotificationDraft {
  readonly id: string;
  readonly source: 'event' | 'api';
  readonly eventId?: string;
  readonly integrationId?: string;
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

interface PlannedDelivery {
  readonly id: string;
  readonly notification: NotificationDraft;
  readonly candidate: Candidate;
  readonly channel: OpenedIntegration | undefined;
  readonly skip: string | undefined;
}

export interface PlanContext {
  readonly app: App;
  /** The app's integrations that reach devices. */
  readonly channels: readonly OpenedIntegration[];
  readonly now: Date;
}

const INSERT_NOTIFICATIONS = `
  INSERT INTO notification (app_id, created_at, id, source, event_id, integration_id, category, content, audience, decisions,
                            priority, state, target_count, pending_count, expires_at, done_at)
  SELECT $1, $2, id, source, event_id, integration_id, category, content, audience, decisions, priority,
         CASE WHEN pending > 0 THEN 'sending' ELSE 'done' END, targets, pending, expires_at,
         CASE WHEN pending = 0 THEN $2::timestamptz END
  FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::jsonb[], $9::jsonb[], $10::jsonb[],
              $11::text[], $12::int[], $13::int[], $14::timestamptz[])
    AS draft (id, source, event_id, integration_id, category, content, audience, decisions, priority, targets, pending,
              expires_at)`;

const INSERT_DELIVERIES = `
  INSERT INTO delivery (app_id, created_at, updated_at, id, notification_id, integration_id, channel, device_id, user_id,
                        platform, locale, priority, state, reason, expires_at)
  SELECT $1, $2, $2, id, notification_id, integration_id, channel, device_id, user_id, platform, locale, priority,
         CASE WHEN reason IS NULL THEN 'queued' ELSE 'skipped' END, reason, expires_at
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::text[],
              $12::text[], $13::timestamptz[])
    AS draft (id, notification_id, integration_id, channel, device_id, user_id, platform, locale, priority, reason,
              expires_at)`;

/** Decides for every candidate and writes notifications, deliveries and the nudges to send them, in one transaction. */
@Injectable()
export class Planner {
  constructor(
    private readonly queue: Queue,
    private readonly metrics: Metrics,
  ) {}

  async plan(tx: SqlRunner, context: PlanContext, drafts: readonly NotificationDraft[]): Promise<void> {
    if (drafts.length === 0) return;
    const planned = drafts.flatMap((draft) =>
      draft.candidates.map((candidate) => decideOne(draft, candidate, context)),
    );
    await writeNotifications(tx, context, drafts, planned);
    await writeDeliveries(tx, context, planned);
    for (const { channel, skip } of planned) {
      if (skip) this.metrics.deliveries.inc({ channel: channel?.plugin.id ?? '', outcome: 'skipped' });
    }
    await this.queue.enqueue(
      tx,
      DELIVER_QUEUE,
      deliverNudges(planned.flatMap((delivery) => dueOf(delivery, context.app.id))),
    );
  }
}

function decideOne(
  notification: NotificationDraft,
  candidate: Candidate,
  { app, channels, now }: PlanContext,
): PlannedDelivery {
  const { person, device } = candidate;
  const channel = device && channelFor(device, channels);
  const unreachable = candidate.unreachable ?? unreachableBecause(device, channel);
  const facts = factsOf({ intent: notification.intent, person, device, unreachable, timeZone: app.timeZone, now });
  return { id: newId(), notification, candidate, channel, skip: whether(facts) };
}

function unreachableBecause(
  device: DirectoryDevice | undefined,
  channel: OpenedIntegration | undefined,
): Facts['unreachable'] {
  if (!device) return 'no_token';
  if (device.state !== 'active') return 'device_not_active';
  return channel ? undefined : 'no_certificate';
}

/** The integration of the device's gateway that serves its app; an active one before a paused one. */
export function channelFor(
  device: DirectoryDevice,
  channels: readonly OpenedIntegration[],
): OpenedIntegration | undefined {
  const serving = channels.filter(({ plugin, config }) => {
    const served = plugin.outbound?.manifest.gateway?.appIdentifier(config);
    return plugin.id === device.gateway && (!served || !device.appIdentifier || served === device.appIdentifier);
  });
  return serving.find(({ row }) => row.state === 'active') ?? serving[0];
}

function dueOf({ id, notification, channel, skip }: PlannedDelivery, appId: string) {
  return skip || !channel ? [] : [{ id, appId, integrationId: channel.row.id, priority: notification.priority }];
}

async function writeNotifications(
  tx: SqlRunner,
  { app, now }: PlanContext,
  drafts: readonly NotificationDraft[],
  planned: readonly PlannedDelivery[],
): Promise<void> {
  const targets = Map.groupBy(planned, ({ notification }) => notification.id);
  const pendingOf = (id: string): number => targets.get(id)?.filter(({ skip }) => !skip).length ?? 0;
  await tx.query(
    INSERT_NOTIFICATIONS,
    [
      app.id,
      now,
      drafts.map(({ id }) => id),
      drafts.map(({ source }) => source),
      drafts.map(({ eventId }) => eventId ?? null),
      drafts.map(({ integrationId }) => integrationId ?? null),
      drafts.map(({ intent }) => intent.category),
      drafts.map(({ content }) => JSON.stringify(content)),
      drafts.map(({ audience }) => JSON.stringify(audience)),
      drafts.map(({ decisions }) => JSON.stringify(decisions)),
      drafts.map(({ priority }) => priority),
      drafts.map(({ id }) => targets.get(id)?.length ?? 0),
      drafts.map(({ id }) => pendingOf(id)),
      drafts.map(({ expiresAt }) => expiresAt),
    ],
    'insert-notifications',
  );
}

async function writeDeliveries(
  tx: SqlRunner,
  { app, now }: PlanContext,
  planned: readonly PlannedDelivery[],
): Promise<void> {
  if (planned.length === 0) return;
  await tx.query(
    INSERT_DELIVERIES,
    [
      app.id,
      now,
      planned.map(({ id }) => id),
      planned.map(({ notification }) => notification.id),
      planned.map(({ channel }) => channel?.row.id ?? null),
      planned.map(({ channel }) => channel?.plugin.id ?? null),
      planned.map(({ candidate }) => candidate.device?.id ?? null),
      planned.map(({ candidate }) => candidate.userId),
      planned.map(({ candidate }) => candidate.device?.platform ?? null),
      planned.map(({ candidate, notification }) => candidate.device?.locale ?? notification.locale),
      planned.map(({ notification }) => notification.priority),
      planned.map(({ skip }) => skip ?? null),
      planned.map(({ notification }) => notification.expiresAt),
    ],
    'insert-deliveries',
  );
}
