import { NotFoundError, type Platform } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Sql } from '../../platform/sql.js';
import {
  type DeliveryCount,
  type Rates,
  ratesOf,
  type ReceiptCount,
  type Report,
  reportOf,
  type ReportPlatform,
} from './report.js';
import { type Count, COUNTS } from './tallies.js';

/** `YYYY-MM-DD`, both included. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
  /** Plugin id, or `none`. */
  readonly channel?: string;
}

/** What became of the deliveries that were created on one day. */
export interface DailyRow extends Readonly<Record<Count, number>>, Rates {
  readonly channel: string;
  readonly platform: ReportPlatform;
}

export interface Day {
  readonly day: string;
  /** Devices seen within the 30 days before; null for a day on which nobody counted. */
  readonly reachable: Readonly<Record<Platform, number>> | null;
  readonly rows: readonly DailyRow[];
}

type CountsRow = { day: string; channel: string; platform: ReportPlatform } & Record<Count, number>;

const DELIVERIES = `
  SELECT coalesce(platform, 'unknown') AS platform, state, target IS NOT NULL AS delegated, count(*)::int AS count
  FROM delivery WHERE app_id = $1 AND notification_id = $2
  GROUP BY 1, 2, 3`;

const RECEIPTS = `
  SELECT coalesce(r.platform, 'unknown') AS platform, r.kind, count(*)::int AS count
  FROM delivery d JOIN receipt r ON r.app_id = d.app_id AND r.delivery_id = d.id
  WHERE d.app_id = $1 AND d.notification_id = $2 AND d.target IS NOT NULL
  GROUP BY 1, 2`;

const COLUMNS = `day, channel, platform, ${COUNTS.join(', ')}`;
const SUMS = COUNTS.map((count) => `sum(${count})::float8 AS ${count}`).join(', ');

// In one statement, so that a fold which commits meanwhile hides nothing and doubles nothing.
const DAILY = `
  SELECT day::text, channel, platform, ${SUMS}
  FROM (
    SELECT ${COLUMNS} FROM delivery_daily WHERE app_id = $1 AND day BETWEEN $2 AND $3
    UNION ALL
    SELECT ${COLUMNS} FROM delivery_tally WHERE app_id = $1 AND day BETWEEN $2 AND $3
  ) counted
  WHERE $4::text IS NULL OR channel = $4
  GROUP BY counted.day, channel, platform
  ORDER BY counted.day, channel, platform`;

const REACH = `
  SELECT day::text, jsonb_object_agg(platform, reachable) AS reachable
  FROM reach_daily WHERE app_id = $1 AND day BETWEEN $2 AND $3
  GROUP BY day`;

/** The figures of a notification and of a day. */
@Injectable()
export class ReportsService {
  constructor(private readonly sql: Sql) {}

  /** @throws {NotFoundError} */
  async ofNotification(appId: string, id: string): Promise<Report> {
    const [notifications, deliveries, receipts] = await Promise.all([
      this.sql.query<{ reachable: Record<Platform, number> | null }>(
        'SELECT reachable FROM notification WHERE app_id = $1 AND id = $2',
        [appId, id],
      ),
      this.sql.query<DeliveryCount>(DELIVERIES, [appId, id]),
      this.sql.query<ReceiptCount>(RECEIPTS, [appId, id]),
    ]);
    if (!notifications[0]) throw new NotFoundError('The notification');
    return reportOf(deliveries, receipts, notifications[0].reachable);
  }

  /** Days on which something was counted, oldest first; what the sweep has not folded yet is included. */
  async daily(appId: string, { from, to, channel }: DayRange): Promise<readonly Day[]> {
    const [rows, reach] = await Promise.all([
      this.sql.query<CountsRow>(DAILY, [appId, from, to, channel ?? null]),
      this.sql.query<{ day: string; reachable: Record<Platform, number> }>(REACH, [appId, from, to]),
    ]);
    const reachOf = new Map(reach.map(({ day, reachable }) => [day, reachable]));
    const rowsOf = Map.groupBy(rows, ({ day }) => day);
    const days = [...new Set([...rowsOf.keys(), ...reachOf.keys()])].sort();
    return days.map((day) => ({
      day,
      reachable: reachOf.get(day) ?? null,
      rows: (rowsOf.get(day) ?? []).map(({ day: _day, ...row }) => ({
        ...row,
        ...ratesOf(row, row.platform !== 'unknown'),
      })),
    }));
  }
}
