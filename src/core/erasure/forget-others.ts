import { idempotencyContext } from '../../platform/idempotency.store.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { Vault } from '../../platform/vault.js';
import type { ErasureTally } from './erasure-tally.js';
import { likelyNames, mentions, sureNames } from './mentions.js';
import { type Person, textsOf } from './person.js';
import { messagePages, receiptPages } from './person-reports.js';

const KEPT_REPLIES = 1_000;

/** Receipts of the person's installs: of broadcasts, they are all that names one. */
export async function forgetReceipts(
  sql: SqlRunner,
  person: Person,
  tally: ErasureTally,
  beat: () => Promise<void>,
): Promise<void> {
  for await (const { keys, stretch } of receiptPages(sql, person)) {
    if (keys.length > 0) {
      await sql.query(
        `DELETE FROM receipt WHERE app_id = $1 AND delivery_id > $2 AND delivery_id <= $3 AND subject = ANY($4)`,
        [person.appId, ...stretch, keys.map(({ subject }) => subject)],
      );
    }
    tally.add('receipt', { deleted: keys.length });
    await beat();
  }
}

/** What our webhooks tell of the person, sent or not. */
export async function forgetMessages(
  sql: SqlRunner,
  person: Person,
  tally: ErasureTally,
  beat: () => Promise<void>,
): Promise<void> {
  for await (const messages of messagePages(sql, person)) {
    const ids = messages.map(({ id }) => id);
    if (ids.length > 0) {
      await sql.query('DELETE FROM webhook_message WHERE app_id = $1 AND id = ANY($2::uuid[])', [person.appId, ids]);
    }
    tally.add('webhook_message', { deleted: ids.length });
    await beat();
  }
}

/** Digests and nonces that are remembered for a day or two. */
export async function forgetGuards(sql: SqlRunner, person: Person, tally: ErasureTally): Promise<void> {
  const gone = await sql.query(
    `DELETE FROM inbound_guard g USING integration i
     WHERE i.app_id = $1 AND g.integration_id = i.id
       AND EXISTS (SELECT FROM unnest($2::text[]) AS name WHERE strpos(g.key, name) > 0)
     RETURNING g.key`,
    [person.appId, sureNames(textsOf(person))],
  );
  tally.add('inbound_guard', { deleted: gone.length });
}

interface KeptReply {
  readonly key: string;
  /** Null while the call is under way, as this one is. */
  readonly sealed: string | null;
}

/** Replies that are kept for a day, to be given again to whoever repeats the call. */
export async function forgetReplies(
  sql: SqlRunner,
  vault: Vault,
  person: Person,
  tally: ErasureTally,
  beat: () => Promise<void>,
): Promise<void> {
  const { appId } = person;
  const names = likelyNames(textsOf(person));
  const quoted = names.map((name) => JSON.stringify(name));
  const tells = ({ key, sealed }: KeptReply): boolean => {
    const reply = sealed ? opened(vault, sealed, idempotencyContext(appId, key)) : '';
    return mentions(key, names) || quoted.some((name) => reply.includes(name));
  };
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: KeptReply[] = await sql.query<KeptReply & object>(
      `SELECT key, response ->> 'sealed' AS sealed FROM idempotency_key
       WHERE app_id = $1 AND key > $2 ORDER BY key LIMIT ${KEPT_REPLIES}`,
      [appId, after],
    );
    const telling = page.filter(tells);
    if (telling.length > 0) {
      const keys = telling.map(({ key }) => key);
      await sql.query('DELETE FROM idempotency_key WHERE app_id = $1 AND key = ANY($2)', [appId, keys]);
    }
    tally.add('idempotency_key', { deleted: telling.filter(({ sealed }) => sealed !== null).length });
    await beat();
    after = page.at(-1)?.key;
  }
}

/** What does not open is given to nobody. */
function opened(vault: Vault, sealed: string, context: string): string {
  try {
    return vault.open(Buffer.from(sealed, 'base64'), context);
  } catch {
    return '';
  }
}

/** Who did what stays; to whom does not. */
export async function forgetAudit(sql: SqlRunner, { appId, userId }: Person, tally: ErasureTally): Promise<void> {
  const [row] = await sql.query<{ count: number }>('SELECT erase_from_audit($1, $2)::int AS count', [appId, userId]);
  tally.add('audit_entry', { cleared: row?.count ?? 0 });
}
