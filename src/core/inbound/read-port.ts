import type { InboundAdapter, ReadPort, TagCommand } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Sql } from '../../platform/sql.js';
import { TagsService } from '../audiences/tags.service.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { Directory, identityKey } from '../routing/directory.js';

/** Of the integration, oldest first: acknowledged, and not in the tag store yet. */
const WAITING_TAGS = `
  SELECT event -> 'tags' -> 'users' AS users, event -> 'tags' -> 'tags' AS tags
  FROM inbound_event
  WHERE integration_id = $1 AND state = 'accepted' AND kind = 'tags.replaced'
    AND event -> 'tags' ->> 'identityKind' = $2 AND event -> 'tags' -> 'users' ?| $3::text[]
  ORDER BY id`;

type TagsOf = ReadonlyMap<string, readonly string[]>;

/** What an integration's adapter may read: the people whom its vendor's ids name, and nobody else. */
@Injectable()
export class ReadPorts {
  constructor(
    private readonly sql: Sql,
    private readonly directory: Directory,
    private readonly tags: TagsService,
  ) {}

  of(integration: OpenedIntegration, adapter: InboundAdapter): ReadPort {
    return {
      tagsOf: async (kind, values) => {
        const users = await this.usersOf(integration, adapter, kind, values);
        return this.tagsOf(integration, kind, users);
      },
    };
  }

  /** User ids by the vendor's; a value that is neither linked nor taken for a user id names nobody. */
  private async usersOf(
    { row }: OpenedIntegration,
    adapter: InboundAdapter,
    kind: string,
    values: readonly string[],
  ): Promise<Map<string, string>> {
    const advised = adapter.manifest.identities.find((identity) => identity.kind === kind)?.direct ?? false;
    const direct = row.settings.identitiesAreUserIds ?? advised;
    const names = values.map((value) => ({ integrationId: row.id, kind, value }));
    const links = await this.directory.linkedUsers(this.sql, row.appId, names);
    const users = names.map((name) => [name.value, links.get(identityKey(name)) ?? (direct && name.value)] as const);
    return new Map(users.filter((entry): entry is [string, string] => entry[1] !== false));
  }

  /** What waits is read before what is stored: a command that is routed in between is then in both, never in neither. */
  private async tagsOf({ row }: OpenedIntegration, kind: string, users: ReadonlyMap<string, string>): Promise<TagsOf> {
    if (users.size === 0) return new Map();
    const names = [row.id, kind, [...users.keys()]];
    const waiting = await this.sql.query<Pick<TagCommand, 'users' | 'tags'>>(WAITING_TAGS, names, 'waiting-tags');
    const stored = await this.tags.tagsOf(row.appId, [...new Set(users.values())]);
    const found = new Map([...users].map(([value, user]) => [value, stored.get(user) ?? []]));
    for (const command of waiting) {
      for (const value of command.users) if (found.has(value)) found.set(value, command.tags);
    }
    return found;
  }
}
