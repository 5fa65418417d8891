import { uuidArray } from '../../platform/pg-arrays.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { AudienceQuery } from '../audiences/audience-query.js';
import type { ConsideredDevice } from './candidate.js';
import type { DeliveryPlan } from './delivery-plan.js';
import { bearsOn } from './bearing.js';
import { DEVICE_KIND, kindColumns } from './delivery-plan.kinds.js';
import { APP_SOURCE } from '../users/presence.entity.js';

/** Devices that are looked at together, to plan those of them that are meant. */
export interface DeviceSlice {
  readonly query: AudienceQuery;
  /** Devices at most. */
  readonly size: number;
  readonly from: Stretch | FoundDevices;
}

/** The next devices of an app. */
export interface Stretch {
  /** Devices up to this one have had their turn; null: none. */
  readonly after: string | null;
}

/** Devices that were meant a moment ago; that is not asked again. */
export interface FoundDevices {
  /** With commas between. */
  readonly ids: string;
  /** Where the next slice begins; null: there is none. */
  readonly until: string | null;
}

/** What the deliveries of one kind of device have in common, in the columns of the table. */
export interface SharedColumns {
  readonly integration_id: string | null;
  readonly channel: string | null;
  readonly locale: string;
  readonly priority: string;
  readonly reason: string | null;
  readonly expires_at: Date;
  readonly not_before: Date | null;
}

export interface InsertedSlice {
  /** Deliveries by plan, in the order of the plans; the ids were given out in this order. */
  readonly counts: readonly number[];
  /** Devices without a delivery: of a kind without a plan, or with an owner who needs a decision of his own. */
  readonly apart: readonly ConsideredDevice[];
  /** Devices of the audience in the slice. */
  readonly found: number;
  /** Where the next slice begins; null: there is none. */
  readonly until: string | null;
}

type Inserted = Pick<InsertedSlice, 'apart' | 'found'> & {
  readonly counts: Readonly<Record<string, number>>;
  readonly walked: number;
  readonly last: string | null;
};

const FIRST = '00000000-0000-0000-0000-000000000000';

/**
 * Writes for every device of a slice what was decided for its kind, unless {@link bearsOn} says that its owner needs
 * a look. One statement finds, judges and writes, so that whatever changes meanwhile, nobody is left out or told twice.
 * @param ids of the deliveries: as many as the slice has devices.
 */
export async function insertAlike(
  tx: SqlRunner,
  about: { readonly appId: string; readonly notificationId: string; readonly category: string; readonly now: Date },
  slice: DeviceSlice,
  plans: readonly { readonly plan: DeliveryPlan; readonly columns: SharedColumns }[],
  ids: readonly string[],
): Promise<InsertedSlice> {
  const shared = plans.map(({ plan, columns }) => ({ kind: kindColumns(plan.candidate.device!), ...columns }));
  const { appId, notificationId, category, now } = about;
  const source = sourceOf(slice);
  const others = [category, now, notificationId, uuidArray(ids), JSON.stringify(shared)];
  const [row] = await tx.query<Inserted>(insertOf(source), [appId, ...source.values, ...others]);
  const { counts, apart, found, walked, last } = row!;
  return {
    counts: plans.map((_, i) => counts[i + 1] ?? 0),
    apart,
    found,
    until: 'ids' in slice.from ? slice.from.until : walked === slice.size ? last : null,
  };
}

/** Where the devices of a slice come from, `d`, and what their owners' tags must be. Parameters begin with `$2`. */
interface SliceSource {
  readonly from: string;
  readonly ofTags: string | undefined;
  readonly values: readonly unknown[];
}

function sourceOf({ query: { ofDevice, ofTags, values }, size, from }: DeviceSlice): SliceSource {
  const active = `WHERE d.app_id = $1 AND d.state = 'active'`;
  if ('ids' in from) {
    // Joined: of thousands of ids in a condition the planner would estimate each.
    const among = `JOIN unnest($2::uuid[]) AS found (id) ON found.id = d.id ${active}`;
    return { from: among, ofTags: undefined, values: [`{${from.ids}}`] };
  }
  const [first, limit] = [`$${values.length + 2}`, `$${values.length + 3}`];
  return {
    from: `${active} AND ${ofDevice} AND d.id > ${first}::uuid ORDER BY d.id LIMIT ${limit}::int`,
    ofTags,
    values: [...values, from.after ?? FIRST, size],
  };
}

