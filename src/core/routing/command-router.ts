import type { PushRequest, TagCommand } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { SqlRunner, Transaction } from '../../platform/sql.js';
import { type TagChange, TagsService } from '../audiences/tags.service.js';
import { NotificationIntake } from '../broadcasts/notification-intake.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { AcceptedEvent } from './accepted-event.js';
import type { PlanContext } from './delivery-plan.js';
import { Directory } from './directory.js';
import { NamedUsers } from './named-users.js';

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
    tx: Transaction,
    context: PlanContext,
    rows: readonly AcceptedEvent[],
    opened: ReadonlyMap<string, OpenedIntegration>,
  ): Promise<Settlement[]> {
    const commands = rows.flatMap((row) => {
      const integration = opened.get(row.integrationId);
      return integration ? [{ row, integration }] : [];
    });
    const users = await this.usersOf(tx, context.app.id, commands);
    const settled: Settlement[] = [];
    let changes: TagChange[] = [];
    const applyTags = async (): Promise<void> => {
      if (changes.length > 0) await this.tags.replace(tx, context.app.id, changes);
      changes = [];
    };
    for (const { row, integration } of commands) {
      const { tags, request } = row.event;
      const settlement = { row, plugin: integration.plugin.id, state: 'routed' as const };
      if (tags) changes.push({ userIds: usersBehind(users, integration, tags), tags: tags.tags, version: row.id });
      if (!request) {
        settled.push({ ...settlement, reason: 'applied' });
        continue;
      }
      await applyTags();
      const notificationId = await this.begin(
        tx,
        context,
        row,
        request,
        usersBehind(users, integration, usersIn(request)),
      );
      settled.push({ ...settlement, notificationId });
    }
    await applyTags();
    return settled;
  }

  private begin(
    tx: Transaction,
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

  /** Of all commands at once. */
  private usersOf(
    tx: SqlRunner,
    appId: string,
    commands: readonly { readonly row: AcceptedEvent }[],
  ): Promise<NamedUsers> {
    const names = commands.flatMap(({ row: { event, integrationId } }) =>
      [event.tags, event.request && usersIn(event.request)].flatMap((meant) =>
        meant ? meant.users.map((value) => ({ integrationId, kind: meant.identityKind, value })) : [],
      ),
    );
    return NamedUsers.find(this.directory, tx, appId, names);
  }
}

type Names = Pick<TagCommand, 'identityKind' | 'users'>;

const usersIn = ({ identityKind, audience }: PushRequest): Names => ({ identityKind, users: audience.users ?? [] });

/** Each once; names that nobody is known by are left out. */
function usersBehind(users: NamedUsers, integration: OpenedIntegration, { identityKind: kind, users: values }: Names) {
  return [...new Set(values.flatMap((value) => users.of(integration, { kind, value }) ?? []))];
}
