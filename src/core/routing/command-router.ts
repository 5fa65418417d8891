import type { PushRequest, TagCommand } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { SqlRunner } from '../../platform/sql.js';
import { type TagChange, TagsService } from '../audiences/tags.service.js';
import { NotificationIntake } from '../broadcasts/notification-intake.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { AcceptedEvent } from './accepted-event.js';
import type { PlanContext } from './delivery-plan.js';
import { Directory, identityKey } from './directory.js';

/** How long a push that was commanded is worth sending. */
const COMMAND_TTL_SECONDS = 24 * 60 * 60;

/** How an event ended. */
export interface Settlement {
  readonly row: AcceptedEvent;
  readonly plugin: string;
  readonly state: 'routed' | 'ignored' | 'failed';
  readonly reason?: string;
  readonly detail?: string;
  readonly notificationId?: string;
}

/** Events that tell us to do something, instead of telling what has happened. */
export const isCommand = ({ event }: AcceptedEvent): boolean => event.request !== undefined || event.tags !== undefined;

/** Carries out what a vendor's protocol commands: replace tags, push to an audience. */
@Injectable()
export class CommandRouter {
  constructor(
    private readonly directory: Directory,
    private readonly tags: TagsService,
    private readonly intake: NotificationIntake,
  ) {}

  /** In the order in which they came: a push sees the tags that were set before it, and none that were set after it. */
  async carryOut(
    tx: SqlRunner,
    context: PlanContext,
    rows: readonly AcceptedEvent[],
    opened: ReadonlyMap<string, OpenedIntegration>,
  ): Promise<Settlement[]> {
    const commands = rows.flatMap((row) => {
      const integration = opened.get(row.integrationId);
      return integration ? [{ row, integration }] : [];
    });
    const userOf = await this.userIds(tx, context.app.id, commands);
    const settled: Settlement[] = [];
    let changes: TagChange[] = [];
    const applyTags = async (): Promise<void> => {
      if (changes.length > 0) await this.tags.replace(tx, context.app.id, changes);
      changes = [];
    };
    for (const { row, integration } of commands) {
      const { tags, request } = row.event;
      const settlement = { row, plugin: integration.plugin.id, state: 'routed' as const };
      if (tags) changes.push({ userIds: userOf(integration, tags), tags: tags.tags, version: row.id });
      if (!request) {
        settled.push({ ...settlement, reason: 'applied' });
        continue;
      }
      await applyTags();
      const notificationId = await this.begin(tx, context, row, request, userOf(integration, usersIn(request)));
      settled.push({ ...settlement, notificationId });
    }
    await applyTags();
    return settled;
  }

  private begin(
    tx: SqlRunner,
    context: PlanContext,
    { id: eventId, integrationId, event }: AcceptedEvent,
    { audience, content }: PushRequest,
    users: readonly string[],
  ): Promise<string> {
    const { title, body, extras = {}, ...rest } = content;
    const copy = { ...(title !== undefined && { title }), ...(body !== undefined && { body }) };
    const request = {
      // Users win over tags, even when we know none of them.
      audience: !audience.everyone && audience.users?.length ? { users } : audience,
      content: { ...rest, extras, copy: { default: copy } },
      category: event.kind,
      priority: 'high' as const,
      ttlSeconds: COMMAND_TTL_SECONDS,
      forced: false,
      onQuota: 'hold' as const,
    };
    return this.intake.begin(tx, context, request, { eventId, integrationId });
  }

  /** Our user ids for the vendor's, for all commands at once. A name without a link stands for itself where the plugin advises so. */
  private async userIds(
    tx: SqlRunner,
    appId: string,
    commands: readonly { row: AcceptedEvent; integration: OpenedIntegration }[],
  ): Promise<(integration: OpenedIntegration, names: Names) => string[]> {
    const queries = commands.flatMap(({ row: { event, integrationId } }) =>
      [event.tags, event.request && usersIn(event.request)].flatMap((names) =>
        names ? names.users.map((value) => ({ integrationId, kind: names.identityKind, value })) : [],
      ),
    );
    const links = await this.directory.linkedUsers(tx, appId, queries);
    return ({ row, plugin }, { identityKind: kind, users }) => {
      const advised = plugin.inbound?.manifest.identities.find((identity) => identity.kind === kind)?.direct ?? false;
      const direct = row.settings.identitiesAreUserIds ?? advised;
      const found = users.map(
        (value) => links.get(identityKey({ integrationId: row.id, kind, value })) ?? (direct ? value : undefined),
      );
      return [...new Set(found.filter((user) => user !== undefined))];
    };
  }
}

type Names = Pick<TagCommand, 'identityKind' | 'users'>;

const usersIn = ({ identityKind, audience }: PushRequest): Names => ({ identityKind, users: audience.users ?? [] });
