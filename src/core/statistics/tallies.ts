import { Injectable } from '@nestjs/common';
import type { SqlRunner } from '../../platform/sql.js';

/** Counts of a tally, in the order of the statements below. */
export const COUNTS = ['targeted', 'pushed', 'skipped', 'failed', 'delivered', 'opened'] as const;
export type Count = (typeof COUNTS)[number];

/**
 * Something that happened to deliveries. Everything counts for the day on which the delivery was created, so that the
 * figures of a day belong together. A negative count takes an earlier one back.
 */
export interface Tally extends Partial<Readonly<Record<Count, number>>> {
  /** When the delivery was created. */
  readonly at: Date;
  /** Plugin id; null or empty: no channel serves the target. */
  readonly channel: string | null;
  /** Null or empty: the vendor finds the devices, or there is none. */
  readonly platform: string | null;
}

const NO_CHANNEL = 'none';
const UNKNOWN_PLATFORM = 'unknown';

/** Devices seen within this time count as reachable. */
const REACH_DAYS = 30;
/** The count reads the whole registry, and nobody misses one of the hundreds that a day could have. */
const REACH_EVERY_MS = 5 * 60_000;

const ADD = `
  INSERT INTO delivery_tally (app_id, day, channel, platform, ${COUNTS.join(', ')})
  SELECT a.id, local_day(t.at, a.time_zone), t.channel, t.platform, ${COUNTS.map((count) => `sum(t.${count})`).join(', ')}
  FROM unnest($2::timestamptz[], $3::text[], $4::text[], ${COUNTS.map((_, i) => `$${i + 5}::int[]`).join(', ')})
         AS t (at, channel, platform, ${COUNTS.join(', ')})
  JOIN app a ON a.id = $1
  GROUP BY 1, 2, 3, 4`;

// Rows that two folds want are taken by one of them; the other one waits for it and finds them gone.
const FOLD = `
  WITH taken AS (
    DELETE FROM delivery_tally RETURNING *
  ), sums AS (
    SELECT app_id, day, channel, platform, ${COUNTS.map((count) => `sum(${count}) AS ${count}`).join(', ')}
    FROM taken GROUP BY app_id, day, channel, platform
  )
  INSERT INTO delivery_daily AS d (app_id, day, channel, platform, ${COUNTS.join(', ')})
  SELECT s.* FROM sums s JOIN app a ON a.id = s.app_id
  ORDER BY s.app_id, s.day, s.channel, s.platform
  ON CONFLICT (app_id, day, channel, platform)
    DO UPDATE SET ${COUNTS.map((count) => `${count} = d.${count} + excluded.${count}`).join(', ')}`;

// Every app and platform gets its row, so that a count that has fallen to nothing shows.
const RECORD_REACH = `
  INSERT INTO reach_daily (app_id, day, platform, reachable, counted_at)
  SELECT a.id, local_day($1, a.time_zone), p.platform, coalesce(d.count, 0), $1
  FROM app a
  CROSS JOIN (VALUES ('ios'), ('android')) AS p (platform)
  LEFT JOIN (
    SELECT app_id, platform, count(*)::int AS count FROM device
    WHERE state = 'active' AND last_seen_at >= $1::timestamptz - interval '${REACH_DAYS} days'
    GROUP BY app_id, platform
  ) d ON d.app_id = a.id AND d.platform = p.platform
  ORDER BY a.id, p.platform
  ON CONFLICT (app_id, day, platform) DO UPDATE SET reachable = excluded.reachable, counted_at = excluded.counted_at`;

/**
 * The figures of days. What happens is added as rows of its own, which nobody waits for; a sweep folds them into the
 * row of the day.
 */
@Injectable()
export class Tallies {
  private reachCountedAt = 0;

  /** One statement, in the transaction of what is counted. */
  async add(tx: SqlRunner, appId: string, entries: readonly Tally[]): Promise<void> {
    const sums = summed(entries);
    if (sums.length === 0) return;
    await tx.query(
      ADD,
      [
        appId,
        sums.map(({ at }) => at),
        sums.map(({ channel }) => channel),
        sums.map(({ platform }) => platform),
        ...COUNTS.map((count) => sums.map((sum) => sum[count])),
      ],
      'add-tallies',
    );
  }

  /** Moves all tallies into the rows of their days. */
  async fold(tx: SqlRunner): Promise<void> {
    await tx.query(FOLD);
  }

  /** Counts every app's reachable devices for today; does nothing within five minutes of the last count of this process. */
  async recordReach(tx: SqlRunner, now: Date): Promise<void> {
    if (Math.abs(now.getTime() - this.reachCountedAt) < REACH_EVERY_MS) return;
    await tx.query(RECORD_REACH, [now]);
    this.reachCountedAt = now.getTime();
  }
}

interface Sum extends Record<Count, number> {
  readonly at: Date;
  readonly channel: string;
  readonly platform: string;
}

/** The deliveries of a batch differ in little: one entry for each combination. */
function summed(entries: readonly Tally[]): readonly Sum[] {
  const sums = new Map<string, Sum>();
  for (const entry of entries) {
    const { at, channel, platform } = entry;
    const key = `${at.getTime()} ${channel ?? ''} ${platform ?? ''}`;
    const sum = sums.get(key) ?? zeroSum(at, channel || NO_CHANNEL, platform || UNKNOWN_PLATFORM);
    for (const count of COUNTS) sum[count] += entry[count] ?? 0;
    sums.set(key, sum);
  }
  return [...sums.values()];
}

function zeroSum(at: Date, channel: string, platform: string): Sum {
  return { at, channel, platform, targeted: 0, pushed: 0, skipped: 0, failed: 0, delivered: 0, opened: 0 };
}
