import type { DeviceTarget, Environment, Platform, PushMessage } from '@bellhop/contracts';
import { newId } from '../../platform/ids.js';
import { int4Array, jsonbArray, textArray, timestamptzArray, uuidArray } from '../../platform/pg-arrays.js';
import type { SqlRunner, Transaction } from '../../platform/sql.js';
import { type Content, messageOf } from '../notifications/content.js';
import type { Attempt, Delivery, DeliveryState } from '../notifications/delivery.entity.js';
import type { OnQuota, Priority } from '../notifications/notification.entity.js';
import type { DeliverNudge } from './deliver.nudge.js';
import { REACHED_EVERY } from './token-hygiene.js';

/** A delivery that this worker has claimed, with what it takes to send it. */
export interface ClaimedDelivery {
  readonly id: string;
  readonly notificationId: string;
  readonly fence: number;
  readonly state: DeliveryState;
  readonly attemptCount: number;
  readonly lastOutcome: Attempt['outcome'] | null;
  readonly locale: string;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly target: Delivery['target'];
  readonly deviceId: string | null;
  readonly sealedToken: Buffer | null;
  readonly identifier: 'token' | 'fid' | null;
  readonly platform: Platform | null;
  readonly environment: Environment | null;
  readonly appIdentifier: string | null;
  /** It is long ago that something reached the device. */
  readonly quiet: boolean | null;
  readonly notification: ClaimedNotification;
}

/** What the deliveries of a notification have in common. */
export interface ClaimedNotification {
  readonly id: string;
  readonly priority: Priority;
  readonly onQuota: OnQuota;
  readonly content: Content;
}

/** As it comes from the database. */
interface ClaimedRow extends Omit<ClaimedDelivery, 'notification' | 'expiresAt' | 'createdAt'> {
  readonly expiresAt: string;
  readonly createdAt: string;
  /** Of the notification, with the first of its deliveries: hundreds may share one content, which travels once. */
  readonly priority: Priority | null;
  readonly onQuota: OnQuota | null;
  readonly content: Content | null;
}

/** Deliveries that are ours until the lease ends, and those that ended as they were claimed. */
export interface ClaimedBatch {
  readonly claimId: string;
  readonly deliveries: readonly ClaimedDelivery[];
}

// Plans that are kept were made for a table of another size, and one for a few rows reads all of a table that has grown.
// So statements over hundreds of deliveries are planned for what they find, and kept from guessing: an estimate that is
// wrong, because nothing has counted the new rows, must not turn their keys into a join over all rows of the app. The
// rows of a batch lie together, which is why pages cost no more at random. For a few deliveries planning costs more than
// the work: their plan is kept, and can be nothing but a look-up of each key.
const PLANNING = {
  many: { plan_cache_mode: 'force_custom_plan', random_page_cost: '1.1' },
  few: {
    plan_cache_mode: 'force_generic_plan',
    enable_seqscan: 'off',
    enable_hashjoin: 'off',
    enable_mergejoin: 'off',
    enable_bitmapscan: 'off',
  },
} as const;
const FEW = 100;

const settings = (of: Readonly<Record<string, string>>): string =>
  `SELECT ${Object.entries(of)
    .map(([name, value]) => `set_config('${name}', '${value}', true)`)
    .join(', ')}`;

const PLAN = { many: settings(PLANNING.many), few: settings(PLANNING.few) };
const PLAN_AS_USUAL = {
  many: settings({ plan_cache_mode: 'auto' }),
  few: settings({
    plan_cache_mode: 'auto',
    enable_seqscan: 'on',
    enable_hashjoin: 'on',
    enable_mergejoin: 'on',
    enable_bitmapscan: 'on',
  }),
};

/** Runs a statement over deliveries. @param count of them. */
function queryRows<R extends object>(
  tx: Transaction,
  count: number,
  text: string,
  values: readonly unknown[],
  name: string,
) {
  const size = count > FEW ? 'many' : 'few';
  tx.send(PLAN[size], [], `plan-${size}`);
  const rows = tx.query<R>(text, values, `${name}-${size}`);
  tx.send(PLAN_AS_USUAL[size], [], `plan-as-usual-${size}`);
  return rows;
}

