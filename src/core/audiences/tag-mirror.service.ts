import { NotFoundError, UnprocessableError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { TAG_QUEUE, tagNudges } from './tag-mirror.nudge.js';
import type { TagMirrorView } from './tag-mirror.dto.js';

interface Group {
  readonly state: 'waiting' | 'failed';
  readonly reason: string | null;
  readonly users: number;
  readonly since: Date;
}

const STATE = `
  SELECT state, reason, count(*)::int AS users, min(updated_at) AS since FROM tag_outbox
  WHERE app_id = $1 AND integration_id = $2 GROUP BY state, reason ORDER BY users DESC, reason`;

// Somebody who is being sent right now keeps the lease, so that the older call cannot overtake the newer one.
const POST_ALL = `
  INSERT INTO tag_outbox AS known (app_id, integration_id, user_id, version, updated_at)
  SELECT app_id, $2, user_id, version, $3 FROM user_tag WHERE app_id = $1 ORDER BY user_id
  ON CONFLICT (app_id, integration_id, user_id) DO UPDATE
     SET state = 'waiting', reason = NULL, not_before = NULL, attempts = 0, updated_at = EXCLUDED.updated_at,
         version = greatest(known.version, EXCLUDED.version)`;

/** What operators see and do about tags that are kept at vendors as well. */
@Injectable()
export class TagMirrorService {
  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly integrations: IntegrationCache,
  ) {}

  /** @throws {NotFoundError} */
  async state(appId: string, integrationId: string): Promise<TagMirrorView> {
    const integration = await this.find(appId, integrationId);
    const groups = await this.sql.query<Group & Record<string, unknown>>(STATE, [appId, integrationId]);
    const waiting = groups.filter(({ state }) => state === 'waiting');
    const since = waiting.map((group) => group.since.getTime());
    return {
      mirrors: mirrors(integration),
      waiting: waiting.reduce((sum, { users }) => sum + users, 0),
      waitingSince: since.length > 0 ? new Date(Math.min(...since)) : null,
      failed: groups.flatMap(({ state, reason, users }) =>
        state === 'failed' ? [{ reason: reason ?? '', users }] : [],
      ),
    };
  }

  /**
   * Has the tags of everybody written to the vendor: after mirroring was switched on, or when the vendor lost them.
   * @throws {NotFoundError}
   * @throws {UnprocessableError} when the integration mirrors no tags.
   */
  async mirrorAll(appId: string, integrationId: string): Promise<TagMirrorView> {
    if (!mirrors(await this.find(appId, integrationId))) {
      throw new UnprocessableError(
        'tags.not_mirrored',
        'The integration does not mirror tags (`settings.mirrorTags`).',
      );
    }
    await this.sql.transaction(async (tx) => {
      await tx.query(POST_ALL, [appId, integrationId, this.clock.now()]);
      await this.queue.enqueue(tx, TAG_QUEUE, tagNudges([{ appId, integrationId }]));
    });
    return this.state(appId, integrationId);
  }

  private async find(appId: string, integrationId: string): Promise<OpenedIntegration> {
    const integration = await this.integrations.find(integrationId);
    if (integration?.row.appId !== appId) throw new NotFoundError('The integration');
    return integration;
  }
}

const mirrors = ({ row, plugin }: OpenedIntegration): boolean =>
  row.settings.mirrorTags && plugin.outbound?.manifest.capabilities.tags !== undefined;
