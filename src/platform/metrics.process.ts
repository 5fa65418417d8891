import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { Environment } from './env.js';
import { Metrics } from './metrics.js';
import { VERSION } from './version.js';

/** What a process tells of itself: its build, and how busy its connections are. */
@Injectable()
export class ProcessMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly dataSource: DataSource,
    private readonly environment: Environment,
  ) {}

  onModuleInit(): void {
    this.metrics.lookedUp('info', 'Always 1; the labels tell which build runs.', ['version', 'role', 'node'], () => [
      { version: VERSION, role: this.environment.role, node: process.versions.node, value: 1 },
    ]);
    this.metrics.lookedUp(
      'database_connections',
      'Connections of the pool, and callers that wait for one.',
      ['state'],
      () => {
        const { totalCount, idleCount, waitingCount } = (this.dataSource.driver as unknown as { master: Pool }).master;
        return [
          { state: 'busy', value: totalCount - idleCount },
          { state: 'idle', value: idleCount },
          { state: 'waiting', value: waitingCount },
          { state: 'most', value: this.environment.databasePool },
        ];
      },
    );
  }
}
