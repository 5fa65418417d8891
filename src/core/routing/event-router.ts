import { Injectable, Logger } from '@nestjs/common';
import type { App } from '../../access/app.entity.js';
import { AccessService } from '../../access/access.service.js';
import { Clock } from '../../platform/clock.js';
import { faultPoint } from '../../platform/fault-points.js';
import { internalId, newId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { textArray, uuidArray } from '../../platform/pg-arrays.js';
import { isUnavailable, Sql, type SqlRunner, type Transaction } from '../../platform/sql.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import type { CopyTemplate } from '../templates/render.js';
import { TemplatesService } from '../templates/templates.service.js';
import { PresenceService } from '../users/presence.service.js';
import type { AcceptedEvent } from './accepted-event.js';
import { AudienceSlices } from './audience-slices.js';
import type { Candidate } from './candidate.js';
import { CommandRouter, isCommand, type Settlement } from './command-router.js';
import { contentOf, intentOf, localeOf } from './event-content.js';
import { type NotificationDraft, Planner } from './planner.js';
import { Recipients, type ResolvedEvent } from './recipients.js';
import type { RouteNudge } from './route.nudge.js';

/** How long a push about an event is worth sending. */
const EVENT_TTL_MS = 24 * 60 * 60_000;

/** Events of conversations that one transaction routes at most: what waits after an outage must not fill the memory. */
const AT_ONCE = 1_000;

// Whoever handles a conversation handles what waits in it from the oldest on: two workers keep the order, because the
// second waits for the rows of the first and then finds them settled, as rows without an id.
//
// Each key is looked up by itself, whatever the statistics say: how many events wait changes from one moment to the next,
// and a plan that is kept for few would compare all of them with each other when there are many.
const CLAIM = `
  WITH named AS MATERIALIZED (
    SELECT e.* FROM unnest($1::uuid[], $2::uuid[]) AS nudge (app_id, id)
    CROSS JOIN LATERAL (
      SELECT app_id, id, integration_id, conversation FROM inbound_event e
      WHERE e.app_id = nudge.app_id AND e.id = nudge.id AND e.state = 'accepted' OFFSET 0
    ) e
  ), talk AS MATERIALIZED (
    SELECT DISTINCT integration_id, conversation FROM named WHERE conversation IS NOT NULL AND NOT $3
  ), due AS MATERIALIZED (
    SELECT app_id, id FROM named WHERE conversation IS NULL OR $3
    UNION ALL
    SELECT e.app_id, e.id
    FROM talk CROSS JOIN LATERAL (
      SELECT app_id, id FROM inbound_event e
      WHERE e.integration_id = talk.integration_id AND e.conversation = talk.conversation AND e.state = 'accepted'
      ORDER BY e.id LIMIT (SELECT greatest(1, ${AT_ONCE} / count(*)) FROM talk)
    ) e
    ORDER BY id
  )
  SELECT e.app_id AS "appId", e.id, e.integration_id AS "integrationId", e.callback_id AS "callbackId",
         e.event::json AS event, e.received_at AS "receivedAt"
  FROM due LEFT JOIN LATERAL (
    SELECT * FROM inbound_event e WHERE e.app_id = due.app_id AND e.id = due.id AND e.state = 'accepted' FOR UPDATE
  ) e ON true`;

const SETTLE = `
  UPDATE inbound_event e
  SET state = s.state, reason = s.reason, detail = s.detail, notification_id = s.notification_id, settled_at = $1
  FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[])
    AS s (app_id, id, state, reason, detail, notification_id)
  WHERE e.app_id = s.app_id AND e.id = s.id`;

/** What the copy of an app's notifications is made of. */
interface Words {
  readonly app: App;
  readonly templates: readonly CopyTemplate[];
}

/** What routing needs to know of an app besides the rows of its events. */
interface AppFacts extends Words {
  /** Its integrations that reach devices. */
  readonly channels: readonly OpenedIntegration[];
}

/** Everything that comes from caches. */
interface Surroundings {
  readonly apps: ReadonlyMap<string, AppFacts>;
  /** Those of the events, and the channels that these name besides devices. */
  readonly integrations: ReadonlyMap<string, OpenedIntegration>;
}

/** What another worker has settled meanwhile. */
interface Gone {
  readonly id: null;
}

interface Round {
  readonly settled: readonly Settlement[];
  /** Ids of the events that were looked at. */
  readonly claimed: ReadonlySet<string>;
  /** Whether fewer are waiting than before. */
  readonly moved: boolean;
}

const NOTHING_MOVED: Round = { settled: [], claimed: new Set(), moved: false };

/** Turns accepted events into notifications and changes of state, a batch per transaction. */
@Injectable()
export class EventRouter {
  private readonly log = new Logger(EventRouter.name);

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly access: AccessService,
    private readonly integrations: IntegrationCache,
    private readonly recipients: Recipients,
    private readonly presence: PresenceService,
    private readonly planner: Planner,
    private readonly slices: AudienceSlices,
    private readonly commands: CommandRouter,
    private readonly templates: TemplatesService,
  ) {}

  /**
   * Routes what is still accepted among the named events, and what waits in the same conversations: some from each, until
   * none of the named ones waits behind others.
   */
  async route(nudge: RouteNudge): Promise<void> {
    for (let waiting = nudge; waiting.ids.length > 0;) {
      const { claimed, moved } = await this.attempt(waiting, false);
      // Else they are settled, or stay for now: the sweep comes back to them.
      if (!moved) return;
      waiting = without(waiting, claimed);
    }
  }

  /** @param alone leaves the rest of the conversation out, so that one bad event does not take it along. */
  private async attempt(nudge: RouteNudge, alone: boolean): Promise<Round> {
    try {
      // Before the transaction, which would otherwise wait for a second connection while it holds one.
      const surroundings = await this.look(nudge);
      // Nothing has left the process: who sends claims first, and what a crash takes back is routed again.
      const round = await this.sql.transaction((tx) => this.routeAll(tx, nudge, surroundings, alone), 'lazy');
      faultPoint('after-route-commit');
      for (const { row, plugin, state } of round.settled) {
        this.metrics.events.inc({ plugin, kind: row.event.kind, state });
      }
      return round;
    } catch (error) {
      if (isUnavailable(error)) throw error;
      await this.isolate(nudge, alone, error as Error);
      return NOTHING_MOVED;
    }
  }

  private async look({ apps, integrations }: RouteNudge): Promise<Surroundings> {
    // All at once: one that nobody waits for yet would take the process along when it fails.
    const [opened, ...facts] = await Promise.all([
      this.openWithOthers(integrations),
      ...[...new Set(apps)].map(async (id) => [id, await this.factsOf(id)] as const),
    ]);
    return { apps: new Map(facts), integrations: opened };
  }

  private async factsOf(appId: string): Promise<AppFacts> {
    const [app, channels, templates] = await Promise.all([
      this.access.recentApp(appId),
      this.integrations.channelsOf(appId),
      this.templates.forEvents(appId),
    ]);
    return { app, channels, templates };
  }

  /** Integrations by id, and those that people are told through besides. */
  private async openWithOthers(ids: readonly string[]): Promise<Map<string, OpenedIntegration>> {
    const opened = await this.openAll(ids);
    const others = [...opened.values()].flatMap(({ row }) => row.settings.alsoThrough);
    return new Map([...opened, ...(await this.openAll(others.map((id) => internalId('int', id))))]);
  }

  private async openAll(ids: readonly string[]): Promise<Map<string, OpenedIntegration>> {
    const opened = await Promise.all([...new Set(ids)].map((id) => this.integrations.find(id)));
    return new Map(opened.filter((entry) => entry !== undefined).map((entry) => [entry.row.id, entry]));
  }

  private async routeAll(
    tx: Transaction,
    { apps, ids }: RouteNudge,
    surroundings: Surroundings,
    alone: boolean,
  ): Promise<Round> {
    const due = await tx.query<AcceptedEvent | Gone>(CLAIM, [uuidArray(apps), uuidArray(ids), alone], 'claim-events');
    const rows = due.filter((row) => row.id !== null);
    const settled: Settlement[] = [];
    for (const [appId, events] of Map.groupBy(rows, (row) => row.appId)) {
      const facts = surroundings.apps.get(appId) as AppFacts;
      settled.push(...(await this.routeApp(tx, facts, events, surroundings.integrations)));
    }
    this.settle(tx, settled);
    faultPoint('before-route-commit');
    const moved = settled.length > 0 || rows.length < due.length;
    return { settled, claimed: new Set(rows.map(({ id }) => id)), moved };
  }

  /** An event that breaks its batch is tried alone; alone it ends as failed, with the reason. */
  private async isolate(nudge: RouteNudge, alone: boolean, error: Error): Promise<void> {
    if (!alone) {
      for (const [i, id] of nudge.ids.entries())
        await this.attempt({ ...nudge, apps: [nudge.apps[i] as string], ids: [id] }, true);
      return;
    }
    this.log.error({ event: nudge.ids[0], cause: error.message }, 'Event cannot be routed');
    await this.sql.query(
      `UPDATE inbound_event SET state = 'failed', reason = 'routing.error', detail = $3, settled_at = $4
       WHERE app_id = $1 AND id = $2 AND state = 'accepted'`,
      [nudge.apps[0], nudge.ids[0], error.message.slice(0, 200), this.clock.now()],
    );
  }

  private async routeApp(
    tx: Transaction,
    { app, channels, templates }: AppFacts,
    rows: readonly AcceptedEvent[],
    opened: ReadonlyMap<string, OpenedIntegration>,
  ): Promise<Settlement[]> {
    const [orders, events] = partition(rows, isCommand);
    const context = { app, channels, now: this.clock.now() };
    const done = await this.commands.carryOut(tx, context, orders, opened);
    const found = await this.recipients.resolve(tx, app.id, events, opened, channels);
    const resolved = await this.withOtherChannels(tx, app.id, found, opened);
    await this.applyPresence(tx, app.id, resolved);
    const drafts = new Map<string, NotificationDraft>();
    const settled = [...Map.groupBy(resolved, ({ row }) => row.callbackId).values()].flatMap((callback) =>
      this.routeCallback(callback, { app, templates }, drafts),
    );
    await this.planner.plan(tx, context, [...drafts.values()]);
    return [...done, ...settled];
  }

  /** One callback makes one notification per group of people: its last event that is to be shown, with a count. */
  private routeCallback(
    callback: readonly ResolvedEvent[],
    words: Words,
    drafts: Map<string, NotificationDraft>,
  ): Settlement[] {
    return [...Map.groupBy(callback, ({ audienceKey }) => audienceKey).values()].flatMap((group) => {
      const shown = group.filter(({ row }) => row.event.push.notify);
      const last = shown.at(-1);
      const draft = last && last.candidates.length > 0 ? this.draft(last, shown.length, words) : undefined;
      if (draft) drafts.set(draft.id, draft);
      return group.map((resolved) => settlementOf(resolved, last, draft?.id));
    });
  }

  private draft(resolved: ResolvedEvent, count: number, { app, templates }: Words): NotificationDraft {
    const { row, integration, candidates, decisions } = resolved;
    const locale = localeOf(row.event, integration.row.settings, app);
    const content = contentOf(row, integration, app, count, locale, templates);
    return {
      id: newId(),
      eventId: row.id,
      integrationId: row.integrationId,
      intent: intentOf(row.event, row.integrationId, content),
      content,
      audience: { identities: row.event.recipient.identities.map(({ kind, value }) => `${kind}:${value}`) },
      decisions,
      priority: 'high',
      expiresAt: new Date(row.receivedAt.getTime() + EVENT_TTL_MS),
      candidates,
      locale,
    };
  }

  /** Whom an event concerns, once more through the channels that the integration names besides devices. */
  private async withOtherChannels(
    tx: SqlRunner,
    appId: string,
    resolved: readonly ResolvedEvent[],
    opened: ReadonlyMap<string, OpenedIntegration>,
  ): Promise<readonly ResolvedEvent[]> {
    const others = resolved.map((event) => otherChannelsOf(event, opened));
    const wanted = new Map<OpenedIntegration, string[]>();
    for (const [i, channels] of others.entries()) {
      for (const channel of channels) {
        wanted.set(channel, [...(wanted.get(channel) ?? []), ...(resolved[i]?.userIds ?? [])]);
      }
    }
    const people = new Map<OpenedIntegration, Map<string | null, Candidate[]>>();
    for (const [channel, userIds] of wanted) {
      const candidates = await this.slices.vendorUsers(tx, appId, channel, [...new Set(userIds)]);
      people.set(
        channel,
        Map.groupBy(candidates, ({ userId }) => userId),
      );
    }
    return resolved.map((event, i) => {
      const more = (others[i] ?? []).flatMap((channel) =>
        event.userIds.flatMap((userId) => people.get(channel)?.get(userId) ?? []),
      );
      return more.length === 0 ? event : { ...event, candidates: [...event.candidates, ...more] };
    });
  }

  private async applyPresence(tx: SqlRunner, appId: string, resolved: readonly ResolvedEvent[]): Promise<void> {
    const rows = resolved.flatMap(({ row, userIds }) => {
      const { presence, occurredAt } = row.event;
      if (!presence) return [];
      const observedAt = occurredAt ? new Date(occurredAt) : row.receivedAt;
      return userIds.map((userId) => ({
        ...presence,
        appId,
        userId,
        source: row.integrationId,
        observedAt,
        expiresAt: null,
      }));
    });
    await this.presence.apply(tx, rows);
  }

  private settle(tx: Transaction, settled: readonly Settlement[]): void {
    if (settled.length === 0) return;
    const values = [
      this.clock.now(),
      uuidArray(settled.map(({ row }) => row.appId)),
      uuidArray(settled.map(({ row }) => row.id)),
      textArray(settled.map(({ state }) => state)),
      textArray(settled.map(({ reason }) => reason ?? null)),
      textArray(settled.map(({ detail }) => detail ?? null)),
      uuidArray(settled.map(({ notificationId }) => notificationId ?? null)),
    ];
    tx.send(SETTLE, values, 'settle-events');
  }
}

