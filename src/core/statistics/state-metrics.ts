import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Metrics } from '../../platform/metrics.js';
import { Sql } from '../../platform/sql.js';
import { runningProcesses } from '../../platform/vault.processes.js';

/** Of a backlog the first rows are enough: an alert has long been raised. */
const MOST = 10_000;

const OLDEST_EVENT = `
  SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float AS value
  FROM (SELECT received_at FROM inbound_event WHERE state = 'accepted' LIMIT ${MOST}) waiting`;

const INTEGRATIONS = `
  SELECT plugin, state, coalesce(pause_reason, '') AS reason, count(*)::int AS value FROM integration GROUP BY 1, 2, 3`;

/** What the database knows and every process tells alike: a query takes the largest of them, not the sum. */
@Injectable()
export class StateMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly sql: Sql,
  ) {}

  onModuleInit(): void {
    this.metrics.lookedUp('oldest_event_seconds', 'How long the oldest event has waited to be routed.', [], () =>
      this.sql.query<{ value: number }>(OLDEST_EVENT, [], 'oldest-event'),
    );
    this.metrics.lookedUp(
      'integrations',
      'Integrations by state, and why they are paused.',
      ['plugin', 'state', 'reason'],
      () =>
        this.sql.query<{ plugin: string; state: string; reason: string; value: number }>(
          INTEGRATIONS,
          [],
          'integrations-by-state',
        ),
    );
    this.metrics.lookedUp('processes', 'Processes that said within a minute that they run.', ['role'], async () => {
      const byRole = Map.groupBy(await runningProcesses(this.sql), ({ role }) => role);
      return [...byRole].map(([role, processes]) => ({ role, value: processes.length }));
    });
  }
}
