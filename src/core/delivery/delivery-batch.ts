import type { DeviceTarget, Environment, Platform, PushMessage } from '@bellhop/contracts';
import type { SqlRunner } from '../../platform/sql.js';
import { type Content, messageOf } from '../notifications/content.js';
import type { Attempt, Delivery, DeliveryState } from '../notifications/delivery.entity.js';
import type { OnQuota, Priority } from '../notifications/notification.entity.js';
import type { DeliverNudge } from './deliver.nudge.js';

/** A delivery that this worker has claimed, with what it takes to send it. */
export interface ClaimedDelivery {
  readonly id: string;
  readonly notificationId: string;
  readonly fence: number;
  readonly state: DeliveryState;
  readonly attemptCount: number;
  readonly lastOutcome: Attempt['outcome'] | null;
  readonly locale: string;
  readonly priority: Priority;
  readonly expiresAt: Date;
  readonly createdAt: Date;
  readonly onQuota: OnQuota;
  readonly content: Content;
  readonly target: Delivery['target'];
  readonly deviceId: string | null;
  readonly sealedToken: Buffer | null;
  readonly identifier: 'token' | 'fid' | null;
  readonly platform: Platform | null;
  readonly environment: Environment | null;
  readonly appIdentifier: string | null;
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
  ), judged AS (
    SELECT due.app_id, due.id, v.id AS device_id, v.sealed_token, v.identifier, v.environment, v.app_identifier, n.on_quota,
           n.cancelled_at IS NOT NULL AS cancelled, n.paused_at IS NOT NULL AS paused, v.state = 'active' AS active
    FROM due
    JOIN notification n ON n.app_id = due.app_id AND n.id = due.notification_id
    LEFT JOIN device v ON v.app_id = due.app_id AND v.id = due.device_id
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
        fence = d.fence + 1, lease_until = $5, not_before = NULL, updated_at = $4
    FROM judged j
    WHERE d.app_id = j.app_id AND d.id = j.id
    RETURNING d.id, d.notification_id, d.fence, d.state, d.attempt_count, d.attempts, d.locale, d.priority, d.expires_at,
              d.created_at, d.target, d.platform, j.device_id, j.sealed_token, j.identifier, j.environment, j.app_identifier, j.on_quota
  )
  SELECT id, notification_id AS "notificationId", fence, state, attempt_count AS "attemptCount",
         attempts -> -1 ->> 'outcome' AS "lastOutcome", locale, priority, expires_at AS "expiresAt",
         created_at AS "createdAt", target, device_id AS "deviceId", sealed_token AS "sealedToken", identifier, platform,
         environment, app_identifier AS "appIdentifier", on_quota AS "onQuota"
  FROM claimed`;

const CONTENTS = 'SELECT id, content FROM notification WHERE app_id = $1 AND id = ANY($2::uuid[])';

/** Claims what is due in a batch: the rows are ours until the lease ends. */
export async function claimBatch(
  tx: SqlRunner,
  { appId, ids, integrationId }: DeliverNudge,
  now: Date,
  leaseUntil: Date,
): Promise<ClaimedDelivery[]> {
  const values = [appId, ids, integrationId, now, leaseUntil];
  const rows = await tx.query<Omit<ClaimedDelivery, 'content'>>(CLAIM, values, 'claim-deliveries');
  if (rows.length === 0) return [];
  // Apart, because hundreds of rows may share one content: it travels and is parsed once.
  const notifications = [...new Set(rows.map(({ notificationId }) => notificationId))];
  const contents = await tx.query<{ id: string; content: Content }>(CONTENTS, [appId, notifications], 'contents');
  const contentOf = new Map(contents.map(({ id, content }) => [id, content]));
  return rows.map((row) => ({ ...row, content: contentOf.get(row.notificationId) as Content }));
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

const RECORD = `
  UPDATE delivery d
  SET state = r.state, reason = r.reason, detail = r.detail, not_before = r.not_before, lease_until = NULL, updated_at = $2,
      vendor_message_id = coalesce(r.vendor_message_id, d.vendor_message_id),
      attempts = CASE WHEN r.attempt IS NULL THEN d.attempts ELSE d.attempts || r.attempt END,
      attempt_count = d.attempt_count + CASE WHEN r.attempt IS NULL THEN 0 ELSE 1 END
  FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::timestamptz[], $8::text[], $9::jsonb[],
              $10::text[])
    AS r (id, fence, state, reason, not_before, vendor_message_id, attempt, detail)
  WHERE d.app_id = $1 AND d.id = r.id AND d.fence = r.fence AND d.state = 'sending'
  RETURNING d.id, d.notification_id AS "notificationId", d.state, d.reason`;

export interface Recorded {
  readonly id: string;
  readonly notificationId: string;
  readonly state: DeliveryState;
  readonly reason: string | null;
}

/** Writes the results of a batch in one statement; a row that another worker has claimed since is left alone. */
export function recordBatch(tx: SqlRunner, appId: string, now: Date, results: readonly Result[]): Promise<Recorded[]> {
  return tx.query<Recorded>(
    RECORD,
    [
      appId,
      now,
      results.map(({ id }) => id),
      results.map(({ fence }) => fence),
      results.map(({ state }) => state),
      results.map(({ reason }) => reason ?? null),
      results.map(({ notBefore }) => notBefore ?? null),
      results.map(({ vendorMessageId }) => vendorMessageId ?? null),
      results.map(({ attempt }) => (attempt ? JSON.stringify(attempt) : null)),
      results.map(({ detail }) => detail ?? null),
    ],
    'record-deliveries',
  );
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
  recorded: readonly Pick<Recorded, 'notificationId' | 'state'>[],
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
     SET pending_count = n.pending_count - ended.count,
         state = CASE WHEN n.pending_count <= ended.count AND n.state = 'sending' AND n.cancelled_at IS NULL THEN 'done' ELSE n.state END,
         done_at = CASE WHEN n.pending_count <= ended.count AND n.state = 'sending' AND n.cancelled_at IS NULL THEN $2 ELSE n.done_at END
     FROM ended WHERE n.app_id = ended.app_id AND n.id = ended.id
     RETURNING n.id, n.state`,
    [appId, now, ids, ids.map((id) => ended.get(id)?.length ?? 0)],
    'settle-notifications',
  );
  return settled.flatMap(({ id, state }) => (state === 'done' ? [id] : []));
}

/** One message object per notification, form and end of life, so that a channel builds its payload once. */
export class Messages {
  private readonly built = new Map<string, PushMessage>();

  of({ notificationId, locale, target, platform, priority, expiresAt, content }: ClaimedDelivery): PushMessage {
    const form = target ? null : platform;
    const key = `${notificationId} ${locale} ${form} ${expiresAt.getTime()}`;
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
