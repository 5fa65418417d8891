import { chunks } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Metrics } from '../../platform/metrics.js';
import { timestamptzArray, uuidArray } from '../../platform/pg-arrays.js';
import { type LaneTimes, Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner, type Transaction } from '../../platform/sql.js';
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
import { HeldDeliveries } from './held-deliveries.js';
import { walkNotification } from './delivery-walk.js';
import { Lease } from '../work/lease.js';
import { DeliveryRecorder, type SettledDelivery } from './delivery-recorder.js';

const LIMIT = 5_000;
/** Claims that one transaction gives up. */
const CLAIMS = 100;
/** One sweep at a time in the whole cluster. */
const LOCK = 0x62656c6c;

// The call may have reached the gateway: it is made again under the same id, and marked. Not for ever, though:
// a batch whose results can never be written would be sent again and again. A vendor that finds the devices
// itself knows no id of ours and would tell people twice: that waits for an operator.
const ABANDONED = `
  WITH lost AS (
    DELETE FROM delivery_claim c
    USING (SELECT app_id, id FROM delivery_claim WHERE lease_until < $1 ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED) late
    WHERE c.app_id = late.app_id AND c.id = late.id
    RETURNING c.app_id, c.ids, c.fences
  )
  UPDATE delivery d
  SET state = CASE WHEN target IS NOT NULL THEN 'unknown'
                   WHEN attempt_count + 1 >= $3 THEN 'dead' ELSE 'queued' END, reason = 'worker.lost', updated_at = $1,
      attempt_count = attempt_count + 1,
      attempts = attempts || jsonb_build_object('at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                                                'outcome', 'unknown', 'reason', 'worker.lost')
  FROM lost CROSS JOIN LATERAL unnest(lost.ids, lost.fences) AS claimed (id, fence)
  WHERE d.app_id = lost.app_id AND d.id = claimed.id AND d.fence = claimed.fence AND d.state = 'sending'
  RETURNING d.id, d.app_id AS "appId", d.notification_id AS "notificationId", d.state, d.reason, d.channel, d.platform,
            d.integration_id AS "integrationId", d.priority, d.not_before AS "notBefore", d.created_at AS "createdAt"`;

// Open, and nothing of them has ended for long: they may wait for their turn, or for a nudge that will never come.
const STANDING = `
  UPDATE notification n SET touched_at = $1
  FROM (
    SELECT app_id, id FROM notification
    WHERE state = 'sending' AND pending_count > 0 AND paused_at IS NULL AND cancelled_at IS NULL
      AND coalesce(touched_at, created_at) < $2
    ORDER BY coalesce(touched_at, created_at) LIMIT $3 FOR UPDATE SKIP LOCKED
  ) standing
  WHERE n.app_id = standing.app_id AND n.id = standing.id
  RETURNING n.app_id AS "appId", n.id AS "notificationId"`;

// Due, and older than every nudge that waits or runs in their lane: theirs is not among them. With them those that are
// held although somebody has resumed the notification: the release came too early for them.
const FORGOTTEN = `
  UPDATE delivery d
  SET updated_at = $2, state = CASE WHEN lost.resumed THEN 'queued' ELSE d.state END,
      reason = CASE WHEN lost.resumed THEN NULL ELSE d.reason END, held_at = CASE WHEN lost.resumed THEN NULL ELSE d.held_at END
  FROM (
    SELECT d.app_id, d.id, d.state = 'held' AND d.reason = 'notification_paused' AS resumed
    FROM delivery d LEFT JOIN unnest($5::uuid[], $6::timestamptz[]) AS lane (id, since) ON lane.id = d.integration_id
    WHERE d.app_id = $1 AND d.id = ANY($3::uuid[]) AND d.updated_at < $4 AND d.updated_at < coalesce(lane.since, 'infinity') - $7::interval
      AND (d.state = 'queued' OR (d.state = 'held' AND d.reason IN ('quota_exhausted', 'notification_paused')))
      AND (d.not_before IS NULL OR d.not_before < $4)
    ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
  ) lost
  WHERE d.app_id = lost.app_id AND d.id = lost.id
  RETURNING d.id, d.app_id AS "appId", d.integration_id AS "integrationId", d.priority`;

