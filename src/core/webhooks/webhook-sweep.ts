import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { timestamptzArray, uuidArray } from '../../platform/pg-arrays.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { MAX_ATTEMPTS } from './webhook-schedule.js';
import { type DueMessage, WEBHOOK_QUEUE, webhookNudges } from './webhook.nudge.js';

const LIMIT = 5_000;
/** A message that is due for this long, and longer than every nudge of its endpoint, has lost its own. */
const LOST_MS = 60_000;

// The call may have arrived: it is made again under the same id. Not for ever, though.
const ABANDONED = `
  UPDATE webhook_message m
  SET state = CASE WHEN jsonb_array_length(m.attempts) + 1 >= $3 THEN 'dead' ELSE 'waiting' END, reason = 'worker.lost',
      lease_until = NULL, updated_at = $1,
      attempts = m.attempts || jsonb_build_object('at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                                                  'outcome', 'unknown', 'reason', 'worker.lost')
  FROM (
    SELECT app_id, id FROM webhook_message
    WHERE state = 'sending' AND lease_until < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
  ) lost
  WHERE m.app_id = lost.app_id AND m.id = lost.id
  RETURNING m.id, m.app_id AS "appId", m.endpoint_id AS "endpointId", m.state`;

const FORGOTTEN = `
  UPDATE webhook_message m SET updated_at = $1
  FROM (
    SELECT w.app_id, w.id FROM webhook_message w
    JOIN webhook_endpoint e ON e.app_id = w.app_id AND e.id = w.endpoint_id AND e.state = 'active'
    LEFT JOIN unnest($4::uuid[], $5::timestamptz[]) AS lane (id, since) ON lane.id = w.endpoint_id
    WHERE w.state = 'waiting' AND w.updated_at < $2 AND (w.not_before IS NULL OR w.not_before < $2)
      AND w.updated_at < coalesce(lane.since, 'infinity')
    ORDER BY w.id LIMIT $3 FOR UPDATE OF w SKIP LOCKED
  ) lost
  WHERE m.app_id = lost.app_id AND m.id = lost.id
  RETURNING m.id, m.app_id AS "appId", m.endpoint_id AS "endpointId"`;

/** Finds messages whose nudge or worker was lost. */
@Injectable()
export class WebhookSweep {
  private readonly log = new Logger(WebhookSweep.name);

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
  ) {}

  /** One pass. Any number of processes may make one at a time: each takes other rows. */
  async sweep(): Promise<void> {
    const now = this.clock.now();
    const lanes = await this.queue.waitingSince(this.sql, WEBHOOK_QUEUE);
    const counts = await this.sql.transaction(async (tx) => {
      const abandoned = await tx.query<DueMessage & { state: string }>(ABANDONED, [now, LIMIT, MAX_ATTEMPTS]);
      const forgotten = await tx.query<DueMessage>(FORGOTTEN, [
        now,
        new Date(now.getTime() - LOST_MS),
        LIMIT,
        uuidArray([...lanes.keys()]),
        timestamptzArray([...lanes.values()]),
      ]);
      const again = abandoned.filter(({ state }) => state === 'waiting');
      await this.queue.enqueue(tx, WEBHOOK_QUEUE, webhookNudges([...again, ...forgotten]));
      return { abandoned: abandoned.length, forgotten: forgotten.length };
    });
    if (counts.abandoned + counts.forgotten > 0) this.log.warn(counts, 'Webhooks without a nudge');
  }
}
