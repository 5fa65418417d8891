import type { SqlRunner } from '../../platform/sql.js';
import { tagsOf } from './tags.service.js';
import type { TagNudge } from './tag-mirror.nudge.js';
import type { TagVerdict } from './tag-verdict.js';

/** A person whose tags a worker sends; its own until the lease ends. */
export interface ClaimedTags {
  readonly userId: string;
  readonly version: string;
  /** Calls made, the coming one included. */
  readonly attempts: number;
  /** Those of the moment, not of the change that was announced. */
  readonly tags: readonly string[];
}

const CLAIM = `
  WITH due AS (
    SELECT app_id, integration_id, user_id FROM tag_outbox
    WHERE app_id = $1 AND integration_id = $2 AND state = 'waiting'
      AND (not_before IS NULL OR not_before <= $3) AND (lease_until IS NULL OR lease_until <= $3)
    ORDER BY updated_at LIMIT $5 FOR UPDATE SKIP LOCKED
  )
  UPDATE tag_outbox o SET lease_until = $4, attempts = least(o.attempts + 1, 32767)
  FROM due WHERE o.app_id = due.app_id AND o.integration_id = due.integration_id AND o.user_id = due.user_id
  RETURNING o.user_id AS "userId", o.version, o.attempts`;

/** Claims up to `limit` people who are due. */
export async function claimTags(
  tx: SqlRunner,
  { appId, integrationId }: TagNudge,
  { now, leaseUntil, limit }: { readonly now: Date; readonly leaseUntil: Date; readonly limit: number },
): Promise<ClaimedTags[]> {
  const values = [appId, integrationId, now, leaseUntil, limit];
  const rows = await tx.query<Omit<ClaimedTags, 'tags'>>(CLAIM, values, 'claim-tags');
  if (rows.length === 0) return [];
  // In a statement of its own, which sees at least what the claim saw: joined there, the tags could be older than the version.
  const tags = await tagsOf(
    tx,
    appId,
    rows.map(({ userId }) => userId),
  );
  return rows.map((row) => ({ ...row, tags: tags.get(row.userId) ?? [] }));
}

// In the order in which changes of tags lock the same rows.
const LOCK = `
  SELECT FROM tag_outbox
  WHERE app_id = $1 AND integration_id = $2 AND lease_until = $3 AND user_id = ANY($4) ORDER BY user_id FOR UPDATE`;

// Nobody else changes the rows any more, so both statements see the same. Of a row that has been changed meanwhile the
// verdict says nothing, except that the vendor cannot be called.
const RECORD = `
  WITH verdict AS (
    SELECT * FROM unnest($5::text[], $6::uuid[], $7::text[], $8::text[], $9::timestamptz[])
      AS v (user_id, version, kind, reason, not_before)
  ), gone AS (
    DELETE FROM tag_outbox o USING verdict v
    WHERE o.app_id = $1 AND o.integration_id = $2 AND o.lease_until = $3 AND o.user_id = v.user_id
      AND o.version = v.version AND v.kind = 'done'
  ), kept AS (
    UPDATE tag_outbox o
    SET lease_until = NULL, updated_at = $4,
        state = CASE WHEN v.kind = 'failed' AND o.version = v.version THEN 'failed' ELSE 'waiting' END,
        reason = CASE WHEN v.kind = 'later' OR o.version = v.version THEN v.reason END,
        not_before = v.not_before,
        attempts = CASE WHEN v.kind = 'later' OR o.version = v.version THEN o.attempts ELSE 0 END
    FROM verdict v
    WHERE o.app_id = $1 AND o.integration_id = $2 AND o.lease_until = $3 AND o.user_id = v.user_id
      AND NOT (o.version = v.version AND v.kind = 'done')
    RETURNING o.state, o.not_before
  )
  SELECT coalesce(bool_or(state = 'waiting' AND not_before IS NULL), false) AS "anyDue" FROM kept`;

/**
 * Writes what became of claimed people; those whom another worker has claimed since are left alone.
 * @returns whether somebody was changed meanwhile, and is due again.
 */
export async function recordTags(
  tx: SqlRunner,
  { appId, integrationId }: TagNudge,
  { now, leaseUntil }: { readonly now: Date; readonly leaseUntil: Date },
  results: readonly { readonly claimed: ClaimedTags; readonly verdict: TagVerdict }[],
): Promise<boolean> {
  const users = results.map(({ claimed }) => claimed.userId);
  await tx.query(LOCK, [appId, integrationId, leaseUntil, users], 'lock-tags');
  const [row] = await tx.query<{ anyDue: boolean }>(
    RECORD,
    [
      appId,
      integrationId,
      leaseUntil,
      now,
      users,
      results.map(({ claimed }) => claimed.version),
      results.map(({ verdict }) => verdict.kind),
      results.map(({ verdict }) => ('reason' in verdict ? verdict.reason : null)),
      results.map(({ verdict }) => ('notBefore' in verdict ? (verdict.notBefore ?? null) : null)),
    ],
    'record-tags',
  );
  return row?.anyDue ?? false;
}

/** Nothing is sent any more for an integration that no longer mirrors tags. */
export async function dropTags(runner: SqlRunner, { appId, integrationId }: TagNudge): Promise<void> {
  await runner.query('DELETE FROM tag_outbox WHERE app_id = $1 AND integration_id = $2', [appId, integrationId]);
}

// Rows of a paused integration are nudged once it has been resumed.
const LOST = `
  SELECT i.app_id AS "appId", i.id AS "integrationId" FROM integration i
  WHERE i.state = 'active' AND EXISTS (
    SELECT FROM tag_outbox o
    WHERE o.app_id = i.app_id AND o.integration_id = i.id AND o.state = 'waiting' AND o.updated_at < $2
      AND (o.not_before IS NULL OR o.not_before < $2) AND (o.lease_until IS NULL OR o.lease_until < $1))`;

/** Integrations with people who were due before `lost` and whom nobody sends. */
export function lostTags(runner: SqlRunner, now: Date, lost: Date): Promise<TagNudge[]> {
  return runner.query<TagNudge & Record<string, unknown>>(LOST, [now, lost]);
}
