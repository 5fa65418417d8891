import { isRecord } from '@bellhop/contracts';
import { hash } from 'node:crypto';
import { byteaArray, int2Array, jsonArray, textArray, timestamptzArray, uuidArray } from '../../platform/pg-arrays.js';
import type { SqlRunner, Transaction } from '../../platform/sql.js';
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
                $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::json[],
                $16::timestamptz[])
      AS draft (app_id, integration_id, callback_id, received_at, parse_mode, id, position, key, alias_key,
                kind, state, reason, detail, conversation, event, occurred_at)
    ON CONFLICT DO NOTHING
    RETURNING id, callback_id
  ), kept AS (
    INSERT INTO inbound_raw (app_id, integration_id, callback_id, received_at, method, path, query, headers, body)
    SELECT app_id, integration_id, callback_id, received_at, method, path, query, headers, body
    FROM unnest($17::uuid[], $18::uuid[], $19::uuid[], $20::timestamptz[], $21::text[], $22::text[], $23::text[],
                $24::text[], $25::bytea[])
      AS raw (app_id, integration_id, callback_id, received_at, method, path, query, headers, body)
    WHERE callback_id IN (SELECT callback_id FROM stored)
  )
  SELECT id FROM stored`;

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

export interface Draft {
  readonly callback: CallbackDraft;
  readonly event: EventDraft;
  readonly position: number;
}

/**
 * Inserts what is new, with the raw bytes of every callback that brought something new.
 * @returns what tells, once that is committed, the ids of what was new.
 */
export function insertDrafts(tx: Transaction, drafts: readonly Draft[]): () => Promise<Set<string>> {
  const callbacks = [...new Set(drafts.map(({ callback }) => callback))];
  const values = [...eventColumns(drafts), ...rawColumns(callbacks)];
  const answer = tx.answerLater<{ id: string }>(INSERT, values, 'insert-callbacks');
  return async () => new Set((await answer).map(({ id }) => id));
}

function eventColumns(drafts: readonly Draft[]): Buffer[] {
  const events = drafts.map(({ event }) => event);
  return [
    uuidArray(drafts.map(({ callback }) => callback.appId)),
    uuidArray(drafts.map(({ callback }) => callback.integrationId)),
    uuidArray(drafts.map(({ callback }) => callback.id)),
    timestamptzArray(drafts.map(({ callback }) => callback.receivedAt)),
    textArray(drafts.map(({ callback }) => callback.parseMode)),
    uuidArray(events.map(({ id }) => id)),
    int2Array(drafts.map(({ position }) => position)),
    // A digest is no identity: once its window is over, the same one names another event.
    textArray(
      events.map(({ key, dedupeWindowMs, id }) => storable(dedupeWindowMs === undefined ? key : `${key}@${id}`)),
    ),
    textArray(events.map(({ aliasKey }) => (aliasKey ? storable(aliasKey) : null))),
    textArray(events.map(({ event }) => event?.kind ?? null)),
    textArray(events.map(({ state }) => state)),
    textArray(events.map(({ reason }) => reason ?? null)),
    textArray(events.map(({ detail }) => (detail ? storable(detail) : null))),
    textArray(events.map(({ event }) => (event?.conversation ? storable(event.conversation.id) : null))),
    jsonArray(events.map(({ event }) => (event ? storableJson(event) : null))),
    timestamptzArray(events.map(({ event }) => (event?.occurredAt ? new Date(event.occurredAt) : null))),
  ];
}

function rawColumns(callbacks: readonly CallbackDraft[]): Buffer[] {
  return [
    uuidArray(callbacks.map(({ appId }) => appId)),
    uuidArray(callbacks.map(({ integrationId }) => integrationId)),
    uuidArray(callbacks.map(({ id }) => id)),
    timestamptzArray(callbacks.map(({ receivedAt }) => receivedAt)),
    textArray(callbacks.map(({ request }) => request.method)),
    textArray(callbacks.map(({ request }) => storable(request.path))),
    textArray(callbacks.map(({ request }) => JSON.stringify(request.query))),
    textArray(callbacks.map(({ request }) => JSON.stringify(request.headers))),
    byteaArray(callbacks.map(({ request }) => request.body)),
  ];
}

interface GuardedProof {
  readonly integration_id: string;
  readonly key: string;
  readonly body_hash: Buffer;
}

/** Callbacks whose proof came with another body before. */
export async function reusedProofs(tx: SqlRunner, callbacks: readonly CallbackDraft[]): Promise<Set<CallbackDraft>> {
  const guarded = callbacks.filter(({ proof }) => proof);
  const hashes = new Map(guarded.map((callback) => [callback, hash('sha256', callback.request.body, 'buffer')]));
  const first = firstOf(guarded, guardKey);
  if (first.length === 0) return new Set();
  const values = [
    uuidArray(first.map(({ integrationId }) => integrationId)),
    textArray(first.map(({ proof }) => storable(proof?.key ?? ''))),
    byteaArray(first.map((callback) => hashes.get(callback) ?? null)),
    timestamptzArray(first.map(({ receivedAt }) => receivedAt)),
    timestamptzArray(first.map(({ receivedAt }) => new Date(receivedAt.getTime() + PROOF_LIFE_MS))),
  ];
  const rows = await tx.query<GuardedProof & object>(GUARD_PROOFS, values, 'guard-proofs');
  const known = new Map(rows.map((row) => [`${row.integration_id} ${row.key}`, row.body_hash]));
  return new Set([...hashes].filter(([one, own]) => !known.get(guardKey(one))?.equals(own)).map(([one]) => one));
}

const guardKey = ({ integrationId, proof }: CallbackDraft): string => `${integrationId} ${storable(proof?.key ?? '')}`;

/** Drops the drafts whose digest was seen within its window. */
export async function withoutRepeats(tx: SqlRunner, drafts: readonly Draft[]): Promise<readonly Draft[]> {
  const windowed = drafts.filter(({ event }) => event.dedupeWindowMs);
  const first = firstOf(windowed, windowKey);
  if (first.length === 0) return drafts;
  const ends = first.map(({ callback, event }) => callback.receivedAt.getTime() + (event.dedupeWindowMs ?? 0));
  const values = [
    uuidArray(first.map(({ callback }) => callback.integrationId)),
    textArray(first.map(({ event }) => storable(event.key))),
    timestamptzArray(first.map(({ callback }) => callback.receivedAt)),
    timestamptzArray(ends.map((end) => new Date(end))),
  ];
  const rows = await tx.query<{ integration_id: string; key: string }>(GUARD_WINDOWS, values, 'guard-windows');
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

/** JSON that PostgreSQL takes, as it is stored. */
export function storableJson(value: object): string {
  const json = JSON.stringify(value);
  if (!/\\u(?:0000|d[89a-f])/i.test(json)) return json;
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'string') return storable(part);
    return isRecord(part) ? Object.fromEntries(Object.entries(part).map(([name, own]) => [storable(name), own])) : part;
  });
}
