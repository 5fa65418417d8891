import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Environment } from '../../platform/env.js';
import { IdempotencyStore } from '../../platform/idempotency.store.js';
import { idFloor } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { Lease } from '../work/lease.js';
import { isWithin } from './hours.js';
import { partitionsOf } from './partitions.js';
import { PARTITION_TIERS, type PartitionTier, ROW_TIERS, type RowTier } from './tiers.js';

/** Rows that one transaction deletes. */
const BITE = 5_000;
/** One process at a time, in the whole cluster. */
export const RETENTION_LOCK = 0x726574;
/** A round that found everything young enough is not repeated before. */
const ROUND_MS = 60 * 60_000;
const DAY_MS = 86_400_000;
/** Days for which there are partitions in advance; a worker makes them while it runs. */
const RAW_DAYS_AHEAD = 7;
/** Whoever waits for a table that is being dropped makes all who come later wait as well. */
const LOCK_TIMEOUT = `SET LOCAL lock_timeout = '500ms'`;
const LOCK_NOT_AVAILABLE = '55P03';
const FIRST = '00000000-0000-0000-0000-000000000000';

const MESSAGES = `
  WITH gone AS (
    DELETE FROM webhook_message WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM webhook_message WHERE state IN ('delivered', 'dead') AND updated_at < $1
      ORDER BY updated_at LIMIT ${BITE})) RETURNING 1)
  SELECT count(*)::int AS count FROM gone`;

/** What a transaction took away; undefined: another process is at it. */
type Bitten = { readonly count: number; readonly last: string | null } | undefined;

/**
 * Takes away what is too old, each kind in its own time: partitions as a whole, other rows in bites, in the hours in which
 * they disturb nobody. What has not ended stays, however old it is.
 */