// Held while somebody resumed or mended the integration: the release came too early for them.
const RELEASABLE = `
  SELECT app_id AS "appId", id AS "integrationId" FROM integration i
  WHERE state = 'active' AND EXISTS (
    SELECT FROM delivery d
    WHERE d.app_id = i.app_id AND d.integration_id = i.id AND d.held_at IS NOT NULL AND d.reason = 'integration_paused')`;

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
    private readonly lease: Lease,
    private readonly planner: SlicePlanner,
    private readonly control: BroadcastControl,
    private readonly mirror: TagMirror,
    private readonly tallies: Tallies,
    private readonly shared: SharedStates,
    private readonly quotas: QuotaLedger,
    private readonly recorder: DeliveryRecorder,
    private readonly held: HeldDeliveries,
    private readonly metrics: Metrics,
  ) {}

  /** One pass; does nothing while another process makes one. */
  async sweep(): Promise<void> {
    while (await this.alone((tx) => this.giveUpClaims(tx)));
    await this.nudgeForgotten();
    await this.releaseHeld();
    await this.alone((tx) => this.nudgeAgain(tx));
    await this.finishCancels();
    await this.alone((tx) => this.tidy(tx));
    await this.shared.purge();
  }

  /** Does the work unless another process is at it. */
  private alone<T>(work: (tx: Transaction) => Promise<T>): Promise<T | undefined> {
    return this.sql.transaction(async (tx) => {
      const [lock] = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [LOCK]);
      return lock?.locked ? work(tx) : undefined;
    });
  }

  private async nudgeAgain(tx: Transaction): Promise<void> {
    const now = this.clock.now();
    const lost = this.lostBefore(now);
    const unrouted = await this.nudgeUnrouted(tx, lost);
    const unplanned = await tx.query<PlanNudge & object>(UNPLANNED, [now, lost, LIMIT]);
    await this.planner.nudge(tx, unplanned);
    const unmirrored = await this.mirror.nudgeLost(tx, now, lost);
    this.report({ unrouted, unmirrored, unplanned: unplanned.length });
  }

  /** Batches whose worker is gone. @returns whether any deliveries were found: there may be more. */
  private async giveUpClaims(tx: Transaction): Promise<boolean> {
    const abandoned = await tx.query<AbandonedDelivery & object>(ABANDONED, [this.clock.now(), CLAIMS, MAX_ATTEMPTS]);
    await this.quotas.spend(
      tx,
      abandoned.map(({ id }) => id),
    );
    for (const [appId, rows] of Map.groupBy(abandoned, (row) => row.appId)) {
      await this.recorder.settle(tx, appId, rows);
    }
    const again = abandoned.filter(({ state }) => state === 'queued');
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(again));
    this.report({ abandoned: abandoned.length });
    return abandoned.length > 0;
  }

  /** Deliveries that wait, and for whom nothing in the queue stands. */
  private async nudgeForgotten(): Promise<void> {
    const now = this.clock.now();
    const standing = await this.alone((tx) =>
      tx.query<PlanNudge & object>(STANDING, [now, this.lostBefore(now), LIMIT]),
    );
    if (!standing?.length) return;
    const lanes = await this.queue.waitingSince(this.sql, DELIVER_QUEUE);
    let forgotten = 0;
    for (const { appId, notificationId } of standing) {
      for await (const ids of walkNotification(this.sql, appId, notificationId, ['queued', 'held'])) {
        forgotten += await this.nudgeThose(appId, ids, lanes, now);
      }
    }
    this.report({ forgotten });
  }

  private nudgeThose(appId: string, ids: readonly string[], lanes: LaneTimes, now: Date): Promise<number> {
    return this.sql.transaction(async (tx) => {
      const due = await tx.query<DueDelivery>(FORGOTTEN, [
        appId,
        now,
        uuidArray(ids),
        this.lostBefore(now),
        uuidArray([...lanes.keys()]),
        timestamptzArray([...lanes.values()]),
        `${this.lease.lostMs} milliseconds`,
      ]);
      await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
      return due.length;
    });
  }

  private async releaseHeld(): Promise<void> {
    const resumed = await this.sql.query<{ appId: string; integrationId: string }>(RELEASABLE);
    for (const { appId, integrationId } of resumed) await this.held.release(appId, { integrationId });
    this.report({ released: resumed.length });
  }

  /** What was written earlier has waited too long. */
  private lostBefore(now: Date): Date {
    return new Date(now.getTime() - this.lease.lostMs);
  }

  private report(found: Readonly<Record<string, number>>): void {
    const some = Object.entries(found).filter(([, count]) => count > 0);
    if (some.length > 0) this.log.warn(found, 'Rows without a nudge');
    for (const [what, count] of some) this.metrics.swept.inc({ what }, count);
  }

  /** Cancels whose caller did not wait until the end. */
  private async finishCancels(): Promise<void> {
    const before = new Date(this.clock.now().getTime() - this.lease.ms);
    const rows = await this.sql.query<{ app_id: string; id: string }>(CANCELLING, [before]);
    for (const { app_id: appId, id } of rows) await this.control.finishCancel(appId, id);
  }

  private async nudgeUnrouted(tx: Transaction, before: Date): Promise<number> {
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
