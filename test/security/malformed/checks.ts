import { createHash } from 'node:crypto';
import { run } from '../../../bench/support/postgres.js';
import type { ChaosNode } from '../../chaos/stage/node.js';
import type { Stall } from '../../chaos/stage/watched.js';
import type { Findings } from '../../chaos/findings.js';
import { setTimeout as pause } from 'node:timers/promises';

/** Of a stall, the share that the process itself must have computed; less: others on the machine kept it from it. */
const OWN_SHARE = 0.5;
const LOOK_MS = 200;
const QUIET_MS = 120_000;

/** What the process did that nobody asked it to do. */
export function lookAtProcess(findings: Findings, node: ChaosNode): void {
  const { complaints, deaths } = node;
  const stalls = complaints.filter((line): line is Stall => line.kind === 'stall');
  findings.expectNone('exits', deaths);
  findings.expectNone(
    'exceptions and rejections that nobody caught',
    complaints.filter(({ kind }) => kind === 'uncaught'),
  );
  findings.expectNone(
    'event loop stalls over 250 ms',
    stalls.filter(({ ms, cpuMs }) => cpuMs >= ms * OWN_SHARE),
  );
}

/** Waits until the work loops have nothing left to do. */
async function quiet(databaseUrl: string): Promise<number> {
  const until = performance.now() + QUIET_MS;
  for (;;) {
    const open = await count(databaseUrl, `SELECT count(*) FROM inbound_event WHERE state = 'accepted'`);
    if (open === 0 || performance.now() > until) return open;
    await pause(LOOK_MS);
  }
}

const count = (url: string, sql: string): Promise<number> =>
  run(url, async (client) => Number((await client.query<{ count: string }>(sql)).rows[0]?.count));

export interface Sent {
  /** SHA-256, hexadecimal, of all bodies that may have been taken. */
  readonly kept: ReadonlySet<string>;
  /** Integrations (UUIDs) whose bodies come encrypted: what damaged ones decrypt to, nobody knows beforehand. */
  readonly opaque: ReadonlySet<string>;
}

export async function lookAtRows(findings: Findings, databaseUrl: string, { kept, opaque }: Sent): Promise<void> {
  findings.expect('events that came to no end', (await quiet(databaseUrl)) === 0, 'events in state accepted');
  const rows = await run(databaseUrl, async (client) => {
    const orphans = await client.query<{ id: string; state: string }>(
      `SELECT e.id, e.state FROM inbound_event e LEFT JOIN inbound_raw r USING (app_id, callback_id) WHERE r.callback_id IS NULL`,
    );
    const unexplained = await client.query<{ id: string; state: string }>(
      `SELECT id, state FROM inbound_event WHERE state IN ('ignored', 'quarantined', 'failed') AND coalesce(reason, '') = ''`,
    );
    const raw = await client.query<{ id: string; integration: string; digest: string }>(
      `SELECT callback_id AS id, integration_id AS integration, encode(sha256(body), 'hex') AS digest FROM inbound_raw`,
    );
    const states = await client.query<{ words: string }>(
      `SELECT state || coalesce(' ' || reason, '') || ' ×' || count(*) AS words
       FROM inbound_event GROUP BY state, reason ORDER BY count(*) DESC`,
    );
    return { orphans: orphans.rows, unexplained: unexplained.rows, raw: raw.rows, states: states.rows };
  });
  findings.figure('callbacks kept as bytes', rows.raw.length);
  findings.figure('events', rows.states.map(({ words }) => words).join(', '));
  findings.expectNone('events without their raw body', rows.orphans);
  findings.expectNone('events that are given up without a reason', rows.unexplained);
  findings.expectNone(
    'raw bodies that nobody sent',
    rows.raw.filter(({ digest, integration }) => !kept.has(digest) && !opaque.has(integration)),
  );
}

export const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

interface Entry {
  readonly level?: string;
}

/** Reads what the process says: each line is one entry, and none of them complains. */
export class LogReader {
  readonly torn: string[] = [];
  readonly errors: string[] = [];
  lines = 0;

  take(line: string): void {
    this.lines++;
    const entry = entryIn(line);
    if (!entry) this.torn.push(line.slice(0, 300));
    else if (entry.level === 'error' || entry.level === 'fatal') this.errors.push(line.slice(0, 1_500));
  }

  report(findings: Findings): void {
    findings.figure('lines of the log', this.lines);
    findings.expectNone('lines of the log that are no JSON', this.torn);
    findings.expectNone('lines of the log that tell of a fault', this.errors);
  }
}

function entryIn(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}
