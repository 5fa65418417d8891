/**
 * The past of an app that has been busy for months, written by PostgreSQL itself. Callbacks arrived evenly; each is an
 * event with its bytes, a notification and three deliveries. Broadcasts went out in between. Every past month is a
 * partition of deliveries, and every past day one of bytes, as they would be.
 */
import type { Client } from 'pg';
import { BROADCAST, CALLBACKS, dailyOf, deliveriesInto, PAST_ID, receiptsOf } from './past-sql.js';
import { run } from './postgres.js';

export interface PastTask {
  readonly databaseUrl: string;
  readonly appId: string;
  /** Integrations that the callbacks came from and the deliveries went through. UUIDs. */
  readonly vendorId: string;
  readonly channelId: string;
  /** At least; rounded up to whole broadcasts. */
  readonly deliveries: number;
  /** At least, and few enough for three deliveries each. */
  readonly events: number;
}

export interface Past {
  readonly deliveries: number;
  readonly notifications: number;
  readonly events: number;
  /** Deliveries of one broadcast. */
  readonly broadcast: number;
  /** Of the past months, oldest first. */
  readonly partitions: readonly string[];
  /** Of the first callback, milliseconds since 1970. */
  readonly from: number;
}

const MONTHS = 6;
/** Broadcasts in a month. */
const BROADCASTS = 12;
const DELIVERIES_PER_EVENT = 3;
/** Deliveries of a broadcast per second. */
const SENDING_RATE = 5_000;
/** Of a month. Nothing happens in the days after them, so that all months are of one length. */
const BUSY_DAYS = 28;
const STRETCH_MS = (BUSY_DAYS * 86_400_000) / BROADCASTS;
/** Callbacks stop this long before the broadcast ends the stretch. */
const PAUSE_MS = 10 * 60_000;
/** Months that are written at the same time. */
const LANES = 2;
/** Besides deliveries. They are vacuumed once, at the end. */
const FILLED = ['inbound_event', 'inbound_raw', 'notification', 'receipt'];

interface Month {
  readonly partition: string;
  readonly from: Date;
  readonly to: Date;
  /** Number of its first stretch: the callbacks between two broadcasts, and the broadcast that follows. */
  readonly stretch: number;
}

interface Sizes {
  /** In every stretch. */
  readonly events: number;
  readonly broadcast: number;
}

/** Writes it into a migrated database whose app has both integrations and nothing else yet. */
export async function writePast(task: PastTask): Promise<Past> {
  const stretches = MONTHS * BROADCASTS;
  const events = Math.ceil(task.events / stretches);
  const sizes = { events, broadcast: Math.ceil(task.deliveries / stretches) - events * DELIVERIES_PER_EVENT };
  const months = pastMonths(new Date());
  await run(task.databaseUrl, async (client) => {
    await client.query(PAST_ID);
    for (const { from } of months) await client.query('SELECT ensure_raw_partitions($1, $2)', [from, BUSY_DAYS - 1]);
    for (const table of await leaves(client)) await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
  });
  const waiting = [...months];
  const lane = (client: Client) => async (): Promise<void> => {
    for (let month = waiting.shift(); month; month = waiting.shift()) await writeMonth(client, task, month, sizes);
  };
  await Promise.all(Array.from({ length: LANES }, () => run(task.databaseUrl, (client) => lane(client)())));
  await run(task.databaseUrl, (client) => attach(client, months));
  return {
    deliveries: stretches * (sizes.events * DELIVERIES_PER_EVENT + sizes.broadcast),
    notifications: stretches * (sizes.events + 1),
    events: stretches * sizes.events,
    broadcast: sizes.broadcast,
    partitions: months.map(({ partition }) => partition),
    from: months[0]?.from.getTime() ?? Number.NaN,
  };
}

/** Oldest first. */
function pastMonths(now: Date): readonly Month[] {
  const first = (back: number): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back));
  return Array.from({ length: MONTHS }, (_, i) => {
    const from = first(MONTHS - i);
    const partition = `delivery_${from.toISOString().slice(0, 7).replace('-', '_')}`;
    return { partition, from, to: first(MONTHS - i - 1), stretch: i * BROADCASTS };
  });
}

