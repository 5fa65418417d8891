import { type RoutableEvent } from '../routing/route.nudge.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { CallbackDraft, EventDraft } from './callback.js';

/** How long a proof that may be used once is remembered; longer than any vendor's window of freshness. */
const PROOF_LIFE_MS = 48 * 60 * 60_000;

const INSERT = `
  WITH stored AS (
    INSERT INTO inbound_event (app_id, integration_id, callback_id, received_at, parse_mode, id, position, key, alias_key,
                               kind, state, reason, detail, conversation, event, occurred_at, settled_at)
    SELECT app_id, integration_id, callback_id, received_at, parse_mode, id, position, key, alias_key,
           kind, state, reason, detail, conversation, event, occurred_at,
           CASE WHEN state <> 'accepted' THEN received_at END
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::uuid[], $7::smallint[],
                $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::jsonb[],
                $16::timestamptz[])
      AS draft (app_id, integration_id, callback_id, received_at, parse_mode, id, position, key, alias_key,
                kind, state, reason, detail, conversation, event, occurred_at)
    ON CONFLICT DO NOTHING
    RETURNING app_id, id, integration_id, callback_id, state
  ), kept AS (
    INSERT INTO inbound_raw (app_id, integration_id, callback_id, received_at, method, path, query, headers, body)
    SELECT app_id, integration_id, callback_id, received_at, method, path, query, headers,
           substring($27::bytea FROM body_start FOR body_size)
    FROM unnest($17::uuid[], $18::uuid[], $19::uuid[], $20::timestamptz[], $21::text[], $22::text[], $23::text[],
                $24::text[], $25::int[], $26::int[])
      AS raw (app_id, integration_id, callback_id, received_at, method, path, query, headers, body_start, body_size)
    WHERE callback_id IN (SELECT callback_id FROM stored)
  )
  SELECT app_id AS "appId", id, integration_id AS "integrationId", state FROM stored`;

// Both guards write in key order, so that two flushes cannot wait for each other.
const GUARD_PROOFS = `
  INSERT INTO inbound_guard AS guard (integration_id, key, body_hash, seen_at, expires_at)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::timestamptz[], $5::timestamptz[]) ORDER BY 1, 2
  ON CONFLICT (integration_id, key) DO UPDATE SET seen_at = guard.seen_at
  RETURNING integration_id, key, body_hash`;

const GUARD_WINDOWS = `
  INSERT INTO inbound_guard AS guard (integration_id, key, body_hash, seen_at, expires_at)
  SELECT integration_id, key, '', seen_at, expires_at
  FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[])
    AS draft (integration_id, key, seen_at, expires_at)
  ORDER BY 1, 2
  ON CONFLICT (integration_id, key) DO UPDATE SET seen_at = excluded.seen_at, expires_at = excluded.expires_at
    WHERE guard.expires_at <= excluded.seen_at
  RETURNING integration_id, key`;

export interface StoredEvent extends RoutableEvent {
  readonly state: string;
}

export interface Draft {
  readonly callback: CallbackDraft;
  readonly event: EventDraft;
  readonly position: number;
}

/** Inserts what is new, with the raw bytes of every callback that brought something new. */
export async function insertDrafts(tx: SqlRunner, drafts: readonly Draft[]): Promise<StoredEvent[]> {
  const callbacks = [...new Set(drafts.map(({ callback }) => callback))];
  return tx.query<StoredEvent & object>(
    INSERT,
    [...eventColumns(drafts), ...rawColumns(callbacks)],
    'insert-callbacks',
  );
}

function eventColumns(drafts: readonly Draft[]): unknown[][] {
  const events = drafts.map(({ event }) => event);
  return [
    drafts.map(({ callback }) => callback.appId),
    drafts.map(({ callback }) => callback.integrationId),
    drafts.map(({ callback }) => callback.id),
    drafts.map(({ callback }) => callback.receivedAt),
    drafts.map(({ callback }) => callback.parseMode),
    events.map(({ id }) => id),
    drafts.map(({ position }) => position),
    // A digest is no identity: once its window is over, the same one names another event.
    events.map(({ key, dedupeWindowMs, id }) => storable(dedupeWindowMs === undefined ? key : `${key}@${id}`)),
    events.map(({ aliasKey }) => (aliasKey ? storable(aliasKey) : null)),
    events.map(({ event }) => event?.kind ?? null),
    events.map(({ state }) => state),
    events.map(({ reason }) => reason ?? null),
    events.map(({ detail }) => (detail ? storable(detail) : null)),
    events.map(({ event }) => (event?.conversation ? storable(event.conversation.id) : null)),
    events.map(({ event }) => (event ? storableJson(event) : null)),
    events.map(({ event }) => event?.occurredAt ?? null),
  ];
}