@Injectable()
export class Retention {
  private readonly log = new Logger(Retention.name);
  private round: AsyncGenerator<void, void, void> | undefined;
  private restUntil = new Date(0);

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly environment: Environment,
    private readonly metrics: Metrics,
    private readonly idempotency: IdempotencyStore,
    private readonly lease: Lease,
  ) {}

  /** One pass. It may stop in the middle of a round, which the next one goes on with. */
  async sweep(): Promise<void> {
    const now = this.clock.now();
    await this.alone((tx) => tx.query('SELECT ensure_raw_partitions($1, $2)', [now, RAW_DAYS_AHEAD]));
    this.count('idempotency_key', 'rows', await this.idempotency.purge());
    if (now < this.restUntil || !isWithin(this.environment.retentionHours, now)) return;
    this.round ??= this.bites(now);
    const end = performance.now() + this.lease.sweepMs / 3;
    try {
      while (performance.now() < end) {
        const { done } = await this.round.next();
        if (!done) continue;
        this.round = undefined;
        this.restUntil = new Date(now.getTime() + ROUND_MS);
        return;
      }
    } catch (error) {
      this.round = undefined;
      throw error;
    }
  }

  /** A whole round, one transaction after the other. */
  private async *bites(now: Date): AsyncGenerator<void, void, void> {
    for (const tier of PARTITION_TIERS) {
      const before = this.cutoff(tier.days(this.environment), now);
      if (before) yield* this.dropPartitions(tier, before);
    }
    for (const tier of ROW_TIERS) {
      const before = this.cutoff(tier.days(this.environment), now);
      if (before) yield* this.deleteRows(tier, tier.table, before);
    }
    const before = this.cutoff(this.environment.webhookDays, now);
    if (before) yield* this.deleteMessages(before);
  }

  /** What is older has been kept for long enough; undefined: it is kept for ever. */
  private cutoff(days: number, now: Date): Date | undefined {
    return days === 0 ? undefined : new Date(now.getTime() - days * DAY_MS);
  }

  private async *dropPartitions(tier: PartitionTier, before: Date): AsyncGenerator<void, void, void> {
    const { table, key, ended } = tier;
    const floor = idFloor(before);
    for (const { name, until } of await partitionsOf(this.sql, table)) {
      if (until === undefined) {
        yield* this.deleteRows({ table, days: tier.days, key, age: 'id', ended }, name, before);
      } else if (until <= floor) {
        await this.drop(tier, name, until);
        yield;
      }
    }
  }

  private async drop({ table, open }: PartitionTier, part: string, until: string): Promise<void> {
    const [slow, quick] = open(part, until);
    try {
      const dropped = await this.alone(async (tx) => {
        // Another process may have dropped it since the partitions were listed.
        if (await isTrue(tx, `to_regclass('${part}') IS NULL`)) return undefined;
        if (await isTrue(tx, slow)) return false;
        await tx.query(LOCK_TIMEOUT);
        await tx.query(`LOCK TABLE ONLY ${table} IN ACCESS EXCLUSIVE MODE`);
        if (await isTrue(tx, quick)) return false;
        await tx.query(`DROP TABLE ${part}`);
        return true;
      });
      if (dropped) {
        this.count(table, 'partitions', 1);
        this.log.log({ part }, 'Too old: a partition was dropped');
      } else if (dropped === false) this.log.warn({ part }, 'Too old, and stays: something in it has not ended');
    } catch (error) {
      if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
      this.log.debug({ part }, 'Too old, and in use: it is dropped later');
    }
  }

  /** @param from the table, or a partition of it. */
  private async *deleteRows(tier: RowTier, from: string, before: Date): AsyncGenerator<void, void, void> {
    const apps = await this.sql.query<{ id: string }>('SELECT id FROM app ORDER BY id');
    for (const { id } of apps) {
      for (let after = tier.age === 'id' ? FIRST : '-infinity', isMore = true; isMore;) {
        const bitten: Bitten = await this.alone((tx) => bite(tx, tier, from, id, after, before));
        if (!bitten) return;
        this.count(tier.table, 'rows', bitten.count);
        isMore = bitten.count === BITE;
        after = bitten.last ?? after;
        yield;
      }
    }
  }

  private async *deleteMessages(before: Date): AsyncGenerator<void, void, void> {
    for (let isMore = true; isMore;) {
      const gone = await this.alone(async (tx) => (await tx.query<{ count: number }>(MESSAGES, [before]))[0]);
      this.count('webhook_message', 'rows', gone?.count ?? 0);
      isMore = gone?.count === BITE;
      yield;
    }
  }

  /** Does the work unless another process is at it. */
  private alone<T>(work: (tx: Transaction) => Promise<T>): Promise<T | undefined> {
    return this.sql.transaction(async (tx) => {
      const [lock] = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [
        RETENTION_LOCK,
      ]);
      return lock?.locked ? work(tx) : undefined;
    });
  }

  private count(table: string, unit: 'rows' | 'partitions', count: number): void {
    if (count > 0) this.metrics.dropped.inc({ table, unit }, count);
  }
}

async function isTrue(tx: Transaction, condition: string): Promise<boolean> {
  const [row] = await tx.query<{ is: boolean }>(`SELECT ${condition} AS is`);
  return row?.is ?? false;
}

/** The next rows of an app, in the order of their key. */
async function bite(
  tx: Transaction,
  { key, age, ended }: RowTier,
  from: string,
  appId: string,
  after: string,
  before: Date,
): Promise<Bitten> {
  const end = age === 'id' ? idFloor(before) : before.toISOString().slice(0, 10);
  const type = age === 'id' ? 'uuid' : 'date';
  const [gone] = await tx.query<NonNullable<Bitten> & object>(
    `WITH old AS (
       SELECT t.ctid FROM ${from} t
       WHERE t.app_id = $1 AND t.${key} >= $2::${type} AND t.${key} < $3::${type} AND $4::timestamptz IS NOT NULL AND (${ended})
       ORDER BY t.${key} LIMIT ${BITE} FOR UPDATE SKIP LOCKED
     ), gone AS (
       DELETE FROM ${from} WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) RETURNING ${key}::text COLLATE "C" AS key
     )
     SELECT count(*)::int AS count, max(key) AS last FROM gone`,
    [appId, after, end, before],
  );
  return gone;
}