function without({ apps, ids, integrations }: RouteNudge, claimed: ReadonlySet<string>): RouteNudge {
  const isWaiting = (_: string, i: number): boolean => !claimed.has(ids[i] as string);
  return { apps: apps.filter(isWaiting), ids: ids.filter(isWaiting), integrations };
}

/** Channels that the people of an event are told through besides their devices. */
function otherChannelsOf(
  { row, integration, userIds }: ResolvedEvent,
  opened: ReadonlyMap<string, OpenedIntegration>,
): OpenedIntegration[] {
  if (!row.event.push.notify || userIds.length === 0) return [];
  const channels = integration.row.settings.alsoThrough.map((id) => opened.get(internalId('int', id)));
  return channels.filter(
    (channel): channel is OpenedIntegration =>
      channel?.row.appId === row.appId && channel.plugin.outbound?.manifest.capabilities.send !== undefined,
  );
}

function settlementOf(resolved: ResolvedEvent, last: ResolvedEvent | undefined, notificationId?: string): Settlement {
  const { row, integration, userIds, candidates } = resolved;
  const settled = { row, plugin: integration.plugin.id };
  const nobody = userIds.length === 0 && candidates.length === 0;
  if (nobody) return { ...settled, state: 'ignored', reason: 'unroutable', detail: resolved.decisions.at(-1) };
  if (!row.event.push.notify) return { ...settled, state: 'routed', reason: 'silent' };
  return { ...settled, state: 'routed', notificationId, ...(resolved !== last && { reason: 'batched' }) };
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}
