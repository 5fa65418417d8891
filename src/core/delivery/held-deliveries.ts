import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { uuidArray } from '../../platform/pg-arrays.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges, type DueDelivery } from './deliver.nudge.js';
import { type Pages, walkHeld, walkNotification } from './delivery-walk.js';

/** What held the deliveries. */
export type Holder =
  | { readonly integrationId: string; readonly notificationId?: undefined }
  | { readonly notificationId: string; readonly integrationId?: undefined };

const RELEASE = `
  UPDATE delivery d SET state = 'queued', reason = NULL, held_at = NULL, updated_at = $2
  FROM (
    SELECT app_id, id FROM delivery
    WHERE app_id = $1 AND id = ANY($3::uuid[]) AND state = 'held' AND reason = $4
    ORDER BY id FOR UPDATE SKIP LOCKED
  ) held
  WHERE d.app_id = held.app_id AND d.id = held.id
  RETURNING d.id, d.app_id AS "appId", d.integration_id AS "integrationId", d.priority,
            CASE WHEN d.not_before > $2 THEN d.not_before END AS "notBefore"`;

/** Lets deliveries go on that waited for somebody to resume what they go through, or what they belong to. */
@Injectable()
export class HeldDeliveries {
  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
  ) {}

  /** In many transactions, after the one that resumed: the sweep releases what a crash in between leaves behind. */
  async release(appId: string, { integrationId, notificationId }: Holder): Promise<void> {
    const [pages, reason] =
      integrationId === undefined
        ? [walkNotification(this.sql, appId, notificationId, ['held']), 'notification_paused']
        : [walkHeld(this.sql, appId, integrationId), 'integration_paused'];
    await this.releaseAll(appId, pages, reason);
  }

  private async releaseAll(appId: string, pages: Pages, reason: string): Promise<void> {
    for await (const ids of pages) {
      await this.sql.transaction(async (tx) => {
        const due = await tx.query<DueDelivery>(RELEASE, [appId, this.clock.now(), uuidArray(ids), reason]);
        await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
      });
    }
  }
}