/** Into a table that stands alone: without indexes, rows go in several times as fast. Its pages are as full as others'. */
async function writeMonth(client: Client, task: PastTask, month: Month, { events, broadcast }: Sizes): Promise<void> {
  const { appId, vendorId, channelId } = task;
  const { rows } = await client.query<{ option: string }>(
    `SELECT unnest(reloptions) AS option FROM pg_class WHERE oid = 'delivery_default'::regclass`,
  );
  const storage = ['autovacuum_enabled = off', ...rows.map(({ option }) => option)].join(', ');
  await client.query(
    `CREATE TABLE ${month.partition} (LIKE delivery INCLUDING ALL EXCLUDING INDEXES) WITH (${storage})`,
  );
  for (let i = 0; i < BROADCASTS; i++) {
    const stretch = month.stretch + i;
    const from = month.from.getTime() + i * STRETCH_MS;
    const callbacks = [stretch * events, events, from, STRETCH_MS - PAUSE_MS, DELIVERIES_PER_EVENT];
    const sentAt = from + STRETCH_MS - PAUSE_MS;
    await client.query(CALLBACKS, [appId, vendorId, ...callbacks]);
    await client.query(BROADCAST, [appId, stretch, sentAt, broadcast]);
    const first = stretch * (events * DELIVERIES_PER_EVENT + broadcast);
    const sent = [stretch, sentAt, broadcast, first, SENDING_RATE];
    await client.query(deliveriesInto(month.partition), [appId, channelId, ...callbacks, ...sent]);
  }
  await client.query(receiptsOf(month.partition));
  await client.query(dailyOf(month.partition));
}

/** Attaching builds the indexes, whichever the schema has today. */
async function attach(client: Client, months: readonly Month[]): Promise<void> {
  await client.query(`SET maintenance_work_mem = '512MB'`);
  for (const { partition, from, to } of months) {
    const bound = `uuid_v7_floor('${from.toISOString()}')`;
    const end = `uuid_v7_floor('${to.toISOString()}')`;
    const { rows } = await client.query<{ from: string; to: string }>(`SELECT ${bound} AS "from", ${end} AS "to"`);
    await client.query(
      `ALTER TABLE delivery ATTACH PARTITION ${partition} FOR VALUES FROM ('${rows[0]?.from}') TO ('${rows[0]?.to}')`,
    );
  }
  // Else autovacuum would do it in the middle of a round.
  await client.query('VACUUM (ANALYZE)');
  for (const table of [...(await leaves(client)), ...months.map(({ partition }) => partition)]) {
    await client.query(`ALTER TABLE ${table} RESET (autovacuum_enabled)`);
  }
}

/** The tables of {@link FILLED} that hold rows: partitions where a table has some. */
async function leaves(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class
     WHERE relkind = 'r' AND coalesce(pg_partition_root(oid), oid) = ANY($1::regclass[])`,
    [FILLED],
  );
  return rows.map(({ name }) => name);
}

export interface MonthDrop {
  readonly partition: string;
  readonly megabytes: number;
  /** Waiting for statements that run included, and others wait meanwhile. */
  readonly detachMs: number;
  /** Nobody waits for this. */
  readonly dropMs: number;
}

/** Drops a month as an operator would, in two steps: the second one removes the files when the platform is free again. */
export async function dropMonth(databaseUrl: string, partition: string): Promise<MonthDrop> {
  return run(databaseUrl, async (client) => {
    const { rows } = await client.query<{ bytes: string }>('SELECT pg_total_relation_size($1) AS bytes', [partition]);
    const started = performance.now();
    await client.query(`ALTER TABLE delivery DETACH PARTITION ${partition}`);
    const detached = performance.now();
    await client.query(`DROP TABLE ${partition}`);
    const dropMs = performance.now() - detached;
    return { partition, megabytes: Number(rows[0]?.bytes) / 1e6, detachMs: detached - started, dropMs };
  });
}
