import { NotFoundError, UnprocessableError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges } from '../delivery/deliver.nudge.js';
import { Delivery } from './delivery.entity.js';
import { Notification, type Priority } from './notification.entity.js';

/** Deliveries of a notification by state, and by reason where one is given. */
export interface DeliveryCounts {
  readonly byState: Readonly<Record<string, number>>;
  readonly byReason: Readonly<Record<string, number>>;
}

@Injectable()
export class NotificationsService {
  constructor(
    @InjectRepository(Notification) private readonly notifications: Repository<Notification>,
    @InjectRepository(Delivery) private readonly deliveries: Repository<Delivery>,
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly queue: Queue,
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
    const where = { appId, notificationId, ...(before && { id: LessThan(before) }) };
    return this.deliveries.find({ where, order: { id: 'DESC' }, take: limit });
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
   * @throws {UnprocessableError} when it has not ended that way.
   */
  async retry(appId: string, id: string, ttlSeconds: number): Promise<Delivery> {
    const { state } = await this.delivery(appId, id);
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + ttlSeconds * 1000);
    await this.sql.transaction(async (tx) => {
      const [row] = await tx.query<{ notification_id: string; integration_id: string; priority: Priority }>(
        `UPDATE delivery SET state = 'queued', reason = NULL, not_before = NULL, attempt_count = 0, expires_at = $3, updated_at = $4
         WHERE app_id = $1 AND id = $2 AND state IN ('dead', 'failed', 'expired', 'unknown') AND integration_id IS NOT NULL
         RETURNING notification_id, integration_id, priority`,
        [appId, id, expiresAt, now],
      );
      if (!row)
        throw new UnprocessableError('delivery.not_retryable', `A delivery in state "${state}" cannot be sent again.`);
      await tx.query(
        `UPDATE notification SET pending_count = pending_count + 1, state = 'sending', done_at = NULL,
                expires_at = greatest(expires_at, $3) WHERE app_id = $1 AND id = $2`,
        [appId, row.notification_id, expiresAt],
      );
      const due = { id, appId, integrationId: row.integration_id, priority: row.priority };
      await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges([due]));
    });
    return this.delivery(appId, id);
  }
}
