import type { Platform } from '@bellhop/contracts';
import { uuidArray } from '../../platform/pg-arrays.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { DeliveryState } from '../notifications/delivery.entity.js';
import type { ReceiptKind } from './receipt.entity.js';

/** A receipt whose token is ours. */
export interface GenuineReceipt {
  /** Tells the receipts of a batch apart; of two that say the same, the lower one counts. */
  readonly position: number;
  readonly appId: string;
  readonly deliveryId: string;
  readonly kind: ReceiptKind;
  readonly at: Date;
  readonly installationId: string | null;
  /** Of a device that is not registered here. */
  readonly platform: Platform | null;
}

/** What became of a receipt; an opened push brings a second one, which says that it was delivered. */
export interface RecordedReceipt {
  readonly position: number;
  readonly implied: boolean;
  readonly kind: ReceiptKind;
  /** Null: it is not known which device of many it is about, and nothing was written. */
  readonly subject: string | null;
  /** The first of its kind for this subject: it was written. */
  readonly first: boolean;
  readonly appId: string;
  readonly deliveryId: string;
  readonly notificationId: string;
  readonly userId: string | null;
  readonly deviceId: string | null;
  readonly channel: string | null;
  readonly platform: Platform | null;
  readonly at: Date;
  readonly createdAt: Date;
  /** Before the receipt. */
  readonly state: DeliveryState;
  /** The delivery has a new state. */
  readonly moved: boolean;
}

/**
 * States that end without an answer of the gateway, or with one that the device has proved wrong. A delivery that is
 * being sent is left to its worker, which calls {@link applyEarlyReceipts}.
 */
const MOVABLE = `('accepted', 'unknown', 'failed', 'dead', 'expired')`;
/** An audience stands for any number of devices: it has no state of its own, and nobody waits for others at its row. */
const ONE_RECIPIENT = `d.target ->> 'kind' IS DISTINCT FROM 'audience'`;

const KNOWN = `d.app_id, d.id, d.notification_id, d.user_id, d.device_id, d.target, d.channel, d.platform, d.created_at, d.state`;

// Rows are locked in the order of their ids, and receipts written in the order of their key: batches that share some
// wait for each other, and never in a circle.
const RECORD = `
  WITH given AS (
    SELECT * FROM unnest($2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::text[])
      AS g (position, app_id, delivery_id, kind, at, installation_id, platform)
  ), asked AS (
    SELECT DISTINCT app_id, delivery_id FROM given
  ), locked AS (
    SELECT ${KNOWN} FROM asked a JOIN delivery d ON d.app_id = a.app_id AND d.id = a.delivery_id
    WHERE ${ONE_RECIPIENT} ORDER BY d.app_id, d.id FOR UPDATE OF d
  ), known AS (
    SELECT * FROM locked
    UNION ALL
    SELECT ${KNOWN} FROM asked a JOIN delivery d ON d.app_id = a.app_id AND d.id = a.delivery_id
    WHERE NOT ${ONE_RECIPIENT}
  ), told AS (
    SELECT g.position, g.kind, k.app_id, k.id, k.notification_id, k.user_id, k.device_id, k.channel, k.created_at, k.state,
           coalesce(k.device_id::text, g.installation_id) AS subject,
           coalesce(k.platform, v.platform, g.platform) AS platform,
           greatest(g.at, k.created_at) AS at
    FROM given g
    JOIN known k ON k.app_id = g.app_id AND k.id = g.delivery_id
    LEFT JOIN device v ON k.device_id IS NULL AND v.app_id = g.app_id AND v.installation_id = g.installation_id
  ), meant AS (
    SELECT false AS implied, told.* FROM told
    UNION ALL
    SELECT true, told.* FROM told WHERE kind = 'opened'
  ), judged AS (
    SELECT position, implied, CASE WHEN implied THEN 'delivered' ELSE kind END AS kind, app_id, id, notification_id,
           user_id, device_id, channel, created_at, state, subject, platform, at
    FROM meant
  ), picked AS (
    SELECT DISTINCT ON (app_id, id, subject, kind) * FROM judged WHERE subject IS NOT NULL
    ORDER BY app_id, id, subject, kind, implied, position
  ), inserted AS (
    INSERT INTO receipt (app_id, delivery_id, subject, kind, platform, at, received_at)
    SELECT app_id, id, subject, kind, platform, at, $1 FROM picked ORDER BY app_id, id, subject, kind
    ON CONFLICT (app_id, delivery_id, kind, subject) DO NOTHING
    RETURNING app_id, delivery_id, subject, kind
  ), news AS (
    SELECT app_id, delivery_id, bool_or(kind = 'opened') AS opened FROM inserted GROUP BY app_id, delivery_id
  ), moved AS (
    UPDATE delivery d
    SET state = CASE WHEN n.opened THEN 'opened' ELSE 'delivered' END, reason = NULL, detail = NULL, lost_at = NULL,
        updated_at = $1
    FROM news n JOIN locked l ON l.app_id = n.app_id AND l.id = n.delivery_id
    WHERE d.app_id = n.app_id AND d.id = n.delivery_id
      AND (l.state IN ${MOVABLE} OR (l.state = 'delivered' AND n.opened))
    RETURNING d.app_id, d.id
  )
  SELECT j.position, j.implied, j.kind, j.subject, p.position IS NOT NULL AS first, j.app_id AS "appId", j.id AS "deliveryId",
         j.notification_id AS "notificationId", j.user_id AS "userId", j.device_id AS "deviceId", j.channel, j.platform,
         j.at, j.created_at AS "createdAt", j.state, m.id IS NOT NULL AS moved
  FROM judged j
  LEFT JOIN (picked p JOIN inserted i ON i.app_id = p.app_id AND i.delivery_id = p.id AND i.subject = p.subject AND i.kind = p.kind)
    ON p.position = j.position AND p.implied = j.implied
  LEFT JOIN moved m ON m.app_id = j.app_id AND m.id = j.id
  ORDER BY j.position, j.implied`;

