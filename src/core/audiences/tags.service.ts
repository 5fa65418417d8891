import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner, type Transaction } from '../../platform/sql.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import { TAG_QUEUE, tagNudges } from './tag-mirror.nudge.js';
import { readTags, readUsers } from './tag-rules.js';
import { UserTag } from './user-tag.entity.js';

/** The same whole set for some people. */
export interface TagChange {
  readonly userIds: readonly string[];
  /** Within the rules of {@link readTags}; empty clears. */
  readonly tags: readonly string[];
  /** UUIDv7 of the change; an older one never overwrites a newer one. */
  readonly version: string;
}

// Of several changes of a person the newest counts, of equally old ones the one further down the list.
// Rows are locked in the order of their keys, so that two callers cannot wait for each other. A person whom a vendor
// already waits for keeps the times of the next call: the vendor's trouble is not over because there is something new.
const REPLACE = `
  WITH said AS (
    SELECT DISTINCT ON (person.user_id) person.user_id, change.tags, change.version
      FROM ROWS FROM (json_to_recordset($2) AS ("userIds" text[], tags text[], version uuid))
           WITH ORDINALITY AS change (user_ids, tags, version, place),
           unnest(change.user_ids) AS person (user_id)
     ORDER BY person.user_id, change.version DESC, change.place DESC
  ), stored AS (
    INSERT INTO user_tag AS known (app_id, user_id, tags, version, updated_at)
    SELECT $1, user_id, tags, version, $3 FROM said ORDER BY user_id
    ON CONFLICT (app_id, user_id) DO UPDATE
       SET tags = EXCLUDED.tags, version = EXCLUDED.version, updated_at = EXCLUDED.updated_at
     WHERE known.version < EXCLUDED.version
    RETURNING user_id, version
  ), posted AS (
    INSERT INTO tag_outbox AS known (app_id, integration_id, user_id, version, updated_at)
    SELECT $1, i.id, stored.user_id, stored.version, $3
      FROM stored JOIN integration i ON i.app_id = $1 AND i.plugin = ANY($4) AND i.settings -> 'mirrorTags' = 'true'
     ORDER BY i.id, stored.user_id
    ON CONFLICT (app_id, integration_id, user_id) DO UPDATE
       SET version = EXCLUDED.version, state = 'waiting', reason = NULL, updated_at = EXCLUDED.updated_at
     WHERE known.version < EXCLUDED.version
    RETURNING integration_id
  )
  SELECT DISTINCT integration_id AS "integrationId" FROM posted`;

/** Labels on people. A change replaces the whole set of a person. */
@Injectable()
export class TagsService {
  constructor(
    @InjectRepository(UserTag) private readonly rows: Repository<UserTag>,
    private readonly registry: PluginRegistry,
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
  ) {}

  /**
   * Any number of changes in one statement, and with them, in the same transaction, word to every vendor that is to
   * have our tags.
   */
  async replace(tx: Transaction, appId: string, changes: readonly TagChange[]): Promise<void> {
    if (changes.length === 0) return;
    const rows = changes.map(({ userIds, tags, version }) => ({ userIds, tags: [...new Set(tags)], version }));
    const values = [appId, JSON.stringify(rows), this.clock.now(), this.keepers()];
    const mirrors = await tx.query<{ integrationId: string }>(REPLACE, values, 'replace-tags');
    const due = mirrors.map(({ integrationId }) => ({ appId, integrationId }));
    await this.queue.enqueue(tx, TAG_QUEUE, tagNudges(due));
  }

  /**
   * Gives people a set of tags, now.
   * @returns how many people.
   * @throws {UnprocessableError} before anything is stored, naming `/userIds` or the tags that break a rule.
   */
  async set(appId: string, userIds: readonly string[], tags: readonly string[]): Promise<number> {
    const change = { userIds: readUsers(userIds, '/userIds'), tags: readTags(tags, '/tags'), version: newId() };
    await this.sql.transaction((tx) => this.replace(tx, appId, [change]));
    return change.userIds.length;
  }

  /** Null: nobody ever gave this person tags. */
  find(appId: string, userId: string): Promise<UserTag | null> {
    return this.rows.findOneBy({ appId, userId });
  }

  /** Tags by user id; people without any are missing. */
  tagsOf(appId: string, userIds: readonly string[]): Promise<Map<string, readonly string[]>> {
    return tagsOf(this.sql, appId, userIds);
  }

  /** Ids of the plugins whose vendors keep tags. */
  private keepers(): string[] {
    const plugins = this.registry.all().filter(({ outbound }) => outbound?.manifest.capabilities.tags);
    return plugins.map(({ id }) => id);
  }
}

/** Tags by user id; people without any are missing. */
export async function tagsOf(
  runner: SqlRunner,
  appId: string,
  userIds: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const rows = await runner.query<{ userId: string; tags: string[] }>(
    `SELECT user_id AS "userId", tags FROM user_tag WHERE app_id = $1 AND user_id = ANY($2) AND tags <> '{}'`,
    [appId, userIds],
    'tags-of-users',
  );
  return new Map(rows.map(({ userId, tags }) => [userId, tags]));
}
