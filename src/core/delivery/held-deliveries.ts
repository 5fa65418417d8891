import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges, type DueDelivery } from './deliver.nudge.js';

/** What a transaction releases: a broadcast may have a million of them. */
const LIMIT = 5_000;

/** What held the deliveries. */
export type Holder =
  | { readonly integrationId: string; readonly notificationId?: undefined }
  | { readonly notificationId: string; readonly integrationId?: undefined };

const RELEASE = `
  UPDATE delivery d SET state = 'queued', reason = NULL, updated_at = $2
  FROM (
    SELECT app_id, id FROM delivery
    WHERE app_id = $1 AND state = 'held' AND reason = $3 AND (integration_id = $4 OR notification_id = $5)
    LIMIT $6 FOR UPDATE SKIP LOCKED
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
    const reason = integrationId ? 'integration_paused' : 'notification_paused';
    const holder = [reason, integrationId ?? null, notificationId ?? null];
    for (let released = LIMIT; released === LIMIT;) released = await this.releaseSome(appId, holder);
  }

  private releaseSome(appId: string, holder: readonly unknown[]): Promise<number> {
    return this.sql.transaction(async (tx) => {
      const due = await tx.query<DueDelivery>(RELEASE, [appId, this.clock.now(), ...holder, LIMIT]);
      await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
      return due.length;
    });
  }
}
