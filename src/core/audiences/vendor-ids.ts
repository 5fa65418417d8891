import { identityKinds } from '../registry/identity-kinds.js';
import { isDirect } from '../integrations/direct-identities.js';
import type { IdentityRef } from '@bellhop/contracts';
import type { SqlRunner } from '../../platform/sql.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';

type Opened = Pick<OpenedIntegration, 'row' | 'plugin'>;

/** A link: of somebody we ask about, or of somebody else to a name that looks like one of our user ids. */
interface Link extends IdentityRef {
  readonly userId: string;
}

/**
 * The vendor's ids of people: all that are linked; without a link the user id itself, where the channel or the
 * integration says so, unless that name belongs to somebody else. People whom the vendor does not know are missing.
 */
export async function vendorIdsOf(
  runner: SqlRunner,
  { row, plugin }: Opened,
  userIds: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const addresses = plugin.outbound?.manifest.addresses;
  if (!addresses) return new Map();
  const links = await linksOf(runner, { row, plugin }, [addresses.identity], userIds);
  const linked = Map.groupBy(links, ({ userId }) => userId);
  const taken = new Set(links.map(({ value }) => value));
  const direct = isDirect({ row, plugin }, addresses.identity);
  return new Map(
    userIds.flatMap((userId): [string, string[]][] => {
      const values = linked.get(userId)?.map(({ value }) => value);
      if (values) return [[userId, values]];
      return direct && !taken.has(userId) ? [[userId, [userId]]] : [];
    }),
  );
}

/**
 * The vendor's names of one person: those of the kind that the channel addresses; of a channel that addresses nobody,
 * those of every kind of its callbacks. Without a link the user id, as the kind that may be taken for one.
 */
export async function vendorIdentitiesOf(
  runner: SqlRunner,
  { row, plugin }: Opened,
  userId: string,
): Promise<IdentityRef[]> {
  const kinds = kindsOf({ row, plugin });
  const links = await linksOf(
    runner,
    { row, plugin },
    kinds.map(({ kind }) => kind),
    [userId],
  );
  const own = links.filter((link) => link.userId === userId);
  if (own.length > 0) return own.map(({ kind, value }) => ({ kind, value }));
  const direct = kinds.find(({ kind, direct }) => direct && !links.some((link) => link.kind === kind));
  return direct ? [{ kind: direct.kind, value: userId }] : [];
}

function kindsOf({ row, plugin }: Opened): { readonly kind: string; readonly direct: boolean }[] {
  const addressed = plugin.outbound?.manifest.addresses?.identity;
  const kinds = addressed ? [addressed] : identityKinds(plugin).map(({ kind }) => kind);
  return kinds.map((kind) => ({ kind, direct: isDirect({ row, plugin }, kind) }));
}

function linksOf(
  runner: SqlRunner,
  { row }: Opened,
  kinds: readonly string[],
  userIds: readonly string[],
): Promise<Link[]> {
  return runner.query<Link & Record<string, unknown>>(
    `SELECT user_id AS "userId", kind, value FROM identity
     WHERE app_id = $1 AND integration_id = $2 AND kind = ANY($3) AND (user_id = ANY($4) OR value = ANY($4))
     ORDER BY user_id, kind, value`,
    [row.appId, row.id, kinds, userIds],
    'vendor-ids-of-users',
  );
}
