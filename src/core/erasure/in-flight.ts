import { Injectable } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { Clock } from '../../platform/clock.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { DeliveryRecorder } from '../delivery/delivery-recorder.js';
import { QuotaLedger } from '../quotas/quota-ledger.js';
import { Lease } from '../work/lease.js';
import { USER_ERASED } from './forget-events.js';
import type { Person } from './person.js';
import { forgetDeliveries, openDeliveries, type PersonalDelivery } from './person-deliveries.js';

/** Between two looks at what is being sent. */
const LOOK_MS = 25;
/** Nobody writes for longer in one transaction. */
const SETTLED_MS = 10_000;

// Transactions of ours; those of others do not write here.
const WORKING = `
  SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() AND xact_start < $1::timestamptz
  ) AS working`;

const STOP = `
  UPDATE delivery SET state = 'cancelled', reason = '${USER_ERASED}', not_before = NULL, held_at = NULL, updated_at = $3
  WHERE app_id = $1 AND id = ANY($2::uuid[]) AND state IN ('queued', 'held') RETURNING id`;

/** Stops what is on its way to a person. */
@Injectable()
export class InFlight {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly recorder: DeliveryRecorder,
    private readonly quotas: QuotaLedger,
    private readonly lease: Lease,
  ) {}

  /** Resolves once everybody who may have read what was there before has written what follows from it. */
  async settled(): Promise<void> {
    const [now] = await this.sql.query<{ mark: string }>('SELECT clock_timestamp()::text AS mark');
    const deadline = performance.now() + SETTLED_MS;
    for (;;) {
      const [look] = await this.sql.query<{ working: boolean }>(WORKING, [now?.mark]);
      if (!look?.working || performance.now() > deadline) return;
      await pause(LOOK_MS);
    }
  }

  /**
   * Ends what waits, and waits for what a gateway has: at most for a lease, after which it belongs to nobody.
   * @returns how many deliveries were stopped.
   */
  async stop(person: Person): Promise<number> {
    const deadline = performance.now() + this.lease.ms;
    let stopped = 0;
    for (;;) {
      const open = await openDeliveries(this.sql, person);
      const waiting = open.filter(({ state }) => state !== 'sending');
      if (waiting.length > 0) stopped += await this.sql.transaction((tx) => this.end(tx, person.appId, waiting));
      if (waiting.length === open.length || performance.now() > deadline) return stopped;
      await pause(LOOK_MS);
    }
  }

  private async end(tx: Transaction, appId: string, waiting: readonly PersonalDelivery[]): Promise<number> {
    const theirs = waiting.filter(({ isTheirs }) => isTheirs);
    const values = [appId, theirs.map(({ id }) => id), this.clock.now()];
    const stopped = new Set((await tx.query<{ id: string }>(STOP, values)).map(({ id }) => id));
    await this.quotas.release(tx, [...stopped]);
    // What a vendor is asked to reach besides goes on.
    await forgetDeliveries(
      tx,
      appId,
      waiting.filter(({ isTheirs }) => !isTheirs),
    );
    const ended = theirs
      .filter(({ id }) => stopped.has(id))
      .map((delivery) => ({
        ...delivery,
        state: 'cancelled' as const,
        reason: USER_ERASED,
        integrationId: delivery.integrationId ?? '',
        channel: delivery.channel ?? '',
      }));
    await this.recorder.settle(tx, appId, ended);
    return ended.length;
  }
}
