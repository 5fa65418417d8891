import { chunks } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { IdempotencyStore } from '../../platform/idempotency.store.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { TagMirror } from '../audiences/tag-mirror.js';
import { BroadcastControl } from '../broadcasts/broadcast-control.js';
import type { PlanNudge } from '../broadcasts/plan.nudge.js';
import { SlicePlanner } from '../broadcasts/slice-planner.js';
import { SharedStates } from '../integrations/shared-state.js';
import { QuotaLedger } from '../quotas/quota-ledger.js';
import { type RoutableEvent, ROUTE_QUEUE, routeNudge } from '../routing/route.nudge.js';
import { Tallies } from '../statistics/tallies.js';
import { MAX_ATTEMPTS } from './decide.js';
import { DELIVER_QUEUE, deliverNudges, type DueDelivery } from './deliver.nudge.js';
import { Lease } from '../work/lease.js';
import { DeliveryRecorder, type SettledDelivery } from './delivery-recorder.js';

const LIMIT = 5_000;
/** One sweep at a time in the whole cluster. */
const LOCK = 0x62656c6c;

// The call may have reached the gateway: it is made again under the same id, and marked. Not for ever, though:
// a batch whose results can never be written would be sent again and again. A vendor that finds the devices
// itself knows no id of ours and would tell people twice: that waits for an operator.
const ABANDONED = `
  UPDATE delivery d
  SET state = CASE WHEN target IS NOT NULL THEN 'unknown'
                   WHEN attempt_count + 1 >= $3 THEN 'dead' ELSE 'queued' END, reason = 'worker.lost', lease_until = NULL, updated_at = $1,
      attempt_count = attempt_count + 1,
      attempts = attempts || jsonb_build_object('at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                                                'outcome', 'unknown', 'reason', 'worker.lost')
  FROM (
    SELECT app_id, id FROM delivery WHERE state = 'sending' AND lease_until < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.notification_id AS "notificationId", d.state, d.reason, d.channel, d.platform,
            d.integration_id AS "integrationId", d.priority, d.not_before AS "notBefore", d.created_at AS "createdAt"`;

const FORGOTTEN = `
  UPDATE delivery d SET updated_at = $1
  FROM (
    SELECT app_id, id FROM delivery
    WHERE (state = 'queued' OR (state = 'held' AND reason = 'quota_exhausted'))
      AND updated_at < $2 AND (not_before IS NULL OR not_before < $2)
    ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.integration_id AS "integrationId", d.priority`;

// Held while somebody resumed or mended the integration, or resumed the notification: the release came too early for them.
const RELEASED = `
  UPDATE delivery d SET state = 'queued', reason = NULL, updated_at = $1
  FROM (
    SELECT held.app_id, held.id FROM delivery held
    JOIN integration i ON i.app_id = held.app_id AND i.id = held.integration_id
    JOIN notification n ON n.app_id = held.app_id AND n.id = held.notification_id
    WHERE held.state = 'held'
      AND ((held.reason = 'integration_paused' AND i.state = 'active')
        OR (held.reason = 'notification_paused' AND n.paused_at IS NULL))
    ORDER BY held.id LIMIT $2 FOR UPDATE OF held SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.integration_id AS "integrationId", d.priority, d.not_before AS "notBefore"`;

const UNPLANNED = `
  UPDATE notification n SET touched_at = $1
  FROM (
    SELECT app_id, id FROM notification
    WHERE state IN ('scheduled', 'planning') AND paused_at IS NULL AND cancelled_at IS NULL
      AND starts_at <= $2 AND touched_at < $2
    ORDER BY starts_at LIMIT $3 FOR UPDATE SKIP LOCKED
  ) lost
  WHERE n.app_id = lost.app_id AND n.id = lost.id
  RETURNING n.app_id AS "appId", n.id AS "notificationId"`;

const CANCELLING = `
  SELECT app_id, id FROM notification
  WHERE cancelled_at IS NOT NULL AND state <> 'cancelled' AND cancelled_at < $1 LIMIT 100`;

