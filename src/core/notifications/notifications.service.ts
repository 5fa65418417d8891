import { NotFoundError, UnprocessableError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { And, LessThan, MoreThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { idAfter, SKEW_MS } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges } from '../delivery/deliver.nudge.js';
import { Tallies } from '../statistics/tallies.js';
import { Delivery, type DeliveryState } from './delivery.entity.js';
import { Notification, type Priority } from './notification.entity.js';

/** Deliveries of a notification by state, and by reason where one is given. */
export interface DeliveryCounts {
  readonly byState: Readonly<Record<string, number>>;
  readonly byReason: Readonly<Record<string, number>>;
}

const REVIVE = `
  UPDATE delivery d
  SET state = 'queued', reason = NULL, detail = NULL, lost_at = NULL, not_before = NULL, attempt_count = 0, expires_at = $3,
      updated_at = $4
  FROM (
    SELECT app_id, id, state FROM delivery
    WHERE app_id = $1 AND id = $2 AND state IN ('dead', 'failed', 'expired', 'unknown') AND integration_id IS NOT NULL
    FOR UPDATE
  ) was
  WHERE d.app_id = was.app_id AND d.id = was.id
  RETURNING was.state AS before, d.notification_id AS "notificationId", d.integration_id AS "integrationId", d.priority,
            d.channel, d.platform, d.created_at AS "createdAt"`;

const REOPEN = `
  UPDATE notification
  SET pending_count = pending_count + 1, state = CASE WHEN state = 'done' THEN 'sending' ELSE state END, done_at = NULL,
      expires_at = greatest(expires_at, $3)
  WHERE app_id = $1 AND id = $2 AND cancelled_at IS NULL
  RETURNING id`;

/** A delivery that is queued once more. */
interface RevivedDelivery {
  readonly before: DeliveryState;
  readonly notificationId: string;
  readonly integrationId: string;
  readonly priority: Priority;
  readonly channel: string | null;
  readonly platform: string | null;
  readonly createdAt: Date;
}

@Injectable()
export class NotificationsService {
  constructor(
    @InjectRepository(Notification) private readonly notifications: Repository<Notification>,
    @InjectRepository(Delivery) private readonly deliveries: Repository<Delivery>,
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly queue: Queue,
    private readonly tallies: Tallies,
  ) {}

  list(appId: string, limit: number, before?: string): Promise<Notification[]> {
    const where = before ? { appId, id: LessThan(before) } : { appId };
    return this.notifications.find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** @throws {NotFoundError} */
  async get(appId: string, id: string): Promise<Notification> {
    const notification = await this.notifications.findOneBy({ appId, id });
    if (!notification) throw new NotFoundError('The notification');
    return notification;
  }

  async deliveriesOf(appId: string, notificationId: string, limit: number, before?: string): Promise<Delivery[]> {
    await this.get(appId, notificationId);
    // They are younger than their notification: a walk over the key need not go on to the app's very first.
    const oldest = idAfter(notificationId, -SKEW_MS);
    const id = before ? And(MoreThan(oldest), LessThan(before)) : MoreThan(oldest);
    return this.deliveries.find({ where: { appId, notificationId, id }, order: { id: 'DESC' }, take: limit });
  }

  /** @throws {NotFoundError} */
  async delivery(appId: string, id: string): Promise<Delivery> {
    const delivery = await this.deliveries.findOneBy({ appId, id });
    if (!delivery) throw new NotFoundError('The delivery');
    return delivery;
  }

  async counts(appId: string, notificationId: string): Promise<DeliveryCounts> {
    const rows = await this.sql.query<{ state: string; reason: string | null; count: number }>(
      `SELECT state, reason, count(*)::int AS count FROM delivery
       WHERE app_id = $1 AND notification_id = $2 GROUP BY state, reason`,
      [appId, notificationId],
    );
    const byState: Record<string, number> = {};
    const byReason: Record<string, number> = {};
    for (const { state, reason, count } of rows) {
      byState[state] = (byState[state] ?? 0) + count;
      if (reason) byReason[reason] = (byReason[reason] ?? 0) + count;
    }
    return { byState, byReason };
  }

  /**
   * Sends a dead, failed or expired delivery once more, with a fresh budget of attempts and time.
   * @throws {UnprocessableError} when it has not ended that way, or its notification was cancelled.
   */
  async retry(appId: string, id: string, ttlSeconds: number): Promise<Delivery> {
    const { state } = await this.delivery(appId, id);
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + ttlSeconds * 1000);
    await this.sql.transaction(async (tx) => {
      const [row] = await tx.query<RevivedDelivery & object>(REVIVE, [appId, id, expiresAt, now]);
      if (!row) {
        throw new UnprocessableError('delivery.not_retryable', `A delivery in state "${state}" cannot be sent again.`);
      }
      const reopened = await tx.query(REOPEN, [appId, row.notificationId, expiresAt]);
      if (reopened.length === 0) {
        throw new UnprocessableError(
          'notification.cancelled',
          'The notification was cancelled: nothing of it is sent.',
        );
      }
      await this.takeBack(tx, appId, row);
      const due = { id, appId, integrationId: row.integrationId, priority: row.priority };
      await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges([due]));
    });
    return this.delivery(appId, id);
  }

  /** It counts as failed once, if it fails again. */
  private async takeBack(tx: SqlRunner, appId: string, revived: RevivedDelivery): Promise<void> {
    const { before, channel, platform, createdAt: at } = revived;
    if (before !== 'unknown') await this.tallies.add(tx, appId, [{ at, channel, platform, failed: -1 }]);
  }
}
