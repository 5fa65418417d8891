import type { ReadPort, TagCommand } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Sql } from '../../platform/sql.js';
import { TagsService } from '../audiences/tags.service.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { Directory } from '../routing/directory.js';
import { NamedUsers } from '../routing/named-users.js';

/** Of the integration, oldest first: acknowledged, and not in the tag store yet. */
const WAITING_TAGS = `
  SELECT (event -> 'tags' -> 'users')::json AS users, (event -> 'tags' -> 'tags')::json AS tags
  FROM inbound_event
  WHERE integration_id = $1 AND state = 'accepted' AND kind = 'tags.replaced'
    AND event -> 'tags' ->> 'identityKind' = $2 AND (event -> 'tags' -> 'users')::jsonb ?| $3::text[]
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

  of(integration: OpenedIntegration): ReadPort {
    return {
      tagsOf: async (kind, values) => {
        const users = await this.usersOf(integration, kind, values);
        return this.tagsOf(integration, kind, users);
      },
    };
  }

  /** User ids by the vendor's; values that name nobody are missing. */
  private async usersOf(
    integration: OpenedIntegration,
    kind: string,
    values: readonly string[],
  ): Promise<Map<string, string>> {
    const { id: integrationId, appId } = integration.row;
    const names = values.map((value) => ({ integrationId, kind, value }));
    const users = await NamedUsers.find(this.directory, this.sql, appId, names);
    const found = names.map((name) => [name.value, users.of(integration, name)] as const);
    return new Map(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
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