const UNROUTED = `
  SELECT app_id AS "appId", id, integration_id AS "integrationId" FROM inbound_event WHERE state = 'accepted' AND received_at < $1 ORDER BY id LIMIT $2`;

type AbandonedDelivery = DueDelivery & SettledDelivery;

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
    private readonly planner: SlicePlanner,
    private readonly control: BroadcastControl,
    private readonly mirror: TagMirror,
    private readonly tallies: Tallies,
    private readonly shared: SharedStates,
    private readonly quotas: QuotaLedger,
    private readonly recorder: DeliveryRecorder,
  ) {}

  /** One pass; does nothing while another process makes one. */
  async sweep(): Promise<void> {
    await this.alone((tx) => this.nudgeAgain(tx));
    await this.finishCancels();
    await this.alone((tx) => this.tidy(tx));
    await this.idempotency.purge();
    await this.shared.purge();
  }

  /** Does the work unless another process is at it. */
  private async alone(work: (tx: SqlRunner) => Promise<void>): Promise<void> {
    await this.sql.transaction(async (tx) => {
      const [lock] = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [LOCK]);
      if (lock?.locked) await work(tx);
    });
  }

  private async nudgeAgain(tx: SqlRunner): Promise<void> {
    const now = this.clock.now();
    const lost = new Date(now.getTime() - this.lease.lostMs);
    const abandoned = await this.takeAbandoned(tx, now);
    const again = abandoned.filter(({ state }) => state === 'queued');
    const forgotten = await tx.query<DueDelivery>(FORGOTTEN, [now, lost, LIMIT]);
    const released = await tx.query<DueDelivery>(RELEASED, [now, LIMIT]);
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges([...again, ...forgotten, ...released]));
    const unrouted = await this.nudgeUnrouted(tx, lost);
    const unplanned = await tx.query<PlanNudge & object>(UNPLANNED, [now, lost, LIMIT]);
    await this.planner.nudge(tx, unplanned);
    const unmirrored = await this.mirror.nudgeLost(tx, now, lost);
    const counts = { abandoned: abandoned.length, forgotten: forgotten.length, released: released.length };
    const found = { ...counts, unrouted, unmirrored, unplanned: unplanned.length };
    if (Object.values(found).some((count) => count > 0)) this.log.warn(found, 'Rows without a nudge');
  }

  private async takeAbandoned(tx: SqlRunner, now: Date): Promise<readonly AbandonedDelivery[]> {
    const abandoned = await tx.query<AbandonedDelivery & object>(ABANDONED, [now, LIMIT, MAX_ATTEMPTS]);
    await this.quotas.spend(
      tx,
      abandoned.map(({ id }) => id),
    );
    for (const [appId, rows] of Map.groupBy(abandoned, (row) => row.appId)) {
      await this.recorder.settle(tx, appId, rows);
    }
    return abandoned;
  }

  /** Cancels whose caller did not wait until the end. */
  private async finishCancels(): Promise<void> {
    const before = new Date(this.clock.now().getTime() - this.lease.ms);
    const rows = await this.sql.query<{ app_id: string; id: string }>(CANCELLING, [before]);
    for (const { app_id: appId, id } of rows) await this.control.finishCancel(appId, id);
  }

  private async nudgeUnrouted(tx: SqlRunner, before: Date): Promise<number> {
    const rows = await tx.query<RoutableEvent & object>(UNROUTED, [before, LIMIT]);
    const nudges = chunks(rows, 256).map((chunk) => ({ data: routeNudge(chunk) }));
    await this.queue.enqueue(tx, ROUTE_QUEUE, nudges);
    return rows.length;
  }

  private async tidy(tx: SqlRunner): Promise<void> {
    const now = this.clock.now();
    await tx.query('SELECT ensure_delivery_partitions($1, 2)', [now]);
    await tx.query('DELETE FROM inbound_guard WHERE expires_at < $1', [now]);
    await this.tallies.fold(tx);
    await this.tallies.recordReach(tx, now);
  }
}
