import type { SqlRunner } from '../../platform/sql.js';
import type { Delivery, DeliveryState } from '../notifications/delivery.entity.js';
import { NOBODY, targetWithout } from './forgotten.js';
import { type Person, valuesAt } from './person.js';
import { stretches } from './stretches.js';

/** A delivery that tells of a person. */
export interface PersonalDelivery {
  readonly id: string;
  readonly notificationId: string;
  readonly integrationId: string | null;
  readonly channel: string | null;
  readonly platform: Delivery['platform'];
  readonly deviceId: string | null;
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly target: Delivery['target'];
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** It is about nobody else. */
  readonly isTheirs: boolean;
  /** What the vendor is asked to reach besides. */
  readonly left: Delivery['target'];
}

const COLUMNS = `
  SELECT d.id, d.notification_id AS "notificationId", d.integration_id AS "integrationId", d.channel, d.platform,
         d.device_id AS "deviceId", d.user_id AS "userId", d.state, d.reason, d.target, d.created_at AS "createdAt",
         d.updated_at AS "updatedAt"`;

const IS_CANDIDATE = `(d.user_id = $2 OR d.device_id = ANY($3::uuid[]) OR (d.target IS NOT NULL AND EXISTS (
    SELECT FROM unnest($4::text[]) AS name WHERE strpos(d.target::text, name) > 0)))`;

const WITHIN = `${COLUMNS} FROM delivery d WHERE d.app_id = $1 AND ${IS_CANDIDATE} AND d.id > $5 AND d.id <= $6 ORDER BY d.id`;

// Whatever is open belongs to a notification that is.
const OPEN = `
  ${COLUMNS}
  FROM notification n
  JOIN delivery d ON d.app_id = n.app_id AND d.notification_id = n.id AND d.state IN ('queued', 'held', 'sending')
  WHERE n.app_id = $1 AND n.state IN ('scheduled', 'planning', 'sending') AND ${IS_CANDIDATE} ORDER BY d.id`;

const DELIVERIES = { table: 'delivery', key: 'id', rows: 20_000 } as const;

type Row = Omit<PersonalDelivery, 'isTheirs' | 'left'> & { readonly userId: string | null };

/** Those that wait or are being sent. */
export async function openDeliveries(sql: SqlRunner, person: Person): Promise<PersonalDelivery[]> {
  return concerning(await sql.query<Row & object>(OPEN, valuesOf(person)), person);
}

/** Page after page, empty ones as well. @param from id behind which they begin. */
export async function* deliveryPages(
  sql: SqlRunner,
  person: Person,
  from?: string,
): AsyncGenerator<readonly PersonalDelivery[]> {
  for await (const stretch of stretches(sql, DELIVERIES, person.appId, from)) {
    yield concerning(await sql.query<Row & object>(WITHIN, [...valuesOf(person), ...stretch]), person);
  }
}

function valuesOf(person: Person): readonly unknown[] {
  const { appId, userId, devices, names } = person;
  const quoted = names.map(({ value }) => JSON.stringify(value));
  return [appId, userId, devices.map(({ id }) => id), quoted];
}

function concerning(rows: readonly Row[], person: Person): PersonalDelivery[] {
  const devices = new Set(person.devices.map(({ id }) => id));
  return rows.flatMap(({ userId, ...row }): PersonalDelivery[] => {
    const isTheirs = userId === person.userId || (row.deviceId !== null && devices.has(row.deviceId));
    const left = row.target ? targetWithout(row.target, valuesAt(person, row.integrationId)) : undefined;
    if (isTheirs) return [{ ...row, isTheirs, left: row.target && NOBODY }];
    if (left === undefined) return [];
    return [{ ...row, isTheirs: left === null, left: left ?? NOBODY }];
  });
}

// What a vendor answered may quote whom it was asked for.
const FORGET = `
  UPDATE delivery d
  SET user_id = CASE WHEN f.theirs THEN NULL ELSE d.user_id END,
      device_id = CASE WHEN f.theirs THEN NULL ELSE d.device_id END,
      vendor_message_id = CASE WHEN f.theirs THEN NULL ELSE d.vendor_message_id END,
      detail = NULL, target = f.left_over,
      attempts = (SELECT coalesce(jsonb_agg(attempt - 'detail' ORDER BY place), '[]')
                  FROM jsonb_array_elements(d.attempts) WITH ORDINALITY AS a (attempt, place))
  FROM unnest($2::uuid[], $3::boolean[], $4::jsonb[]) AS f (id, theirs, left_over)
  WHERE d.app_id = $1 AND d.id = f.id`;

/** Takes a person out of deliveries. They stay, with their figures. */
export async function forgetDeliveries(
  tx: SqlRunner,
  appId: string,
  deliveries: readonly PersonalDelivery[],
): Promise<void> {
  if (deliveries.length === 0) return;
  await tx.query(FORGET, [
    appId,
    deliveries.map(({ id }) => id),
    deliveries.map(({ isTheirs }) => isTheirs),
    deliveries.map(({ left }) => left && JSON.stringify(left)),
  ]);
}
