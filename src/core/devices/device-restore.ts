import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql } from '../../platform/sql.js';
import type { DeviceState } from './device.entity.js';

export const OUT_OF_USE = ['retired', 'suspect'] as const satisfies readonly DeviceState[];
export type OutOfUse = (typeof OUT_OF_USE)[number];

/** Which devices; of one app. */
export interface RestoreFilter {
  readonly states: readonly OutOfUse[];
  /** Taken out of use at this moment or later. */
  readonly from: Date;
  /** And before this one. */
  readonly to: Date;
  /** Stable code, as in `stateReason`. */
  readonly reason?: string;
  /** Plugin id. */
  readonly gateway?: string;
}

/** Devices that one statement puts back. */
const ROWS = 5_000;

const MEANT = `
  app_id = $1 AND state <> 'active' AND state = ANY($2::text[]) AND state_changed_at >= $3 AND state_changed_at < $4
  AND ($5::text IS NULL OR state_reason = $5) AND ($6::text IS NULL OR gateway = $6)`;

const COUNT = `SELECT count(*)::int AS count FROM device WHERE ${MEANT}`;

// A device that is locked is being registered, which puts it back as well, or judged anew.
const RESTORE = `
  UPDATE device d SET state = 'active', state_reason = NULL, state_changed_at = $7
  FROM (SELECT id FROM device WHERE ${MEANT} ORDER BY state_changed_at, id LIMIT ${ROWS} FOR UPDATE SKIP LOCKED) found
  WHERE d.app_id = $1 AND d.id = found.id
  RETURNING 1`;

/** Takes back verdicts of gateways that were wrong about many devices at once. */
@Injectable()
export class DeviceRestore {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  /** How many devices the filter meets. */
  async count(appId: string, filter: RestoreFilter): Promise<number> {
    const [row] = await this.sql.query<{ count: number }>(COUNT, valuesOf(appId, filter));
    return row?.count ?? 0;
  }

  /**
   * Puts the devices back into use, set by set; what was sent meanwhile is not sent again. A gateway that says once more
   * that a token is dead is believed.
   * @returns how many.
   */
  async restore(appId: string, filter: RestoreFilter): Promise<number> {
    let restored = 0;
    for (;;) {
      const rows = await this.sql.query(RESTORE, [...valuesOf(appId, filter), this.clock.now()]);
      restored += rows.length;
      if (rows.length < ROWS) return restored;
    }
  }
}

function valuesOf(appId: string, { states, from, to, reason, gateway }: RestoreFilter): readonly unknown[] {
  return [appId, states, from, to, reason ?? null, gateway ?? null];
}