// Rows that expired, whose device was retired meanwhile, or whose notification was cancelled end here, and those of a
// paused one wait: nothing is sent for them. Locked in id order, so that two workers with overlapping batches cannot
// wait for each other.
const CLAIM = `
  WITH due AS (
    SELECT d.app_id, d.id, d.device_id, d.notification_id
    FROM delivery d
    WHERE d.app_id = $1 AND d.id = ANY($2::uuid[]) AND d.integration_id = $3
      AND (d.state = 'queued' OR (d.state = 'held' AND d.reason = 'quota_exhausted'))
      AND (d.not_before IS NULL OR d.not_before <= $4)
    ORDER BY d.id
    FOR UPDATE SKIP LOCKED
  ), judged AS MATERIALIZED (
    SELECT due.app_id, due.id, v.id AS device_id, v.sealed_token, v.identifier, v.environment, v.app_identifier,
           n.cancelled_at IS NOT NULL AS cancelled, n.paused_at IS NOT NULL AS paused, v.state = 'active' AS active,
           r.accepted_at IS NULL OR r.accepted_at < $4 - ${REACHED_EVERY} AS quiet
    FROM due
    JOIN notification n ON n.app_id = due.app_id AND n.id = due.notification_id
    LEFT JOIN device v ON v.app_id = due.app_id AND v.id = due.device_id
    LEFT JOIN device_reach r ON r.app_id = due.app_id AND r.device_id = due.device_id
  ), claimed AS (
    UPDATE delivery d
    SET state = CASE WHEN j.cancelled THEN 'cancelled'
                     WHEN d.expires_at <= $4 THEN 'expired'
                     WHEN j.paused THEN 'held'
                     WHEN d.target IS NULL AND j.active IS NOT TRUE THEN 'skipped'
                     ELSE 'sending' END,
        reason = CASE WHEN j.cancelled THEN 'notification_cancelled'
                      WHEN d.expires_at <= $4 THEN coalesce(d.reason, 'expired')
                      WHEN j.paused THEN 'notification_paused'
                      WHEN d.target IS NULL AND j.active IS NOT TRUE THEN 'device_not_active' END,
        held_at = CASE WHEN j.paused AND NOT j.cancelled AND d.expires_at > $4 THEN $4::timestamptz END,
        fence = d.fence + 1, not_before = NULL, updated_at = $4
    FROM judged j
    WHERE d.app_id = j.app_id AND d.id = j.id
    RETURNING d.id, d.notification_id, d.fence, d.state, d.attempt_count, d.attempts, d.locale, d.expires_at,
              d.created_at, d.target, d.platform, j.device_id, j.sealed_token, j.identifier, j.environment,
              j.app_identifier, j.quiet
  ), claim AS (
    INSERT INTO delivery_claim (app_id, id, lease_until, ids, fences)
    SELECT $1, $6, $5, array_agg(id), array_agg(fence) FROM claimed WHERE state = 'sending' HAVING count(*) > 0
  )
  SELECT c.id, notification_id AS "notificationId", fence, c.state, attempt_count AS "attemptCount",
         attempts -> -1 ->> 'outcome' AS "lastOutcome", locale, c.expires_at::text AS "expiresAt",
         c.created_at::text AS "createdAt", target, device_id AS "deviceId", sealed_token AS "sealedToken", identifier, platform,
         environment, app_identifier AS "appIdentifier", quiet, n.priority, n.on_quota AS "onQuota", n.content
  FROM (SELECT *, row_number() OVER (PARTITION BY notification_id ORDER BY id) AS place FROM claimed) c
  LEFT JOIN LATERAL (
    SELECT priority, on_quota, content FROM notification WHERE app_id = $1 AND id = c.notification_id AND c.place = 1 OFFSET 0
  ) n ON true`;

/** Claims what is due in a batch: the rows are ours until the lease ends. */
export async function claimBatch(
  tx: Transaction,
  { appId, ids, integrationId }: DeliverNudge,
  now: Date,
  leaseUntil: Date,
): Promise<ClaimedBatch> {
  const claimId = newId();
  const values = [appId, uuidArray(ids), integrationId, now, leaseUntil, claimId];
  const rows = await queryRows<ClaimedRow>(tx, ids.length, CLAIM, values, 'claim-deliveries');
  const byId = new Map(
    rows.flatMap(({ notificationId: id, priority, onQuota, content }) =>
      content && priority && onQuota ? [[id, { id, priority, onQuota, content }] as const] : [],
    ),
  );
  const dates = new Dates();
  const deliveries = rows.map((row) =>
    Object.assign(row, {
      notification: byId.get(row.notificationId) as ClaimedNotification,
      expiresAt: dates.of(row.expiresAt),
      createdAt: dates.of(row.createdAt),
    }),
  );
  return { claimId, deliveries };
}

