import { type Platform, PLATFORMS } from '@bellhop/contracts';
import type { SqlRunner } from '../../platform/sql.js';

/** Active devices that were seen within 30 days. */
export type Reachable = Readonly<Record<Platform, number>>;

/** From so many on, a few minutes change little, and to count them takes longer than to plan for ten thousand. */
const MANY = 50_000;

interface Counted {
  readonly platform: Platform;
  readonly count: number;
}

// Workers count every five minutes. An app has two rows for each day; around midnight those of two days are recent.
const RECENT = `
  SELECT DISTINCT ON (platform) platform, reachable AS count FROM reach_daily
  WHERE app_id = $1 AND day >= ($2::timestamptz AT TIME ZONE 'UTC')::date - 1
    AND counted_at > $2::timestamptz - interval '10 minutes'
  ORDER BY platform, counted_at DESC`;

// A statement of its own, which several processes of the server may work at: it reads the whole registry.
const COUNT = `
  SELECT platform, count(*)::int FROM device
  WHERE app_id = $1 AND state = 'active' AND last_seen_at >= $2::timestamptz - interval '30 days'
  GROUP BY platform`;

/** How many devices of an app can be reached; of a large registry, as of the last ten minutes. */
export async function reachableDevices(tx: SqlRunner, appId: string, now: Date): Promise<Reachable> {
  const recent = reachableOf(await tx.query<Counted & object>(RECENT, [appId, now], 'recent-reach'));
  const total = PLATFORMS.reduce((sum, platform) => sum + recent[platform], 0);
  return total >= MANY ? recent : reachableOf(await tx.query<Counted & object>(COUNT, [appId, now]));
}

function reachableOf(rows: readonly Counted[]): Reachable {
  const of = (platform: Platform) => rows.find((row) => row.platform === platform)?.count ?? 0;
  return { ios: of('ios'), android: of('android') };
}
