import { ConflictError, NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { Clock } from '../../platform/clock.js';
import { publicId } from '../../platform/ids.js';
import { uuidArray } from '../../platform/pg-arrays.js';
import { Sql } from '../../platform/sql.js';
import { walkNotification } from '../delivery/delivery-walk.js';
import { HeldDeliveries } from '../delivery/held-deliveries.js';
import type { DeliveryState } from '../notifications/delivery.entity.js';
import { Lease } from '../work/lease.js';
import { WebhookOutbox } from '../webhooks/webhook-outbox.js';
import { SlicePlanner } from './slice-planner.js';

/** Between two looks at what is still in flight. */
const LOOK_MS = 25;

const FIND = `
  SELECT state, starts_at FROM notification WHERE app_id = $1 AND id = $2 FOR UPDATE`;

// Unless somebody has resumed it meanwhile: a million deliveries take their time.
const HOLD = `
  UPDATE delivery SET state = 'held', reason = 'notification_paused', held_at = $4, updated_at = $4
  WHERE app_id = $1 AND id = ANY($3::uuid[]) AND state = 'queued'
    AND EXISTS (SELECT 1 FROM notification WHERE app_id = $1 AND id = $2 AND paused_at IS NOT NULL)`;

const OPEN: readonly DeliveryState[] = ['queued', 'sending', 'held'];

const STILL_OPEN = `SELECT id FROM delivery WHERE app_id = $1 AND id = ANY($2::uuid[]) AND state = ANY($3::text[])`;

// Waits for whoever claims one of them at this moment.
const STOP = `
  WITH stopped AS (
    UPDATE delivery
    SET state = 'cancelled', reason = 'notification_cancelled', not_before = NULL, held_at = NULL, updated_at = $4
    WHERE app_id = $1 AND id = ANY($3::uuid[]) AND state IN ('queued', 'held')
    RETURNING id
  ), given_back AS (
    DELETE FROM quota_entry q USING stopped WHERE q.delivery_id = stopped.id AND q.state = 'reserved'
  ), counted AS (
    UPDATE notification SET pending_count = pending_count - (SELECT count(*) FROM stopped)
    WHERE app_id = $1 AND id = $2 AND EXISTS (SELECT 1 FROM stopped)
  )
  SELECT id FROM stopped`;

interface OpenNotification {
  readonly state: string;
  readonly starts_at: Date | null;
}

/** Pauses, resumes and cancels notifications. */
@Injectable()
export class BroadcastControl {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly held: HeldDeliveries,
    private readonly planner: SlicePlanner,
    private readonly webhooks: WebhookOutbox,
    private readonly lease: Lease,
  ) {}

  /** Nothing is planned or claimed from now on; what is being sent goes out. */
  async pause(appId: string, id: string): Promise<void> {
    const now = this.clock.now();
    await this.mark(appId, id, 'paused_at = coalesce(paused_at, $3)', now);
    // Apart, and after the mark: claims look at the notification while they hold deliveries, never the other way round.
    for await (const ids of walkNotification(this.sql, appId, id, ['queued'])) {
      await this.sql.query(HOLD, [appId, id, uuidArray(ids), now]);
    }
  }

  /** Goes on where it was paused: planning, and the deliveries that waited. */
  async resume(appId: string, id: string): Promise<void> {
    const now = this.clock.now();
    const { state, starts_at: startsAt } = await this.mark(appId, id, 'paused_at = NULL, touched_at = $3', now);
    if (state === 'scheduled' || state === 'planning') {
      const later = startsAt && startsAt > now ? startsAt : undefined;
      await this.sql.transaction((tx) => this.planner.nudge(tx, [{ appId, notificationId: id }], later));
    }
    await this.held.release(appId, { notificationId: id });
  }

  /**
   * Stops a notification. Resolves once nothing of it is in flight any more: nothing is sent after that.
   * @returns false when a gateway still held a batch at the end of a lease; it will be `cancelled` when that has ended.
   */
  async cancel(appId: string, id: string): Promise<boolean> {
    await this.mark(appId, id, 'cancelled_at = coalesce(cancelled_at, $3)', this.clock.now());
    const deadline = performance.now() + this.lease.ms;
    let open = await this.stopAll(appId, id);
    while (open.length > 0) {
      if (performance.now() > deadline) return false;
      await pause(LOOK_MS);
      open = await this.stop(appId, id, await this.stillOpen(appId, open));
    }
    await this.end(appId, id);
    return true;
  }

  /** Ends what waits, and the notification when nothing is in flight either. */
  async finishCancel(appId: string, id: string): Promise<void> {
    const open = await this.stopAll(appId, id);
    if (open.length === 0) await this.end(appId, id);
  }

  /**
   * Ends everything that waits. Nothing is planned or claimed any more, so what is left over can only become less.
   * @returns what is in flight.
   */
  private async stopAll(appId: string, id: string): Promise<readonly string[]> {
    const open: string[] = [];
    for await (const ids of walkNotification(this.sql, appId, id, OPEN)) {
      open.push(...(await this.stop(appId, id, ids)));
    }
    return open;
  }

  /** @returns those that did not wait. */
  private async stop(appId: string, id: string, ids: readonly string[]): Promise<readonly string[]> {
    const values = [appId, id, uuidArray(ids), this.clock.now()];
    const stopped = await this.sql.query<{ id: string }>(STOP, values);
    const gone = new Set(stopped.map((row) => row.id));
    return ids.filter((one) => !gone.has(one));
  }

  private async stillOpen(appId: string, ids: readonly string[]): Promise<readonly string[]> {
    const rows = await this.sql.query<{ id: string }>(STILL_OPEN, [appId, uuidArray(ids), OPEN]);
    return rows.map(({ id }) => id);
  }

  private end(appId: string, id: string): Promise<void> {
    return this.sql.transaction(async (tx) => {
      const now = this.clock.now();
      const ended = await tx.query(
        `UPDATE notification SET state = 'cancelled', pending_count = 0, done_at = $3
         WHERE app_id = $1 AND id = $2 AND cancelled_at IS NOT NULL AND state <> 'cancelled' RETURNING id`,
        [appId, id, now],
      );
      if (ended.length === 0) return;
      const data = { notificationId: publicId('ntf', id) };
      await this.webhooks.announce(tx, appId, [{ type: 'notification.cancelled', data, at: now }]);
    });
  }

  /**
   * Changes a notification that has not ended.
   * @throws {NotFoundError} @throws {ConflictError} when it has.
   */
  private mark(appId: string, id: string, change: string, now: Date): Promise<OpenNotification> {
    return this.sql.transaction(async (tx) => {
      const [row] = await tx.query<OpenNotification>(FIND, [appId, id]);
      if (!row) throw new NotFoundError('The notification');
      if (row.state === 'done' || row.state === 'cancelled') {
        throw new ConflictError(
          'notification.ended',
          `The notification is ${row.state}; nothing of it waits any more.`,
        );
      }
      await tx.query(
        `UPDATE notification SET ${change} WHERE app_id = $1 AND id = $2 AND $3::timestamptz IS NOT NULL`,
        [appId, id, now],
      );
      return row;
    });
  }
}
