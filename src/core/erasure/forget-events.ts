import type { SqlRunner } from '../../platform/sql.js';
import { behindEventsOf } from '../inbound/callback-range.js';
import type { ErasureTally } from './erasure-tally.js';
import { mentions } from './mentions.js';
import { type Person, textsOf } from './person.js';
import type { PersonalEvent } from './person-events.js';

/** Why an event led to nothing, or is empty now. */
export const USER_ERASED = 'user_erased';

// The row stays, and with it the key by which a redelivery is known: it would bring everything back. What waits for its
// turn and is about others as well goes on without the person.
const FORGET = `
  UPDATE inbound_event e
  SET event = f.event, key = f.key, alias_key = f.alias_key,
      conversation = CASE WHEN f.event IS NOT NULL THEN e.conversation END,
      detail = CASE WHEN f.event IS NOT NULL THEN e.detail END,
      state = CASE WHEN f.event IS NOT NULL OR e.state = 'routed' THEN e.state ELSE 'ignored' END,
      reason = CASE WHEN f.event IS NOT NULL THEN e.reason ELSE '${USER_ERASED}' END,
      settled_at = CASE WHEN f.event IS NOT NULL THEN e.settled_at ELSE coalesce(e.settled_at, $5) END
  FROM unnest($2::uuid[], $3::text[], $4::text[], $6::json[]) AS f (id, key, alias_key, event)
  WHERE e.app_id = $1 AND e.id = f.id
  RETURNING e.id`;

const RAW = 'DELETE FROM inbound_raw WHERE app_id = $1 AND callback_id = ANY($2::uuid[]) RETURNING callback_id';

/** Takes a person out of events, and throws the bytes away that these came from. */
export async function forgetEvents(
  tx: SqlRunner,
  person: Person,
  events: readonly PersonalEvent[],
  now: Date,
  tally: ErasureTally,
): Promise<void> {
  if (events.length === 0) return;
  const { appId } = person;
  const texts = textsOf(person);
  const cleared = await tx.query(FORGET, [
    appId,
    events.map(({ id }) => id),
    // Some vendors have no ids of events, and their adapters make keys out of what they have.
    events.map(({ id, key }) => (mentions(key, texts) ? `erased:${id}` : key)),
    events.map(({ aliasKey }) => (aliasKey && mentions(aliasKey, texts) ? null : aliasKey)),
    now,
    events.map(({ left }) => left && JSON.stringify(left)),
  ]);
  tally.add('inbound_event', { cleared: cleared.length });
  await forgetBytes(
    tx,
    appId,
    events.map(({ callbackId }) => callbackId),
    tally,
  );
}

// Of those that could be read, nothing but the bytes names the person.
const UNREADABLE = `
  UPDATE inbound_event e
  SET key = 'erased:' || e.id, alias_key = NULL, detail = NULL, reason = '${USER_ERASED}',
      state = CASE WHEN e.state = 'routed' THEN e.state ELSE 'ignored' END, settled_at = coalesce(e.settled_at, $5)
  WHERE e.app_id = $1 AND e.callback_id = ANY($2::uuid[]) AND e.id > $3 AND e.id < $4 AND e.event IS NULL
    AND e.reason IS DISTINCT FROM '${USER_ERASED}'
  RETURNING e.id`;

/** Throws callbacks away whose bytes name the person. @param ids in ascending order. */
export async function forgetCallbacks(
  tx: SqlRunner,
  appId: string,
  ids: readonly string[],
  now: Date,
  tally: ErasureTally,
): Promise<void> {
  const [first, last] = [ids[0], ids.at(-1)];
  if (!first || !last) return;
  const cleared = await tx.query(UNREADABLE, [appId, ids, first, behindEventsOf(last), now]);
  tally.add('inbound_event', { cleared: cleared.length });
  await forgetBytes(tx, appId, ids, tally);
}

async function forgetBytes(tx: SqlRunner, appId: string, ids: readonly string[], tally: ErasureTally): Promise<void> {
  const gone = await tx.query(RAW, [appId, [...new Set(ids)]]);
  tally.add('inbound_raw', { deleted: gone.length });
}
