import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Environment } from '../../platform/env.js';
import { Sql } from '../../platform/sql.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const BATCH = 10_000;

/** Takes away what is older than BELLHOP_AUDIT_DAYS, through the one function that the table lets delete. */
@Injectable()
export class AuditRetention {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly environment: Environment,
  ) {}

  /** @returns how many entries went. */
  async purge(): Promise<number> {
    const before = new Date(this.clock.now().getTime() - this.environment.auditDays * DAY_MS);
    for (let gone = 0; ;) {
      const [row] = await this.sql.query<{ gone: string }>('SELECT purge_audit($1, $2) AS gone', [before, BATCH]);
      const count = Number(row?.gone);
      gone += count;
      if (count < BATCH) return gone;
    }
  }
}
