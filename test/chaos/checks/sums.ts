import { run } from '../../../bench/support/postgres.js';
import type { Check } from './evidence.js';

// What the sweep has not folded yet counts as well. Only what has ended is compared.
const STATISTICS = `
  WITH told AS (
    SELECT app_id, channel, platform, sum(targeted)::int AS targeted, sum(pushed)::int AS pushed,
           sum(skipped)::int AS skipped, sum(failed)::int AS failed
    FROM (
      SELECT app_id, channel, platform, targeted, pushed, skipped, failed FROM delivery_daily
      UNION ALL
      SELECT app_id, channel, platform, targeted, pushed, skipped, failed FROM delivery_tally
    ) counted GROUP BY 1, 2, 3
  ), real AS (
    SELECT app_id, coalesce(channel, 'none') AS channel, coalesce(platform, 'unknown') AS platform,
           count(*)::int AS targeted,
           count(*) FILTER (WHERE state IN ('accepted', 'delivered', 'opened'))::int AS pushed,
           count(*) FILTER (WHERE state = 'skipped')::int AS skipped,
           count(*) FILTER (WHERE state IN ('failed', 'dead', 'expired'))::int AS failed
    FROM delivery GROUP BY 1, 2, 3
  )
  SELECT coalesce(told.channel, real.channel) AS channel, coalesce(told.platform, real.platform) AS platform,
         to_json(told) AS told, to_json(real) AS real
  FROM told FULL JOIN real USING (app_id, channel, platform)
  WHERE (told.targeted, told.pushed, told.skipped, told.failed)
        IS DISTINCT FROM (real.targeted, real.pushed, real.skipped, real.failed)`;

const REASONLESS = `
  SELECT 'delivery' AS kind, id, state FROM delivery
  WHERE reason IS NULL AND state NOT IN ('queued', 'sending', 'accepted', 'delivered', 'opened')
  UNION ALL
  SELECT 'event', id, state FROM inbound_event WHERE reason IS NULL AND state IN ('ignored', 'quarantined', 'failed')`;

/** Everything that is counted twice: the counts must agree. */
export const sums: Check = async ({ stage, rows }, expectNone) => {
  expectNone(
    'notifications whose counts disagree with their deliveries',
    rows.notifications.filter(
      ({ targetCount, pendingCount, deliveries, open, state }) =>
        targetCount !== deliveries || pendingCount !== open || (open > 0 && ['done', 'cancelled'].includes(state)),
    ),
  );
  await run(stage.databaseUrl, async (client) => {
    expectNone('statistics that disagree with deliveries', (await client.query(STATISTICS)).rows);
    expectNone('rows that ended without a reason', (await client.query(REASONLESS)).rows);
  });
};