/** The bodies travel as one value: alone it goes as bytes, in an array it would go as twice as many digits. */
function rawColumns(callbacks: readonly CallbackDraft[]): unknown[] {
  const bodies = callbacks.map(({ request }) => request.body);
  let next = 1;
  const starts = bodies.map(({ length }) => (next += length) - length);
  return [
    callbacks.map(({ appId }) => appId),
    callbacks.map(({ integrationId }) => integrationId),
    callbacks.map(({ id }) => id),
    callbacks.map(({ receivedAt }) => receivedAt),
    callbacks.map(({ request }) => request.method),
    callbacks.map(({ request }) => storable(request.path)),
    callbacks.map(({ request }) => JSON.stringify(request.query)),
    callbacks.map(({ request }) => JSON.stringify(request.headers)),
    starts,
    bodies.map(({ length }) => length),
    Buffer.concat(bodies),
  ];
}

/** Callbacks whose proof came with another body before. `hashOf` gives the digest of a body. */
export async function reusedProofs(
  tx: SqlRunner,
  callbacks: readonly CallbackDraft[],
  hashOf: (callback: CallbackDraft) => Buffer,
): Promise<Set<CallbackDraft>> {
  const guarded = callbacks.filter(({ proof }) => proof);
  const first = firstOf(guarded, guardKey);
  if (first.length === 0) return new Set();
  const rows = await tx.query<{ integration_id: string; key: string; body_hash: Buffer }>(GUARD_PROOFS, [
    first.map(({ integrationId }) => integrationId),
    first.map(({ proof }) => storable(proof?.key ?? '')),
    first.map(hashOf),
    first.map(({ receivedAt }) => receivedAt),
    first.map(({ receivedAt }) => new Date(receivedAt.getTime() + PROOF_LIFE_MS)),
  ]);
  const known = new Map(rows.map((row) => [`${row.integration_id} ${row.key}`, row.body_hash]));
  return new Set(guarded.filter((callback) => !known.get(guardKey(callback))?.equals(hashOf(callback))));
}

const guardKey = ({ integrationId, proof }: CallbackDraft): string => `${integrationId} ${storable(proof?.key ?? '')}`;

/** Drops the drafts whose digest was seen within its window. */
export async function withoutRepeats(tx: SqlRunner, drafts: readonly Draft[]): Promise<readonly Draft[]> {
  const windowed = drafts.filter(({ event }) => event.dedupeWindowMs);
  const first = firstOf(windowed, windowKey);
  if (first.length === 0) return drafts;
  const rows = await tx.query<{ integration_id: string; key: string }>(GUARD_WINDOWS, [
    first.map(({ callback }) => callback.integrationId),
    first.map(({ event }) => storable(event.key)),
    first.map(({ callback }) => callback.receivedAt),
    first.map(({ callback, event }) => new Date(callback.receivedAt.getTime() + (event.dedupeWindowMs ?? 0))),
  ]);
  const open = new Set(rows.map((row) => `${row.integration_id} ${row.key}`));
  const fresh = new Set(first.filter((draft) => open.has(windowKey(draft))));
  return drafts.filter((draft) => !draft.event.dedupeWindowMs || fresh.has(draft));
}

const windowKey = ({ callback, event }: Draft): string => `${callback.integrationId} ${storable(event.key)}`;

function firstOf<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const seen = new Set<string>();
  return items.filter((item) => !seen.has(keyOf(item)) && seen.add(keyOf(item)));
}

/** Text that PostgreSQL takes: no NUL, no half of a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

function storableJson(value: object): string {
  const json = JSON.stringify(value);
  if (!/\\u(?:0000|d[89a-f])/i.test(json)) return json;
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part));
}