/** The rows of a batch have few times: each is read once. */
class Dates {
  private readonly known = new Map<string, Date>();

  of(text: string): Date {
    let date = this.known.get(text);
    if (!date) {
      date = new Date(text);
      this.known.set(text, date);
    }
    return date;
  }
}

// Those that would be of no use by then end here, as after an attempt.
const DEFER = `
  UPDATE delivery d
  SET state = CASE WHEN d.expires_at <= $5 THEN 'expired' ELSE d.state END, reason = coalesce(d.reason, 'channel_down'),
      held_at = CASE WHEN d.expires_at > $5 THEN d.held_at END,
      not_before = CASE WHEN d.expires_at > $5 THEN $5::timestamptz END, updated_at = $4
  FROM (
    SELECT app_id, id FROM delivery
    WHERE app_id = $1 AND id = ANY($2::uuid[]) AND integration_id = $3
      AND (state = 'queued' OR (state = 'held' AND reason = 'quota_exhausted'))
      AND (not_before IS NULL OR not_before <= $4)
    ORDER BY id
    FOR UPDATE SKIP LOCKED
  ) due
  WHERE d.app_id = due.app_id AND d.id = due.id
  RETURNING d.id, d.notification_id AS "notificationId", d.state, d.reason, d.platform, d.priority,
            d.created_at AS "createdAt", d.not_before AS "notBefore"`;

/** A delivery that is not sent before a moment; of one that ended for it, the moment is null. */
export interface DeferredDelivery extends Pick<ClaimedDelivery, 'id' | 'notificationId' | 'platform' | 'createdAt'> {
  readonly state: Extract<DeliveryState, 'queued' | 'held' | 'expired'>;
  readonly reason: string;
  readonly priority: Priority;
  readonly notBefore: Date | null;
}

/** Puts what is due in a batch off until later, without an attempt. */
export function deferBatch(
  tx: Transaction,
  { appId, ids, integrationId }: DeliverNudge,
  now: Date,
  until: Date,
): Promise<readonly DeferredDelivery[]> {
  const values = [appId, uuidArray(ids), integrationId, now, until];
  return queryRows<DeferredDelivery>(tx, ids.length, DEFER, values, 'defer-deliveries');
}

/** Gives up a claim whose deliveries are being recorded. Before them: the sweep takes both in this order. */
export function dropClaim(tx: Transaction, appId: string, claimId: string): void {
  tx.send('DELETE FROM delivery_claim WHERE app_id = $1 AND id = $2', [appId, claimId], 'drop-claim');
}

/** What to write about one delivery. */
export interface Result {
  readonly id: string;
  readonly fence: number;
  readonly state: DeliveryState;
  readonly reason?: string;
  /** Words for operators, beside the reason. */
  readonly detail?: string;
  readonly notBefore?: Date;
  readonly vendorMessageId?: string;
  /** Absent when no call was made. */
  readonly attempt?: Attempt;
}

// The attempts of a batch differ in little: each is read once, and rows name theirs by its place.
const RECORD = `
  WITH recorded AS (
    UPDATE delivery d
    SET state = r.state, reason = r.reason, detail = r.detail, not_before = r.not_before, updated_at = $2::timestamptz,
        held_at = CASE WHEN r.state = 'held' THEN $2::timestamptz END,
        vendor_message_id = coalesce(r.vendor_message_id, d.vendor_message_id),
        attempts = CASE WHEN r.attempt IS NULL THEN d.attempts ELSE d.attempts || ($3::jsonb[])[r.attempt] END,
        attempt_count = d.attempt_count + CASE WHEN r.attempt IS NULL THEN 0 ELSE 1 END
    FROM (
      SELECT $1::uuid AS app_id, given.*
      FROM unnest($4::uuid[], $5::int[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::int[], $11::text[])
        AS given (id, fence, state, reason, not_before, vendor_message_id, attempt, detail)
      OFFSET 0
    ) r
    WHERE d.app_id = r.app_id AND d.id = r.id AND d.fence = r.fence AND d.state = 'sending'
    RETURNING d.id
  )
  SELECT CASE WHEN count(*) < $12 THEN coalesce(array_agg(id), '{}') END AS ids FROM recorded`;

