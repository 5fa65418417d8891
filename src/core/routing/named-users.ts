import type { IdentityRef } from '@bellhop/contracts';
import type { SqlRunner } from '../../platform/sql.js';
import { isDirect } from '../integrations/direct-identities.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { type Directory, identityKey, type IdentityQuery } from './directory.js';

/** Our users behind the names that vendors have for people. */
export class NamedUsers {
  private constructor(private readonly links: ReadonlyMap<string, string>) {}

  /** Looks any number of names up at once. */
  static async find(
    directory: Directory,
    runner: SqlRunner,
    appId: string,
    names: readonly IdentityQuery[],
  ): Promise<NamedUsers> {
    return new NamedUsers(await directory.linkedUsers(runner, appId, names));
  }

  /** Whom somebody has linked to the name. */
  linked({ row }: OpenedIntegration, { kind, value }: IdentityRef): string | undefined {
    return this.links.get(identityKey({ integrationId: row.id, kind, value }));
  }

  /** Whom the name is linked to; without a link the name itself, where it counts as a user id. */
  of(integration: OpenedIntegration, identity: IdentityRef): string | undefined {
    return this.linked(integration, identity) ?? (isDirect(integration, identity.kind) ? identity.value : undefined);
  }
}
