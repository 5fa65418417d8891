import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { IdempotencyStore } from '../../platform/idempotency.store.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { ROUTE_QUEUE, type RouteNudge } from '../routing/route.nudge.js';
import { MAX_ATTEMPTS } from './decide.js';
import { DELIVER_QUEUE, deliverNudges, type DueDelivery } from './deliver.nudge.js';
import { Lease } from './lease.js';
import { type Recorded, settleNotifications } from './delivery-batch.js';

const LIMIT = 5_000;
/** One sweep at a time in the whole cluster. */
const LOCK = 0x62656c6c;

// The call may have reached the gateway: it is made again under the same id, and marked. Not for ever, though:
// a batch whose results can never be written would be sent again and again.
const ABANDONED = `
  UPDATE delivery d
  SET state = CASE WHEN attempt_count + 1 >= $3 THEN 'dead' ELSE 'queued' END, reason = 'worker.lost', lease_until = NULL, updated_at = $1,
      attempt_count = attempt_count + 1,
      attempts = attempts || jsonb_build_object('at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                                                'outcome', 'unknown', 'reason', 'worker.lost')
  FROM (
    SELECT app_id, id FROM delivery WHERE state = 'sending' AND lease_until < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.notification_id AS "notificationId", d.state,
            d.integration_id AS "integrationId", d.priority, d.not_before AS "notBefore"`;

const FORGOTTEN = `
  UPDATE delivery d SET updated_at = $1
  FROM (
    SELECT app_id, id FROM delivery
    WHERE (state = 'queued' OR (state = 'held' AND reason = 'quota_exhausted'))
      AND updated_at < $2 AND (not_before IS NULL OR not_before < $2)
    ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.integration_id AS "integrationId", d.priority, d.not_before AS "notBefore"`;

// Held while somebody resumed or mended the integration: the release came too early for them.
const RELEASED = `
  UPDATE delivery d SET state = 'queued', reason = NULL, updated_at = $1
  FROM (
    SELECT held.app_id, held.id FROM delivery held
    JOIN integration i ON i.app_id = held.app_id AND i.id = held.integration_id AND i.state = 'active'
    WHERE held.state = 'held' AND held.reason = 'integration_paused'
    ORDER BY held.id LIMIT $2 FOR UPDATE OF held SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.integration_id AS "integrationId", d.priority, d.not_before AS "notBefore"`;

const UNROUTED = `
  SELECT app_id, id FROM inbound_event WHERE state = 'accepted' AND received_at < $1 ORDER BY id LIMIT $2`;

/** Finds rows whose nudge was lost: a worker that died, a queue that was emptied. The rows are the truth. */
@Injectable()
export class Sweeper {
  private readonly log = new Logger(Sweeper.name);

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly idempotency: IdempotencyStore,
    private readonly lease: Lease,
  ) {}

  /** One pass; does nothing while another process makes one. */
  async sweep(): Promise<void> {
    await this.sql.transaction(async (tx) => {
      const [lock] = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [LOCK]);
      if (!lock?.locked) return;
      const now = this.clock.now();
      const lost = new Date(now.getTime() - this.lease.lostMs);
      const abandoned = await tx.query<DueDelivery & Recorded>(ABANDONED, [now, LIMIT, MAX_ATTEMPTS]);
      for (const [appId, rows] of Map.groupBy(abandoned, (row) => row.appId)) {
        await settleNotifications(tx, appId, now, rows);
      }
      const forgotten = await tx.query<DueDelivery>(FORGOTTEN, [now, lost, LIMIT]);
      const again = abandoned.filter(({ state }) => state === 'queued');
      const released = await tx.query<DueDelivery>(RELEASED, [now, LIMIT]);
      await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges([...again, ...forgotten, ...released]));
      const unrouted = await this.nudgeUnrouted(tx, lost);
      await this.tidy(tx, now);
      const counts = { abandoned: abandoned.length, forgotten: forgotten.length, released: released.length };
      const found = { ...counts, unrouted };
      if (Object.values(found).some((count) => count > 0)) this.log.warn(found, 'Rows without a nudge');
    });
    await this.idempotency.purge();
  }

  private async nudgeUnrouted(tx: SqlRunner, before: Date): Promise<number> {
    const rows = await tx.query<{ app_id: string; id: string }>(UNROUTED, [before, LIMIT]);
    const nudges = chunks(rows, 256).map((chunk) => ({
      data: { apps: chunk.map(({ app_id }) => app_id), ids: chunk.map(({ id }) => id) } satisfies RouteNudge,
    }));
    await this.queue.enqueue(tx, ROUTE_QUEUE, nudges);
    return rows.length;
  }

  private async tidy(tx: SqlRunner, now: Date): Promise<void> {
    await tx.query('SELECT ensure_delivery_partitions($1, 2)', [now]);
    await tx.query('DELETE FROM inbound_guard WHERE expires_at < $1', [now]);
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
