import { ConflictError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { DELIVER_QUEUE, deliverNudges, type DueDelivery } from '../delivery/deliver.nudge.js';
import { Tallies } from '../statistics/tallies.js';
import { type DeadLetterFilter, IS_MEANT, type LostState, valuesOf } from './dead-letter-filter.js';

/** Deliveries that one transaction puts back. */
const PAGE = 5_000;
/** A page meets a notification that is cancelled at this moment; the next try leaves its deliveries out. */
const TRIES = 3;

/** How what is meant goes out again. */
export interface RedrivePace {
  /** Deliveries per second. */
  readonly perSecond: number;
  /** Deliveries at most. */
  readonly limit: number;
  /** When the first ones may go. */
  readonly startAt: Date;
  /** How long a message stays useful once it may go. */
  readonly ttlSeconds: number;
}

export interface Redriven {
  /** Deliveries that the filter met beforehand. */
  readonly matched: number;
  readonly redriven: number;
  /** From then on the rate has room again; null: nothing was redriven. */
  readonly until: Date | null;
}

// Nothing of a cancelled notification is sent.
const MEANT = `
  FROM delivery d JOIN notification n ON n.app_id = d.app_id AND n.id = d.notification_id AND n.cancelled_at IS NULL
  WHERE ${IS_MEANT} AND d.integration_id IS NOT NULL`;

// In the order in which they were lost, each with its second. Rows that somebody else changes at this moment are not lost.
const REVIVE = `
  WITH picked AS (
    SELECT d.app_id, d.id, d.lost_at ${MEANT} AND (d.lost_at, d.id) > ($8::timestamptz, $9::uuid)
    ORDER BY d.lost_at, d.id LIMIT $10::int FOR UPDATE OF d SKIP LOCKED
  ), paced AS (
    SELECT app_id, id, lost_at,
           $13::timestamptz + (($11::int + row_number() OVER (ORDER BY lost_at, id) - 1) / $12::int) * interval '1 second' AS due
    FROM picked
  ), revived AS (
    UPDATE delivery d
    SET state = 'queued', reason = NULL, detail = NULL, lost_at = NULL, attempt_count = 0, not_before = p.due,
        expires_at = p.due + $14::int * interval '1 second', updated_at = $15
    FROM paced p WHERE d.app_id = p.app_id AND d.id = p.id
    RETURNING d.*, p.lost_at AS was_lost_at
  )
  SELECT id, app_id AS "appId", notification_id AS "notificationId", integration_id AS "integrationId", priority, channel,
         platform, created_at AS "createdAt", not_before AS "notBefore", expires_at AS "expiresAt",
         was_lost_at::text AS "lostAt"
  FROM revived ORDER BY was_lost_at, id`;

// In id order, like everybody who locks several of them.
const REOPEN = `
  WITH meant AS (
    SELECT n.app_id, n.id, m.count, m.expires_at
    FROM unnest($2::uuid[], $3::int[], $4::timestamptz[]) AS m (id, count, expires_at)
    JOIN notification n ON n.app_id = $1 AND n.id = m.id AND n.cancelled_at IS NULL
    ORDER BY n.id FOR UPDATE OF n
  )
  UPDATE notification n
  SET pending_count = n.pending_count + meant.count, state = CASE WHEN n.state = 'done' THEN 'sending' ELSE n.state END,
      done_at = NULL, touched_at = $5, expires_at = greatest(n.expires_at, meant.expires_at)
  FROM meant WHERE n.app_id = meant.app_id AND n.id = meant.id RETURNING n.id`;

interface RevivedDelivery extends DueDelivery {
  readonly notificationId: string;
  readonly channel: string | null;
  readonly platform: string | null;
  readonly createdAt: Date;
  readonly notBefore: Date;
  readonly expiresAt: Date;
  /** To the microsecond. */
  readonly lostAt: string;
}

/** Where the next page begins. */
type Place = readonly [lostAt: string, id: string];

const BEGINNING: Place = ['-infinity', '00000000-0000-0000-0000-000000000000'];

/** Puts deliveries that were lost back into the queue, at a rate that their gateway can bear. */
@Injectable()
export class RedriveService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly queue: Queue,
    private readonly tallies: Tallies,
  ) {}

  async count(appId: string, filter: DeadLetterFilter): Promise<number> {
    const [row] = await this.sql.query<{ count: number }>(
      `SELECT count(*)::int AS count ${MEANT}`,
      valuesOf(appId, filter),
    );
    return row?.count ?? 0;
  }

  /**
   * A page per transaction: what is put back stays put back whatever happens to the rest.
   * @throws {ConflictError} when notifications are being cancelled all the time.
   */
  async redrive(appId: string, filter: DeadLetterFilter, pace: RedrivePace): Promise<Redriven> {
    const matched = await this.count(appId, filter);
    const values = valuesOf(appId, filter);
    let redriven = 0;
    for (let place: Place | undefined = BEGINNING; place && redriven < pace.limit;) {
      const page = await this.revivePage(values, filter.state, place, pace, redriven);
      redriven += page.length;
      const last = page.at(-1);
      place = last && [last.lostAt, last.id];
    }
    const seconds = Math.ceil(redriven / pace.perSecond);
    const until = redriven > 0 ? new Date(pace.startAt.getTime() + seconds * 1000) : null;
    return { matched: Math.max(matched, redriven), redriven, until };
  }

  private async revivePage(
    values: readonly unknown[],
    state: LostState,
    place: Place,
    pace: RedrivePace,
    redriven: number,
  ): Promise<readonly RevivedDelivery[]> {
    for (let left = TRIES; left > 0; left--) {
      try {
        return await this.sql.transaction((tx) => this.revive(tx, values, state, place, pace, redriven));
      } catch (error) {
        if (!(error instanceof CancelledMeanwhileError)) throw error;
      }
    }
    throw new ConflictError('notification.cancelling', 'Notifications of these deliveries are being cancelled.');
  }

  private async revive(
    tx: Transaction,
    values: readonly unknown[],
    state: LostState,
    place: Place,
    { limit, perSecond, startAt, ttlSeconds }: RedrivePace,
    redriven: number,
  ): Promise<readonly RevivedDelivery[]> {
    const now = this.clock.now();
    const most = Math.min(PAGE, limit - redriven);
    const paced = [...place, most, redriven, perSecond, startAt, ttlSeconds, now];
    const revived = await tx.query<RevivedDelivery & object>(REVIVE, [...values, ...paced]);
    const [first] = revived;
    if (!first) return [];
    const { appId } = first;
    await this.takeBack(tx, appId, state, revived);
    await this.reopen(tx, appId, revived, now);
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(revived));
    return revived;
  }

  /** They count as failed once, if they fail again. What had no known fate was not counted. */
  private async takeBack(
    tx: Transaction,
    appId: string,
    state: LostState,
    revived: readonly RevivedDelivery[],
  ): Promise<void> {
    if (state === 'unknown') return;
    const tallies = revived.map(({ createdAt: at, channel, platform }) => ({ at, channel, platform, failed: -1 }));
    await this.tallies.add(tx, appId, tallies);
  }

  private async reopen(tx: Transaction, appId: string, revived: readonly RevivedDelivery[], now: Date): Promise<void> {
    const groups = [...Map.groupBy(revived, ({ notificationId }) => notificationId)];
    const reopened = await tx.query(REOPEN, [
      appId,
      groups.map(([id]) => id),
      groups.map(([, deliveries]) => deliveries.length),
      groups.map(([, deliveries]) => new Date(Math.max(...deliveries.map(({ expiresAt }) => expiresAt.getTime())))),
      now,
    ]);
    if (reopened.length < groups.length) throw new CancelledMeanwhileError();
  }
}

/** Nothing of the page may stay. */
class CancelledMeanwhileError extends Error {}
