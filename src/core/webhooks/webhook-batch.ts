import type { SqlRunner } from '../../platform/sql.js';
import type { WebhookAttempt } from './webhook-message.entity.js';
import { FAILING_FOR_MS, type MessageFate } from './webhook-schedule.js';
import type { WebhookNudge } from './webhook.nudge.js';

/** A message that this worker has claimed, with what it takes to send it. */
export interface ClaimedMessage {
  readonly id: string;
  readonly fence: number;
  readonly payload: string;
  /** Before this one. */
  readonly attempts: number;
  readonly url: string;
  readonly sealedSecret: Buffer;
  readonly sealedPreviousSecret: Buffer | null;
  readonly previousExpiresAt: Date | null;
}

// Messages of a disabled endpoint wait until somebody enables it.
const CLAIM = `
  WITH due AS (
    SELECT m.app_id, m.id, e.url, e.sealed_secret, e.sealed_previous_secret, e.previous_expires_at
    FROM webhook_message m
    JOIN webhook_endpoint e ON e.app_id = m.app_id AND e.id = m.endpoint_id AND e.state = 'active'
    WHERE m.app_id = $1 AND m.endpoint_id = $2 AND m.id = ANY($3::uuid[]) AND m.state = 'waiting'
      AND (m.not_before IS NULL OR m.not_before <= $4)
    ORDER BY m.id
    FOR UPDATE OF m SKIP LOCKED
  )
  UPDATE webhook_message m
  SET state = 'sending', fence = m.fence + 1, lease_until = $5, not_before = NULL, updated_at = $4
  FROM due WHERE m.app_id = due.app_id AND m.id = due.id
  RETURNING m.id, m.fence, m.payload, jsonb_array_length(m.attempts) AS attempts, due.url,
            due.sealed_secret AS "sealedSecret", due.sealed_previous_secret AS "sealedPreviousSecret",
            due.previous_expires_at AS "previousExpiresAt"`;

/** Claims what is due: the rows are ours until the lease ends. */
export function claimMessages(
  tx: SqlRunner,
  { appId, endpointId, ids }: WebhookNudge,
  now: Date,
  leaseUntil: Date,
): Promise<ClaimedMessage[]> {
  return tx.query<ClaimedMessage>(CLAIM, [appId, endpointId, ids, now, leaseUntil], 'claim-webhooks');
}

/** What to write about one message. */
export interface MessageResult extends MessageFate {
  readonly id: string;
  readonly fence: number;
  readonly attempt: WebhookAttempt;
}

const RECORD = `
  UPDATE webhook_message m
  SET state = r.state, reason = r.reason, not_before = r.not_before, lease_until = NULL, updated_at = $2,
      attempts = m.attempts || r.attempt
  FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::timestamptz[], $8::jsonb[])
    AS r (id, fence, state, reason, not_before, attempt)
  WHERE m.app_id = $1 AND m.id = r.id AND m.fence = r.fence AND m.state = 'sending'`;

/** Writes the results of a batch; a row that another worker has claimed since is left alone. */
export async function recordMessages(
  tx: SqlRunner,
  appId: string,
  now: Date,
  results: readonly MessageResult[],
): Promise<void> {
  await tx.query(
    RECORD,
    [
      appId,
      now,
      results.map(({ id }) => id),
      results.map(({ fence }) => fence),
      results.map(({ state }) => state),
      results.map(({ reason }) => reason ?? null),
      results.map(({ notBefore }) => notBefore ?? null),
      results.map(({ attempt }) => JSON.stringify(attempt)),
    ],
    'record-webhooks',
  );
}

/** How a batch went for its endpoint, at the address it had then. */
export interface EndpointNews {
  readonly appId: string;
  readonly endpointId: string;
  readonly url: string;
  /** At least one message was taken. */
  readonly answered: boolean;
  /** It said that it wants no more. */
  readonly gone: boolean;
}

const ANSWERED = `
  UPDATE webhook_endpoint SET failing_since = NULL
  WHERE app_id = $1 AND id = $2 AND url = $3 AND failing_since IS NOT NULL`;

const FAILED = `
  UPDATE webhook_endpoint SET failing_since = $4
  WHERE app_id = $1 AND id = $2 AND url = $3 AND failing_since IS NULL`;

const DISABLE = `
  UPDATE webhook_endpoint SET state = 'disabled', state_reason = $4, updated_at = $5
  WHERE app_id = $1 AND id = $2 AND url = $3 AND state = 'active' AND (failing_since <= $6 OR $4 = 'gone')
  RETURNING state_reason AS reason`;

/** Remembers since when an endpoint fails, and disables it when it is gone or has failed for too long. @returns why, if so. */
export async function judgeEndpoint(tx: SqlRunner, news: EndpointNews, now: Date): Promise<string | undefined> {
  const endpoint = [news.appId, news.endpointId, news.url];
  if (news.answered) await tx.query(ANSWERED, endpoint);
  else await tx.query(FAILED, [...endpoint, now]);
  if (news.answered && !news.gone) return undefined;
  const since = new Date(now.getTime() - FAILING_FOR_MS);
  const [disabled] = await tx.query<{ reason: string }>(DISABLE, [
    ...endpoint,
    news.gone ? 'gone' : 'failing',
    now,
    since,
  ]);
  return disabled?.reason;
}