/**
 * Writes the results of a batch in one statement; a row that another worker has claimed since is left alone.
 * @returns those that were written.
 */
export async function recordBatch<R extends Result>(
  tx: Transaction,
  appId: string,
  now: Date,
  results: readonly R[],
): Promise<readonly R[]> {
  const ids = results.map(({ id }) => id);
  const attempts = [...new Set(results.flatMap(({ attempt }) => attempt ?? []))];
  const places = new Map(attempts.map((attempt, i) => [attempt, i + 1]));
  const [row] = await queryRows<{ ids: string[] | null }>(
    tx,
    results.length,
    RECORD,
    [
      appId,
      now,
      jsonbArray(attempts.map((attempt) => JSON.stringify(attempt))),
      uuidArray(ids),
      int4Array(results.map(({ fence }) => fence)),
      textArray(results.map(({ state }) => state)),
      textArray(results.map(({ reason }) => reason ?? null)),
      timestamptzArray(results.map(({ notBefore }) => notBefore ?? null)),
      textArray(results.map(({ vendorMessageId }) => vendorMessageId ?? null)),
      int4Array(results.map(({ attempt }) => (attempt && places.get(attempt)) ?? null)),
      textArray(results.map(({ detail }) => detail ?? null)),
      results.length,
    ],
    'record-deliveries',
  );
  if (!row?.ids) return results;
  const written = new Set(row.ids);
  return results.filter(({ id }) => written.has(id));
}

const OPEN: ReadonlySet<DeliveryState> = new Set(['queued', 'sending', 'held']);

/**
 * Takes deliveries that have ended off their notifications; the last one ends the notification.
 * @returns the notifications that are done with it.
 */
export async function settleNotifications(
  tx: SqlRunner,
  appId: string,
  now: Date,
  recorded: readonly Pick<ClaimedDelivery, 'notificationId' | 'state'>[],
): Promise<readonly string[]> {
  const ended = Map.groupBy(
    recorded.filter(({ state }) => !OPEN.has(state)),
    ({ notificationId }) => notificationId,
  );
  if (ended.size === 0) return [];
  // In id order: batches of one broadcast end at the same time and update the same row.
  const ids = [...ended.keys()].sort();
  const settled = await tx.query<{ id: string; state: string }>(
    `WITH ended AS (
       SELECT n.app_id, n.id, e.count FROM unnest($3::uuid[], $4::int[]) AS e (id, count)
       JOIN notification n ON n.app_id = $1 AND n.id = e.id ORDER BY n.id FOR UPDATE OF n
     )
     UPDATE notification n
     SET pending_count = n.pending_count - ended.count, touched_at = $2,
         state = CASE WHEN n.pending_count <= ended.count AND n.state = 'sending' AND n.cancelled_at IS NULL THEN 'done' ELSE n.state END,
         done_at = CASE WHEN n.pending_count <= ended.count AND n.state = 'sending' AND n.cancelled_at IS NULL THEN $2 ELSE n.done_at END
     FROM ended WHERE n.app_id = ended.app_id AND n.id = ended.id
     RETURNING n.id, n.state`,
    [appId, now, uuidArray(ids), int4Array(ids.map((id) => ended.get(id)?.length ?? 0))],
    'settle-notifications',
  );
  return settled.flatMap(({ id, state }) => (state === 'done' ? [id] : []));
}

/** One message object per notification, form and end of life, so that a channel builds its payload once. */
export class Messages {
  private readonly built = new Map<string, PushMessage>();

  of({ notification, locale, target, platform, expiresAt }: ClaimedDelivery): PushMessage {
    const { id, content, priority } = notification;
    const form = target ? null : platform;
    const key = `${id} ${locale} ${form} ${expiresAt.getTime()}`;
    let message = this.built.get(key);
    if (!message) {
      message = messageOf(content, { locale, platform: form, priority, expiresAt });
      this.built.set(key, message);
    }
    return message;
  }
}

export function deviceTargetOf(delivery: ClaimedDelivery, token: string): DeviceTarget {
  return {
    kind: 'device',
    token,
    identifier: delivery.identifier ?? 'token',
    platform: delivery.platform ?? 'ios',
    environment: delivery.environment ?? 'unknown',
    ...(delivery.appIdentifier && { appIdentifier: delivery.appIdentifier }),
  };
}
