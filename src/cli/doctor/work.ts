import type { SqlRunner } from '../../platform/sql.js';
import { runningProcesses } from '../../platform/vault.processes.js';
import { fail, type Finding, graded, lasting, ok, warn } from './finding.js';

/** Who is running. */
export async function checkProcesses(sql: SqlRunner): Promise<Finding> {
  const processes = await runningProcesses(sql);
  const words = processes.map(({ role, host, pid }) => `${role} ${host}:${pid}`).join(', ');
  if (processes.length === 0) return warn('processes', 'none runs', 'Start one, unless it is stopped on purpose.');
  if (processes.every(({ role }) => role === 'api')) {
    return fail('processes', words, 'Start one with the role all or worker: nobody routes and sends.');
  }
  return ok('processes', words);
}

const LAG = { warnAt: 60, failAt: 600 };

// By the rows, which are the truth, and by the queue, which says where it is stuck.
const EVENTS = `
  SELECT count(*)::int AS count, coalesce(extract(epoch FROM now() - min(received_at)), 0)::float AS seconds
  FROM inbound_event WHERE state = 'accepted'`;

const JOBS = `
  SELECT name, count(*)::int AS count, coalesce(extract(epoch FROM now() - min(start_after)), 0)::float AS seconds
  FROM pgboss.job WHERE state < 'active' AND start_after <= now() GROUP BY name ORDER BY seconds DESC`;

/** How long callbacks wait to be routed. */
export async function checkEvents(sql: SqlRunner): Promise<Finding> {
  const [row] = await sql.query<{ count: number; seconds: number }>(EVENTS);
  const { count = 0, seconds = 0 } = row ?? {};
  return graded('events', count === 0 ? 0 : seconds, LAG, {
    detail: count === 0 ? 'none waits to be routed' : `${count} wait to be routed, the oldest for ${lasting(seconds)}`,
    fix: 'Start more processes with the role worker; look for "Work failed" in the logs.',
  });
}

/** How long due work waits in the queue. */
export async function checkQueue(sql: SqlRunner): Promise<Finding> {
  const [made] = await sql.query<{ found: boolean }>(`SELECT to_regclass('pgboss.job') IS NOT NULL AS found`);
  if (!made?.found) return warn('queue', 'there is none yet', 'The first process that starts makes it.');
  const rows = await sql.query<{ name: string; count: number; seconds: number }>(JOBS);
  const [slowest] = rows;
  const words = rows.map(({ name, count, seconds }) => `${name} ${count} (${lasting(seconds)})`).join(', ');
  return graded('queue', slowest?.seconds ?? 0, LAG, {
    detail: slowest ? `due: ${words}` : 'nothing that is due waits',
    fix: 'Start more processes with the role worker; a lane whose gateway is slow holds up only itself.',
  });
}

const RETIRED = `
  SELECT app_id, state_reason AS reason, gateway, count(*)::int AS count FROM device
  WHERE state <> 'active' AND state_changed_at > now() - interval '1 hour' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 5`;

const MASS = 1_000;

/** Whether many devices were taken out of use at once. */
export async function checkTokens(sql: SqlRunner): Promise<Finding> {
  const rows = await sql.query<{ app_id: string; reason: string | null; gateway: string; count: number }>(RETIRED);
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  const words = rows.map(({ gateway, reason, count }) => `${gateway} ${reason ?? '–'} ${count}`).join(', ');
  if (total < MASS) return ok('tokens', `${total} taken out of use within the hour`);
  return warn(
    'tokens',
    `${total} taken out of use within the hour: ${words}`,
    'Is it the gateway or the configuration? Then: bellhop tokens undo --from 1h --dry-run',
  );
}
