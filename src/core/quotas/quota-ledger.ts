import type { QuotaRule } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { newId } from '../../platform/ids.js';
import { lockNames, Sql, type SqlRunner } from '../../platform/sql.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { callsWithin, judgeQuota, type LedgerState, longestWindowMs, type QuotaVerdict } from './quota-window.js';

/** The ledger of an integration: what the vendor counts by, and its rules. */
export interface Ledger {
  readonly key: string;
  readonly rules: readonly QuotaRule[];
}

/** Undefined: the vendor counts nothing. */
export function ledgerOf({ plugin, config }: OpenedIntegration): Ledger | undefined {
  const quota = plugin.outbound?.manifest.quota;
  return quota && { key: `${plugin.id}:${quota.key(config)}`, rules: quota.rules(config) };
}

/** What is left of a vendor's quota. */
export interface QuotaState {
  readonly rules: readonly { readonly id: string; readonly limit: number; readonly used: number }[];
  readonly frozenUntil: Date | null;
  /** Null: now. */
  readonly nextAt: Date | null;
}

// What no window reaches back to, and what the delivery reserved before.
const CLEAR = `
  DELETE FROM quota_entry
  WHERE ledger = $1 AND ((state = 'spent' AND at <= $3) OR (state = 'reserved' AND delivery_id = $2))`;

const LOAD = `
  SELECT (SELECT coalesce(array_agg(at ORDER BY at), '{}') FROM quota_entry WHERE ledger = $1 AND at > $2) AS calls,
         (SELECT frozen_until FROM quota_freeze WHERE ledger = $1) AS "frozenUntil"`;

/**
 * Calls that were made or reserved against what vendors allow. Whatever takes room in a ledger happens under its lock,
 * so that any number of processes together never exceed it; a reservation must be committed before its call is made.
 */
@Injectable()
export class QuotaLedger {
  constructor(private readonly sql: Sql) {}

  /** Holds the ledger until the end of the transaction. Taken before the rows of notifications, wherever both are. */
  async lock(tx: SqlRunner, { key }: Ledger): Promise<void> {
    await lockNames(tx, `quota:${key}`);
  }

  /** Reserves the call of a delivery for this moment; a reservation from before moves, since calls count when they are made. */
  async reserve(tx: SqlRunner, ledger: Ledger, deliveryId: string, now: Date): Promise<QuotaVerdict> {
    const { key, rules } = ledger;
    await this.lock(tx, ledger);
    await tx.query(CLEAR, [key, deliveryId, beginOf(rules, now)]);
    const verdict = judgeQuota(await this.load(tx, ledger, now), rules, now);
    if (!verdict.open) return verdict;
    await tx.query('INSERT INTO quota_entry (id, ledger, delivery_id, at) VALUES ($1, $2, $3, $4)', [
      newId(),
      key,
      deliveryId,
      now,
    ]);
    return verdict;
  }

  /** The call was made, or may have been: it counts for good. */
  async spend(tx: SqlRunner, deliveryIds: readonly string[]): Promise<void> {
    if (deliveryIds.length === 0) return;
    await tx.query(
      `UPDATE quota_entry SET state = 'spent' WHERE delivery_id = ANY($1::uuid[]) AND state = 'reserved'`,
      [deliveryIds],
    );
  }

  /** The call was surely not made. */
  async release(tx: SqlRunner, deliveryIds: readonly string[]): Promise<void> {
    if (deliveryIds.length === 0) return;
    await tx.query(`DELETE FROM quota_entry WHERE delivery_id = ANY($1::uuid[]) AND state = 'reserved'`, [deliveryIds]);
  }

  /**
   * The vendor refused a call that we thought was within the quota: somebody else spends it as well. Nothing more goes
   * until the vendor's time, or until the first call of the shortest window has left it.
   */
  async freeze(tx: SqlRunner, ledger: Ledger, now: Date, resetsAt?: Date): Promise<void> {
    await this.lock(tx, ledger);
    const until = resetsAt ?? endOfWindow(await this.load(tx, ledger, now), ledger.rules, now);
    await tx.query(
      `INSERT INTO quota_freeze AS known (ledger, frozen_until) VALUES ($1, $2)
       ON CONFLICT (ledger) DO UPDATE SET frozen_until = greatest(known.frozen_until, excluded.frozen_until)`,
      [ledger.key, until],
    );
  }

  async state(ledger: Ledger, now: Date): Promise<QuotaState> {
    const state = await this.load(this.sql, ledger, now);
    const verdict = judgeQuota(state, ledger.rules, now);
    const { frozenUntil } = state;
    return {
      rules: ledger.rules.map((rule) => ({
        id: rule.id,
        limit: rule.limit,
        used: callsWithin(state.calls, rule, now).length,
      })),
      frozenUntil: frozenUntil && frozenUntil > now ? frozenUntil : null,
      nextAt: verdict.open ? null : verdict.nextAt,
    };
  }

  private async load(tx: SqlRunner, { key, rules }: Ledger, now: Date): Promise<LedgerState> {
    const values = [key, beginOf(rules, now)];
    const [state] = await tx.query<{ calls: Date[]; frozenUntil: Date | null }>(LOAD, values);
    return state ?? { calls: [] };
  }
}

/** What was called until then counts no more. */
const beginOf = (rules: readonly QuotaRule[], now: Date): Date => new Date(now.getTime() - longestWindowMs(rules));

function endOfWindow({ calls }: LedgerState, rules: readonly QuotaRule[], now: Date): Date {
  const rolling = rules.flatMap(({ window }) => ('rollingMs' in window ? window.rollingMs : []));
  const ms = rolling.length > 0 ? Math.min(...rolling) : longestWindowMs(rules);
  const first = calls.find((call) => call.getTime() > now.getTime() - ms) ?? now;
  return new Date(first.getTime() + ms);
}