/** Milliseconds to wait for a delivery that somebody writes. Below the server's deadlock check: we give way, not the worker. */
const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '400ms'`;

/**
 * Writes a batch of receipts and what follows for their deliveries in one statement. Receipts for deliveries that are
 * gone have no row in the answer.
 */
export async function recordReceipts(
  tx: SqlRunner,
  receipts: readonly GenuineReceipt[],
  now: Date,
): Promise<RecordedReceipt[]> {
  const limit = tx.query(LOCK_TIMEOUT);
  const recorded = tx.query<RecordedReceipt>(
    RECORD,
    [
      now,
      receipts.map(({ position }) => position),
      receipts.map(({ appId }) => appId),
      receipts.map(({ deliveryId }) => deliveryId),
      receipts.map(({ kind }) => kind),
      receipts.map(({ at }) => at),
      receipts.map(({ installationId }) => installationId),
      receipts.map(({ platform }) => platform),
    ],
    'record-receipts',
  );
  const [, rows] = await Promise.all([limit, recorded]);
  return rows;
}

// Two statements: there are hardly ever any, and one that joined receipts with deliveries would be planned to read either
// table as a whole.
const EARLY = `
  SELECT delivery_id AS id, bool_or(kind = 'opened') AS opened FROM receipt
  WHERE app_id = $1 AND delivery_id = ANY($2::uuid[]) GROUP BY delivery_id`;

const APPLY_EARLY = `
  UPDATE delivery d
  SET state = CASE WHEN d.id = ANY($3::uuid[]) THEN 'opened' ELSE 'delivered' END, updated_at = $4
  WHERE d.app_id = $1 AND d.id = ANY($2::uuid[]) AND d.state = 'accepted' AND ${ONE_RECIPIENT}`;

/**
 * A device may report before the worker has written that the gateway took the push. Call it in the transaction that
 * writes so, after that statement.
 * @param deliveryIds those that were accepted.
 */
export async function applyEarlyReceipts(
  tx: SqlRunner,
  appId: string,
  deliveryIds: readonly string[],
  now: Date,
): Promise<void> {
  if (deliveryIds.length === 0) return;
  const values = [appId, uuidArray(deliveryIds)];
  const early = await tx.query<{ id: string; opened: boolean }>(EARLY, values, 'early-receipts');
  if (early.length === 0) return;
  const opened = early.flatMap((receipt) => (receipt.opened ? receipt.id : []));
  await tx.query(APPLY_EARLY, [appId, uuidArray(early.map(({ id }) => id)), uuidArray(opened), now]);
}
