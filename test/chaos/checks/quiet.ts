import { setTimeout as pause } from 'node:timers/promises';
import { run } from '../../../bench/support/postgres.js';
import { GRACE_SECONDS, LEASE_SECONDS, type Stage } from '../stage/stage.js';
import { OPEN_DELIVERIES } from './rows.js';

// A row that waits for a moment on purpose (a retry, a schedule, a quota) is as old as that moment.
const OPEN = `
  SELECT 'event' AS kind, id, state, NULL AS reason, received_at AS since FROM inbound_event WHERE state = 'accepted'
  UNION ALL
  SELECT 'delivery', id, state, reason, greatest(updated_at, not_before) FROM delivery WHERE state IN (${OPEN_DELIVERIES})
  UNION ALL
  SELECT 'notification', id, state, NULL, greatest(coalesce(touched_at, created_at), starts_at) FROM notification
  WHERE state NOT IN ('done', 'cancelled')
  UNION ALL
  SELECT 'webhook', id, state, reason, greatest(updated_at, not_before) FROM webhook_message WHERE state IN ('waiting', 'sending')`;

interface OpenRow {
  readonly kind: string;
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly since: Date;
}

const LOOK_MS = 250;
/** Of a webhook, which may be in the hands of a worker for longer. */
const WEBHOOK_LEASE_SECONDS = 60;
const patienceMs = (kind: string): number =>
  1000 * (GRACE_SECONDS + (kind === 'webhook' ? WEBHOOK_LEASE_SECONDS : LEASE_SECONDS));

const reported = new WeakMap<Stage, Set<string>>();

/**
 * Waits until every row has ended. Rows that are open for longer than they may be count as broken, once, and are waited
 * for no more.
 * @returns the seconds it took.
 */
export async function quiet(stage: Stage, withinMs = Infinity): Promise<number> {
  const known = reported.get(stage) ?? new Set<string>();
  reported.set(stage, known);
  const started = performance.now();
  let least = Infinity;
  let moved = 0;
  for (;;) {
    const rows = await run(stage.databaseUrl, async (client) => (await client.query<OpenRow>(OPEN)).rows);
    const now = Date.now();
    if (rows.length < least) [least, moved] = [rows.length, now];
    // Nobody takes a row while processes are killed one after the other, or its turn comes after those of others.
    const from = Math.max(moved, stage.nodes.at(-1)?.upAt ?? 0);
    const stale = rows.filter(
      ({ id, kind, since }) => !known.has(id) && now - Math.max(since.getTime(), from) > patienceMs(kind),
    );
    stage.chaos.findings.expectNone('open rows older than a lease and 60 s', stale);
    for (const { id } of stale) known.add(id);
    const elapsed = performance.now() - started;
    if (rows.every(({ id }) => known.has(id))) return elapsed / 1000;
    if (elapsed > withinMs) throw new Error(`${rows.length} rows are still open: ${JSON.stringify(rows[0])}`);
    await pause(LOOK_MS);
  }
}
