import type { SqlRunner } from '../../platform/sql.js';
import type { ErasureTally } from './erasure-tally.js';
import { type Person, textsOf } from './person.js';

/** Tables whose rows belong to one person each. */
const OWN = ['device', 'identity', 'preference', 'presence', 'user_tag', 'tag_outbox'] as const;

// People name each other there, in the vendor's words.
const OF_OTHERS = `
  UPDATE preference p
  SET blocked_senders = (SELECT coalesce(array_agg(one), '{}') FROM unnest(p.blocked_senders) one WHERE one <> ALL($2)),
      friends = CASE WHEN p.friends IS NOT NULL THEN (
        SELECT coalesce(array_agg(one), '{}') FROM unnest(p.friends) one WHERE one <> ALL($2)) END,
      muted_conversations = (SELECT coalesce(array_agg(one), '{}') FROM unnest(p.muted_conversations) one WHERE one <> ALL($2))
  WHERE p.app_id = $1 AND (p.blocked_senders && $2 OR p.friends && $2 OR p.muted_conversations && $2)
  RETURNING p.user_id`;

/** From then on nobody finds the person: no event, no audience, no other process. */
export async function forgetDirectory(tx: SqlRunner, person: Person, tally: ErasureTally): Promise<void> {
  const { appId, userId } = person;
  for (const table of OWN) {
    const gone = await tx.query(`DELETE FROM ${table} WHERE app_id = $1 AND user_id = $2 RETURNING user_id`, [
      appId,
      userId,
    ]);
    tally.add(table, { deleted: gone.length });
  }
  const others = await tx.query(OF_OTHERS, [appId, textsOf(person)]);
  tally.add('preference', { cleared: others.length });
}
