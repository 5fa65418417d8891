/** What operators ask of an app with a past, about old and new things alike, and how long the answers take. */
import { internalId, publicId } from '../../src/platform/ids.js';
import { cursorOf } from '../../src/platform/pagination.js';
import { quantile } from './measures.js';
import type { AppApi } from './platform.js';
import { run } from './postgres.js';

export interface Answers {
  readonly question: string;
  readonly calls: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

export interface Asked {
  readonly app: AppApi;
  readonly databaseUrl: string;
  /** Where the past begins, milliseconds since 1970. */
  readonly from: number;
  /** Of each question; a tenth more is asked before and not counted. */
  readonly calls: number;
}

/** Internal ids at random times of the past and of the last minutes. */
interface Things {
  readonly events: readonly string[];
  readonly notifications: readonly string[];
  readonly deliveries: readonly string[];
  readonly broadcasts: readonly string[];
  /** The one in the middle of each broadcast. */
  readonly broadcastDeliveries: readonly string[];
}

type Question = readonly [name: string, path: (things: Things, number: number) => string];

const pick = (ids: readonly string[], number: number): string => ids[number % ids.length] ?? '';
/** What a trace takes: every kind of id in turns, those of broadcasts as often as the others. */
const traceable = (things: Things, number: number): string => {
  const kinds = [
    publicId('evt', pick(things.events, number)),
    publicId('ntf', pick(things.notifications, number)),
    publicId('dlv', pick(things.deliveries, number)),
    publicId('ntf', pick(things.broadcasts, number)),
    publicId('dlv', pick(things.broadcastDeliveries, number)),
  ];
  return pick(kinds, number);
};
const notification = (things: Things, number: number): string =>
  publicId('ntf', pick(number % 2 ? things.notifications : things.broadcasts, number));

export const TRACE = 'trace';
const QUESTIONS: readonly Question[] = [
  [TRACE, (things, number) => `/v1/trace/${traceable(things, number)}`],
  ['deliveries', (things, number) => `/v1/notifications/${notification(things, number)}/deliveries`],
  [
    'deliveries of a broadcast, later page',
    (things, number) => {
      const cursor = cursorOf(pick(things.broadcastDeliveries, number));
      return `/v1/notifications/${publicId('ntf', pick(things.broadcasts, number))}/deliveries?cursor=${cursor}`;
    },
  ],
  ['list of notifications', ({ notifications }, n) => `/v1/notifications?cursor=${cursorOf(pick(notifications, n))}`],
  ['list of events', ({ events }, number) => `/v1/events?cursor=${cursorOf(pick(events, number))}`],
  ['quarantine (empty)', () => '/v1/events?state=quarantined'],
  ['events of a kind (none)', () => '/v1/events?kind=ticket.replied'],
  ['report', ({ notifications }, n) => `/v1/notifications/${publicId('ntf', pick(notifications, n))}/report`],
  ['report of a broadcast', ({ broadcasts }, n) => `/v1/notifications/${publicId('ntf', pick(broadcasts, n))}/report`],
  ['statistics of 92 days', ({ events }, number) => `/v1/statistics/daily?${daysFrom(pick(events, number))}`],
];

function daysFrom(id: string): string {
  const from = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return `from=${day(from)}&to=${day(from + 91 * 86_400_000)}`;
}

/** One call at a time, to a platform that may do other things meanwhile. */
export async function ask({ app, databaseUrl, from, calls }: Asked): Promise<Answers[]> {
  const things = await thingsOf(databaseUrl, internalId('app', app.appId), from, calls);
  const answers: Answers[] = [];
  for (const [question, path] of QUESTIONS) {
    const times: number[] = [];
    const early = Math.ceil(calls / 10);
    for (let number = 0; number < early + calls; number++) {
      const started = performance.now();
      await app.call('GET', path(things, number));
      if (number >= early) times.push(performance.now() - started);
    }
    const [p50Ms = 0, p95Ms = 0, p99Ms = 0] = [0.5, 0.95, 0.99].map((share) => quantile(times, share));
    answers.push({ question, calls, p50Ms, p95Ms, p99Ms });
  }
  return answers;
}

/** How long the last minutes are. */
const RECENT_MS = 5 * 60_000;

/** The first id after each of so many times, of which a third are recent. */
const NEAREST = (table: string, where = ''): string => `
  SELECT array_agg(id) AS ids FROM (
    SELECT (SELECT id FROM ${table} WHERE app_id = $1 AND id >= uuid_v7_floor(t.at) ${where} ORDER BY id LIMIT 1) AS id
    FROM (
      SELECT CASE n % 3 WHEN 0 THEN now() - random() * interval '${RECENT_MS} ms'
                        ELSE to_timestamp($2::bigint / 1000.0) + random() * (now() - to_timestamp($2::bigint / 1000.0)) END AS at
      FROM generate_series(1, $3::int) AS n
    ) t
  ) found WHERE id IS NOT NULL`;

const BROADCASTS = `
  SELECT array_agg(id) AS ids FROM (
    SELECT id FROM notification WHERE app_id = $1 AND source = 'api' AND id >= uuid_v7_floor(to_timestamp($2::bigint / 1000.0))
    ORDER BY random() LIMIT $3
  ) found`;

/** From the middle of each, in the same order. */
const OF_BROADCASTS = `
  SELECT array_agg(middle.id ORDER BY asked.place) AS ids
  FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
  JOIN notification n ON n.app_id = $1 AND n.id = asked.id
  CROSS JOIN LATERAL (
    SELECT d.id FROM delivery d WHERE d.app_id = $1 AND d.notification_id = n.id
    ORDER BY d.id OFFSET n.target_count / 2 LIMIT 1
  ) middle`;

async function thingsOf(databaseUrl: string, appId: string, from: number, count: number): Promise<Things> {
  return run(databaseUrl, async (client) => {
    const ids = async (sql: string, values: readonly unknown[]): Promise<string[]> => {
      const { rows } = await client.query<{ ids: string[] | null }>(sql, [...values]);
      return rows[0]?.ids ?? [];
    };
    const broadcasts = await ids(BROADCASTS, [appId, from, count]);
    return {
      events: await ids(NEAREST('inbound_event'), [appId, from, count]),
      notifications: await ids(NEAREST('notification', `AND source = 'event'`), [appId, from, count]),
      deliveries: await ids(NEAREST('delivery'), [appId, from, count]),
      broadcasts,
      broadcastDeliveries: await ids(OF_BROADCASTS, [appId, broadcasts]),
    };
  });
}
