import { publicId } from '../../platform/ids.js';
import type { SqlRunner } from '../../platform/sql.js';
import { notificationWithout, type PersonalNotification, type Share } from './forgotten.js';
import { sureNames } from './mentions.js';
import { type Person, textsOf } from './person.js';
import { stretches } from './stretches.js';

/** A notification that may tell of a person. */
export interface CandidateNotification extends PersonalNotification {
  readonly id: string;
  readonly category: string;
  readonly createdAt: Date;
}

const COLUMNS = `
  SELECT n.id, n.integration_id AS "integrationId", n.category, n.content, n.audience, n.decisions,
         n.created_at AS "createdAt"
  FROM notification n`;

// The words are put together once for all names.
const WITHIN = `
  ${COLUMNS}
  CROSS JOIN LATERAL (SELECT concat(n.audience, n.content, n.decisions) AS words OFFSET 0) said
  WHERE n.app_id = $1 AND n.id > $2 AND n.id <= $3
    AND EXISTS (SELECT FROM unnest($4::text[]) AS name WHERE strpos(said.words, name) > 0)
  ORDER BY n.id`;

const NAMED = `${COLUMNS} WHERE n.app_id = $1 AND n.id = ANY($2::uuid[]) ORDER BY n.id`;

// Those of whose deliveries none is somebody else's.
const THEIRS = `
  SELECT n.id FROM notification n
  WHERE n.app_id = $1 AND n.id = ANY($2::uuid[]) AND NOT EXISTS (
    SELECT FROM delivery d
    WHERE d.app_id = n.app_id AND d.notification_id = n.id
      AND (d.user_id <> $3 OR (d.user_id IS NULL AND d.device_id <> ALL ($5::uuid[]))
        OR (d.target ->> 'kind' = 'audience' AND d.target <> $4::jsonb)))`;

const NOTIFICATIONS = { table: 'notification', key: 'id', rows: 10_000 } as const;

/** Those that name the person, page after page, empty ones as well. @param from id behind which they begin. */
export async function* notificationPages(
  sql: SqlRunner,
  person: Person,
  from?: string,
): AsyncGenerator<readonly CandidateNotification[]> {
  const { appId, userId, names, devices } = person;
  const own = [
    userId,
    ...names.map(({ kind, value }) => `${kind}:${value}`),
    ...devices.map(({ id }) => publicId('dev', id)),
  ];
  const told = names.map(({ kind, value }) => `${kind} ${value}: `);
  const texts = [
    ...own.map((text) => JSON.stringify(text)),
    ...[...told, `: user ${userId} (`, ...sureNames(textsOf(person))].map((text) => JSON.stringify(text).slice(1, -1)),
  ];
  for await (const stretch of stretches(sql, NOTIFICATIONS, appId, from)) {
    yield await sql.query<CandidateNotification & object>(WITHIN, [appId, ...stretch, [...new Set(texts)]]);
  }
}

export function namedNotifications(
  sql: SqlRunner,
  appId: string,
  ids: readonly string[],
): Promise<CandidateNotification[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return sql.query<CandidateNotification & object>(NAMED, [appId, [...new Set(ids)]]);
}

/** Which of the notifications went to nobody else. To be asked before their deliveries forget the person. */
export async function theirNotifications(
  sql: SqlRunner,
  { appId, userId, devices }: Person,
  ids: readonly string[],
  nobody: object,
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const values = [appId, [...new Set(ids)], userId, JSON.stringify(nobody), devices.map(({ id }) => id)];
  return new Set((await sql.query<{ id: string }>(THEIRS, values)).map(({ id }) => id));
}

const FORGET = `
  UPDATE notification n SET content = f.content, audience = f.audience, decisions = f.decisions
  FROM unnest($2::uuid[], $3::jsonb[], $4::jsonb[], $5::jsonb[]) AS f (id, content, audience, decisions)
  WHERE n.app_id = $1 AND n.id = f.id`;

/**
 * Takes a person out of notifications.
 * @param shares by id, of those of which more is known than they say.
 * @returns how many were changed.
 */
export async function forgetNotifications(
  tx: SqlRunner,
  person: Person,
  candidates: readonly CandidateNotification[],
  shares: ReadonlyMap<string, Share>,
): Promise<number> {
  const changed = candidates.flatMap(({ id, ...notification }) => {
    const left = notificationWithout(notification, person, shares.get(id));
    return left ? [{ id, ...left }] : [];
  });
  if (changed.length === 0) return 0;
  await tx.query(FORGET, [
    person.appId,
    changed.map(({ id }) => id),
    changed.map(({ content }) => JSON.stringify(content)),
    changed.map(({ audience }) => JSON.stringify(audience)),
    changed.map(({ decisions }) => JSON.stringify(decisions)),
  ]);
  return changed.length;
}

// Where planning has come to is a user id in audiences that a vendor reaches one by one. The next smaller id that is
// still there says the same.
const MOVE_CURSOR = `
  UPDATE notification n
  SET planned_until = CASE WHEN n.state IN ('scheduled', 'planning') THEN coalesce((
    SELECT max(user_id) FROM (
      SELECT user_id FROM user_tag WHERE app_id = $1 AND user_id < $2
      UNION ALL SELECT user_id FROM device WHERE app_id = $1 AND user_id < $2) earlier), '') END
  WHERE n.app_id = $1 AND n.planned_until = $2 RETURNING n.id`;

/** After the person's own rows have gone. @returns how many were changed. */
export async function moveCursors(sql: SqlRunner, { appId, userId }: Person): Promise<number> {
  return (await sql.query(MOVE_CURSOR, [appId, userId])).length;
}
