import type { InboundEvent } from '@bellhop/contracts';
import { byteaArray } from '../../platform/pg-arrays.js';
import type { SqlRunner } from '../../platform/sql.js';
import { behindEventsOf } from '../inbound/callback-range.js';
import type { InboundEventState } from '../inbound/inbound-event.entity.js';
import { eventWithout, isMeantFor, type Remainder } from './forgotten.js';
import { likelyNames, mentions, mentionsInBytes, spellingsOf, sureNames } from './mentions.js';
import { type Person, textsOf } from './person.js';
import type { EventSources } from './person-names.js';
import { stretches } from './stretches.js';

/** An event that tells of a person. */
export interface PersonalEvent {
  readonly id: string;
  readonly callbackId: string;
  readonly integrationId: string;
  readonly state: InboundEventState;
  readonly kind: string | null;
  readonly key: string;
  readonly aliasKey: string | null;
  readonly event: InboundEvent;
  readonly notificationId: string | null;
  readonly receivedAt: Date;
  /** Null: it is about nobody else. */
  readonly left: InboundEvent | null;
  /** It was meant for nobody else. */
  readonly isForThem: boolean;
}

const COLUMNS = `
  SELECT e.id, e.callback_id AS "callbackId", e.integration_id AS "integrationId", e.state, e.kind, e.key,
         e.alias_key AS "aliasKey", e.event, e.notification_id AS "notificationId", e.received_at AS "receivedAt"
  FROM inbound_event e`;

// What may be about the person; the plugin's own words are looked at all.
const CANDIDATES = `e.app_id = $1 AND e.event IS NOT NULL AND (e.integration_id = ANY($2::uuid[])
    OR EXISTS (SELECT FROM unnest($3::text[]) AS name WHERE strpos(e.event::text, name) > 0))`;

const WAITING = `
  ${COLUMNS} WHERE ${CANDIDATES} AND e.state = 'accepted'
  AND e.integration_id IN (SELECT id FROM integration WHERE app_id = $1)`;

const WITHIN = `${COLUMNS} WHERE ${CANDIDATES} AND e.id > $4 AND e.id <= $5 ORDER BY e.id`;

const EVENTS = { table: 'inbound_event', key: 'id', rows: 20_000 } as const;
/** Bodies are large. */
const CALLBACKS = { table: 'inbound_raw', key: 'callback_id', rows: 2_000 } as const;

/** Those that wait to be routed. */
export async function waitingEvents(sql: SqlRunner, person: Person, sources: EventSources): Promise<PersonalEvent[]> {
  const rows = await sql.query<PersonalEvent & object>(WAITING, valuesOf(person, sources));
  return concerning(rows, person, sources);
}

/** Page after page, empty ones as well. @param from id behind which they begin. */
export async function* eventPages(
  sql: SqlRunner,
  person: Person,
  sources: EventSources,
  from?: string,
): AsyncGenerator<readonly PersonalEvent[]> {
  const values = valuesOf(person, sources);
  for await (const stretch of stretches(sql, EVENTS, person.appId, from)) {
    const rows = await sql.query<PersonalEvent & object>(WITHIN, [...values, ...stretch]);
    yield concerning(rows, person, sources);
  }
}

function valuesOf(person: Person, sources: EventSources): readonly unknown[] {
  const texts = textsOf(person);
  const quoted = texts.map((text) => JSON.stringify(text));
  const anywhere = sureNames(texts).map((text) => JSON.stringify(text).slice(1, -1));
  // Callbacks may spell tokens in capitals.
  const tokens = person.devices.flatMap(({ token }) => [token.toLowerCase(), token.toUpperCase()]).filter(Boolean);
  return [person.appId, sources.vouching, [...new Set([...quoted, ...anywhere, ...tokens])]];
}

function concerning(
  rows: readonly Omit<PersonalEvent, 'left' | 'isForThem'>[],
  person: Person,
  sources: EventSources,
): PersonalEvent[] {
  return rows.flatMap((row) => {
    const source = sources.of(row.integrationId);
    const left: Remainder<InboundEvent> = eventWithout(row.event, source, person);
    return left === undefined ? [] : { ...row, left, isForThem: isMeantFor(row.event, source, person) };
  });
}

interface RawRow {
  readonly callbackId: string;
  readonly query: string;
  readonly path: string;
  readonly headers: string;
  readonly body: Buffer;
}

const RAW = `
  SELECT callback_id AS "callbackId", query, path, headers, body FROM inbound_raw r
  WHERE app_id = $1 AND callback_id > $2 AND callback_id <= $3 AND EXISTS (
    SELECT FROM unnest($4::text[], $5::bytea[]) AS name (text, bytes)
    WHERE position(name.bytes IN r.body) > 0 OR strpos(r.query, name.text) > 0 OR strpos(r.path, name.text) > 0
       OR strpos(r.headers, name.text) > 0)`;

const READABLE = `
  SELECT DISTINCT callback_id AS id FROM inbound_event
  WHERE app_id = $1 AND callback_id = ANY($2::uuid[]) AND id > $3 AND id < $4 AND event IS NOT NULL`;

/**
 * Ids of callbacks whose bytes name the person, whatever became of them. Of a callback that could not be read nobody
 * knows what stands where: shorter names count there.
 */
export async function* callbackPages(sql: SqlRunner, person: Person, from?: string): AsyncGenerator<readonly string[]> {
  const texts = textsOf(person);
  const likely = likelyNames(texts).flatMap(spellingsOf);
  const sure = sureNames(texts).flatMap(spellingsOf);
  const bytes = byteaArray(likely.map((name) => Buffer.from(name)));
  const { appId } = person;
  for await (const [after, until] of stretches(sql, CALLBACKS, appId, from)) {
    const rows = await sql.query<RawRow & object>(RAW, [appId, after, until, likely, bytes]);
    const found = rows.filter((row) => namesIn(row, likely));
    const ids = found.map(({ callbackId }) => callbackId);
    const values = [appId, ids, after, behindEventsOf(until)];
    const readable = new Set(
      ids.length > 0 ? (await sql.query<{ id: string }>(READABLE, values)).map(({ id }) => id) : [],
    );
    yield found.filter((row) => !readable.has(row.callbackId) || namesIn(row, sure)).map((row) => row.callbackId);
  }
}

function namesIn({ query, path, headers, body }: RawRow, names: readonly string[]): boolean {
  return [query, path, headers].some((text) => mentions(text, names)) || mentionsInBytes(body, names);
}
