import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import type { SqlRunner, Transaction } from '../../platform/sql.js';
import type { WebhookEventType } from './webhook-event.js';
import { WEBHOOK_QUEUE, webhookNudges } from './webhook.nudge.js';

/** Subscriptions made by another process are seen after this time at the latest. */
const FRESH_MS = 2_000;
const MOST_APPS = 10_000;

/** Something that happened, for whoever has subscribed to it. */
export interface Announcement {
  readonly type: WebhookEventType;
  /** Public ids, states and reasons. Plain JSON; never tokens, secrets or what people wrote. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

interface Subscription {
  readonly id: string;
  readonly events: readonly string[];
}

interface Known {
  readonly at: number;
  readonly subscriptions: readonly Subscription[];
}

// Locked, because an endpoint that is deleted at this moment would otherwise fail the caller's transaction.
const WRITE = `
  WITH alive AS (
    SELECT id FROM webhook_endpoint WHERE app_id = $1 AND id = ANY($3::uuid[]) AND state = 'active' FOR KEY SHARE
  )
  INSERT INTO webhook_message (app_id, id, endpoint_id, type, payload, created_at, updated_at)
  SELECT $1, m.id, m.endpoint_id, m.type, m.payload, $6, $6
  FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS m (id, endpoint_id, type, payload)
  JOIN alive ON alive.id = m.endpoint_id`;

/** Tells subscribed endpoints what happened. Messages exist exactly when the transaction of their cause commits. */
@Injectable()
export class WebhookOutbox {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly queue: Queue,
    private readonly clock: Clock,
  ) {}

  async announce(tx: Transaction, appId: string, announcements: readonly Announcement[]): Promise<void> {
    if (announcements.length === 0) return;
    const subscriptions = await this.subscriptionsOf(tx, appId);
    const messages = announcements.flatMap((announcement) => messagesFor(announcement, subscriptions));
    if (messages.length === 0) return;
    await tx.query(WRITE, [
      appId,
      messages.map(({ id }) => id),
      messages.map(({ endpointId }) => endpointId),
      messages.map(({ type }) => type),
      messages.map(({ payload }) => payload),
      this.clock.now(),
    ]);
    await this.queue.enqueue(tx, WEBHOOK_QUEUE, webhookNudges(messages.map((message) => ({ ...message, appId }))));
  }

  /** After a change of the app's subscriptions. */
  forget(appId: string): void {
    this.known.delete(appId);
  }

  /** Read through the caller's connection: one that waits for another connection could wait for ever. */
  private async subscriptionsOf(tx: SqlRunner, appId: string): Promise<readonly Subscription[]> {
    const at = this.clock.now().getTime();
    const known = this.known.get(appId);
    if (known && Math.abs(at - known.at) < FRESH_MS) return known.subscriptions;
    const subscriptions = await tx.query<{ id: string; events: string[] }>(
      `SELECT id, events FROM webhook_endpoint WHERE app_id = $1 AND state = 'active' ORDER BY id`,
      [appId],
      'webhook-subscriptions',
    );
    if (this.known.size >= MOST_APPS) this.known.clear();
    this.known.set(appId, { at, subscriptions });
    return subscriptions;
  }
}

function messagesFor({ type, data, at }: Announcement, subscriptions: readonly Subscription[]) {
  const subscribed = subscriptions.filter(({ events }) => events.includes(type));
  if (subscribed.length === 0) return [];
  const payload = JSON.stringify({ type, timestamp: at.toISOString(), data });
  return subscribed.map(({ id: endpointId }) => ({ id: newId(), endpointId, type, payload }));
}