const COLUMNS = `d.app_id, d.id, d.user_id, d.installation_id, d.platform, d.gateway, d.app_identifier, d.content_key,
    d.locale, d.time_zone`;

/** One row at most, looked up device by device: a slice costs a slice, however large the tables are. */
const lookedUp = (alias: string, from: string): string =>
  `LEFT JOIN LATERAL (SELECT * FROM ${from} LIMIT 1) ${alias} ON true`;

/** Not even looked for in a table where the app has no row at all. */
const hasAny = (table: string): string => `(SELECT EXISTS (SELECT FROM ${table} WHERE app_id = $1))`;

const PREFERENCE = lookedUp(
  'p',
  `preference u WHERE d.meant AND ${hasAny('preference')} AND u.app_id = d.app_id AND u.user_id = d.user_id`,
);
const SESSION = lookedUp(
  's',
  `presence u WHERE d.meant AND ${hasAny('presence')} AND u.app_id = d.app_id AND u.user_id = d.user_id
     AND u.source = '${APP_SOURCE}' AND u.session = d.installation_id`,
);

/**
 * A stretch with a note of who is meant. The tags of all owners are found in one go, and by owner: tags that are rare by
 * estimate may be everybody's. For the same reason the join is a full one, which finds no more here, but which cannot be
 * done by comparing each with each.
 */
const meantOf = (ofTags: string | undefined): string =>
  ofTags
    ? `SELECT d.*, coalesce(${ofTags}, false) AS meant FROM stretch d FULL JOIN (
         SELECT user_id, tags FROM user_tag
         WHERE app_id = $1 AND user_id = ANY (ARRAY(SELECT user_id FROM stretch)) OFFSET 0
       ) t ON t.user_id = d.user_id OFFSET 0`
    : 'SELECT d.*, true AS meant FROM stretch d';

function insertOf({ from, ofTags, values }: SliceSource): string {
  const [category, now, notification, ids, plans] = [2, 3, 4, 5, 6].map((place) => `$${values.length + place}`) as [
    string,
    string,
    string,
    string,
    string,
  ];
  return `
  WITH stretch AS ${ofTags ? 'MATERIALIZED' : ''} (
    SELECT ${COLUMNS} FROM device d ${from}
  ), plan AS MATERIALIZED (
    SELECT * FROM ROWS FROM (json_to_recordset(${plans}) AS (kind text[], integration_id uuid, channel text, locale text,
                               priority text, reason text, expires_at timestamptz, not_before timestamptz))
      WITH ORDINALITY AS plan (kind, integration_id, channel, locale, priority, reason, expires_at, not_before, place)
  ), slice AS MATERIALIZED (
    SELECT d.*, plan.place,
           coalesce(${bearsOn.preference(category)} OR ${bearsOn.session(now)}, false) AS bears
    FROM (${meantOf(ofTags)}) d ${PREFERENCE} ${SESSION} LEFT JOIN plan ON plan.kind = ${DEVICE_KIND}
  ), written AS (
    INSERT INTO delivery (app_id, created_at, updated_at, id, notification_id, integration_id, channel, device_id, user_id,
                          platform, locale, priority, state, reason, expires_at, not_before)
    SELECT $1, ${now}, ${now}, (${ids}::uuid[])[number], ${notification}, integration_id, channel, alike.id, user_id, platform,
           locale, priority, CASE WHEN reason IS NULL THEN 'queued' ELSE 'skipped' END, reason, expires_at, not_before
    FROM (
      SELECT id, user_id, platform, place, row_number() OVER (ORDER BY place, id)::int AS number
      FROM slice WHERE meant AND place IS NOT NULL AND NOT bears
    ) alike JOIN plan USING (place)
  )
  SELECT count(*)::int AS walked, max(id::text COLLATE "C") AS last, count(*) FILTER (WHERE meant)::int AS found,
         (SELECT coalesce(json_object_agg(place, count), '{}')
          FROM (SELECT place, count(*) FROM slice WHERE meant AND place IS NOT NULL AND NOT bears GROUP BY place) c) AS counts,
         coalesce(json_agg(json_build_object(
             'id', d.id, 'userId', d.user_id, 'installationId', d.installation_id, 'platform', d.platform, 'gateway', d.gateway,
             'appIdentifier', d.app_identifier, 'contentKey', d.content_key, 'locale', d.locale, 'timeZone', d.time_zone,
             'state', 'active')) FILTER (WHERE meant AND (bears OR place IS NULL)), '[]') AS apart
  FROM slice d`;
}
