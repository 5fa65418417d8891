import { publicId } from '../../platform/ids.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { ReceiptKind } from '../receipts/receipt.entity.js';
import type { Person } from './person.js';
import { type Stretch, stretches } from './stretches.js';

const RECEIPTS = { table: 'receipt', key: 'delivery_id', rows: 50_000 } as const;
const MESSAGES = { table: 'webhook_message', key: 'id', rows: 20_000 } as const;

/** What an install of the person reported. */
export interface PersonalReceipt {
  readonly deliveryId: string;
  /** Device id, or installation id. */
  readonly subject: string;
  readonly kind: ReceiptKind;
  readonly at: Date;
}

/** Receipts of the person's installs, stretch by stretch. */
export async function* receiptPages(
  sql: SqlRunner,
  { appId, devices }: Person,
): AsyncGenerator<{ readonly keys: readonly PersonalReceipt[]; readonly stretch: Stretch }> {
  const subjects = devices.flatMap(({ id, installationId }) => [id, installationId]);
  if (subjects.length === 0) return;
  for await (const stretch of stretches(sql, RECEIPTS, appId)) {
    const keys = await sql.query<PersonalReceipt & object>(
      `SELECT delivery_id AS "deliveryId", subject, kind, at FROM receipt
       WHERE app_id = $1 AND delivery_id > $2 AND delivery_id <= $3 AND subject = ANY($4) ORDER BY delivery_id`,
      [appId, ...stretch, subjects],
    );
    yield { keys, stretch };
  }
}

/** What a webhook tells, or told, of the person. */
export interface PersonalMessage {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  readonly payload: string;
  readonly createdAt: Date;
}

const TELLING = `
  SELECT id, type, state, payload, created_at AS "createdAt"
  FROM (SELECT *, payload::json -> 'data' AS data FROM webhook_message WHERE app_id = $1 AND id > $2 AND id <= $3) m
  WHERE data ->> 'userId' = $4 OR data ->> 'deviceId' = ANY($5) OR data ->> 'installationId' = ANY($6) ORDER BY id`;

/** Page after page, empty ones as well. */
export async function* messagePages(
  sql: SqlRunner,
  { appId, userId, devices }: Person,
): AsyncGenerator<readonly PersonalMessage[]> {
  const ids = devices.map(({ id }) => publicId('dev', id));
  const installations = devices.map(({ installationId }) => installationId);
  for await (const stretch of stretches(sql, MESSAGES, appId)) {
    yield await sql.query<PersonalMessage & object>(TELLING, [appId, ...stretch, userId, ids, installations]);
  }
}
