import { accept, type InboundEvent } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { setImmediate as breathe } from 'node:timers/promises';
import { Sql } from '../../platform/sql.js';
import { IntegrationCache } from '../integrations/integration-cache.js';
import type { EventDraft } from './callback.js';
import { behindEventsOf } from './callback-range.js';
import { storableJson } from './callback-sql.js';
import type { InboundEventState, InboundRaw } from './inbound-event.entity.js';
import { InboundService } from './inbound.service.js';
import { type Difference, differencesOf } from './replay.differences.js';
import type { ReplayFilter, ReplayPage } from './replay.filter.js';
import { requestOf } from './replay.request.js';

/** Callbacks that are in memory together. */
const PART = 50;
const FIRST = '00000000-0000-0000-0000-000000000000';

/**
 * How an event would be another one today. `changed`: in what it says. `added`: it was not there. `missing`: it would not
 * be there. `readable`, `unreadable`: its callback can be used now, or no more.
 */
export type ShadowKind = 'changed' | 'added' | 'missing' | 'readable' | 'unreadable';

export interface ShadowDifference {
  readonly kind: ShadowKind;
  readonly callbackId: string;
  readonly integrationId: string;
  readonly receivedAt: Date;
  /** UUID; undefined: there is none yet. */
  readonly eventId?: string;
  /** Why the callback cannot be used now. */
  readonly reason?: string;
  readonly differences: readonly Difference[];
}

export interface Shadow {
  /** Callbacks that were read again. */
  readonly callbacks: number;
  /** Events that would be the same. */
  readonly same: number;
  readonly different: readonly ShadowDifference[];
  /** Callbacks of plugins that this process does not have. */
  readonly skipped: number;
  /** Id behind which the rest begins; undefined: there is none. */
  readonly last: string | undefined;
}

const RAW = `
  SELECT r.app_id AS "appId", r.callback_id AS "callbackId", r.integration_id AS "integrationId", r.method, r.path, r.query,
         r.headers, r.body, r.received_at AS "receivedAt"
  FROM inbound_raw r
  WHERE r.app_id = $1 AND r.callback_id > $2 AND r.received_at >= $3 AND r.received_at < $4
    AND ($5::uuid IS NULL OR r.integration_id = $5)
  ORDER BY r.callback_id LIMIT $6`;

const EVENTS = `
  SELECT id, callback_id AS "callbackId", state, reason, event FROM inbound_event
  WHERE app_id = $1 AND callback_id = ANY($2::uuid[]) AND id > $3 AND id < $4 ORDER BY callback_id, position`;

// A redelivery brought these before, or after: a callback's bytes are kept when anything in it was new.
const KNOWN = `SELECT key FROM inbound_event WHERE integration_id = $1 AND key = ANY($2::text[])`;

interface StoredEvent {
  readonly id: string;
  readonly callbackId: string;
  readonly state: InboundEventState;
  readonly reason: string | null;
  readonly event: InboundEvent | null;
}

/** What a callback would bring today. */
type Reading = { readonly drafts: readonly EventDraft[] } | { readonly reason: string };

/** Reads callbacks again as they are read today, and tells what would be different. Stores nothing and sends nothing. */
@Injectable()
export class ShadowReplay {
  constructor(
    private readonly sql: Sql,
    private readonly integrations: IntegrationCache,
    private readonly inbound: InboundService,
  ) {}

  /** One page, the oldest callbacks first. The limit counts those that are looked at, whatever the state of their events. */
  async compare(appId: string, filter: ReplayFilter, { after = FIRST, limit }: ReplayPage): Promise<Shadow> {
    const different: ShadowDifference[] = [];
    const sums = { callbacks: 0, same: 0, skipped: 0 };
    let last = after;
    for (let left = limit; left > 0;) {
      const most = Math.min(PART, left);
      const rows = await this.load(appId, filter, last, most);
      const stored = await this.eventsOf(appId, rows);
      for (const raw of rows) {
        const events = stored.get(raw.callbackId) ?? [];
        if (!events.some(({ state }) => filter.states.includes(state))) continue;
        const found = await this.compareOne(raw, events);
        if (!found) sums.skipped++;
        else {
          sums.callbacks++;
          sums.same += found.same;
          different.push(...found.different);
        }
        // An adapter may take its time over a body, and others wait to be served.
        await breathe();
      }
      if (rows.length < most) return { ...sums, different, last: undefined };
      last = rows.at(-1)?.callbackId ?? last;
      left -= rows.length;
    }
    return { ...sums, different, last };
  }

  private load(appId: string, filter: ReplayFilter, after: string, limit: number): Promise<InboundRaw[]> {
    const { from, to, integrationId } = filter;
    return this.sql.query<InboundRaw & object>(RAW, [appId, after, from, to, integrationId ?? null, limit]);
  }

  private async eventsOf(appId: string, rows: readonly InboundRaw[]): Promise<ReadonlyMap<string, StoredEvent[]>> {
    const [first, last] = [rows[0]?.callbackId, rows.at(-1)?.callbackId];
    if (!first || !last) return new Map();
    const ids = rows.map(({ callbackId }) => callbackId);
    const values = [appId, ids, first, behindEventsOf(last)];
    return Map.groupBy(await this.sql.query<StoredEvent & object>(EVENTS, values), ({ callbackId }) => callbackId);
  }

  /** Undefined: nobody here can read it. */
  private async compareOne(
    raw: InboundRaw,
    stored: readonly StoredEvent[],
  ): Promise<Pick<Shadow, 'same' | 'different'> | undefined> {
    const reading = await this.read(raw);
    if (!reading) return undefined;
    const { callbackId, integrationId, receivedAt } = raw;
    const about = { callbackId, integrationId, receivedAt };
    // Events that were emptied because of a person have nothing to compare with.
    const rows = stored.filter(({ reason }) => reason !== 'user_erased');
    const readable = rows.filter(({ event }) => event !== null);
    if ('reason' in reading) {
      const { reason } = reading;
      const lost = readable.map(({ id: eventId }) => ({
        ...about,
        kind: 'unreadable' as const,
        eventId,
        reason,
        differences: [],
      }));
      return { same: rows.length - lost.length, different: lost };
    }
    const { drafts } = reading;
    if (readable.length === 0 && drafts.length > 0) {
      const found = rows.map(({ id: eventId }) => ({ ...about, kind: 'readable' as const, eventId, differences: [] }));
      return { same: 0, different: found };
    }
    return this.match(about, readable, drafts);
  }

  private async read(raw: InboundRaw): Promise<Reading | undefined> {
    const integration = await this.integrations.find(raw.integrationId);
    const adapter = integration?.plugin.inbound;
    if (!integration || !adapter) return undefined;
    try {
      const { events } = this.inbound.draft(integration, adapter, accept(requestOf(raw)), raw.receivedAt);
      const drafts = events.filter(({ event }) => event !== undefined);
      return drafts.length > 0 ? { drafts } : { reason: events[0]?.reason ?? 'empty' };
    } catch (error) {
      // A command that breaks a rule of today; nothing else is thrown.
      return { reason: (error as { code?: string }).code ?? 'rejected' };
    }
  }

  /** By their keys; those that are left over, in their order. */
  private async match(
    about: Pick<ShadowDifference, 'callbackId' | 'integrationId' | 'receivedAt'>,
    stored: readonly StoredEvent[],
    drafts: readonly EventDraft[],
  ): Promise<Pick<Shadow, 'same' | 'different'>> {
    const parsed = drafts.map(({ event, dedupeWindowMs }) => {
      return { event: JSON.parse(storableJson(event as InboundEvent)) as InboundEvent, dedupeWindowMs };
    });
    const byKey = new Map(parsed.map((draft) => [draft.event.key, draft]));
    const elsewhere = await this.knownElsewhere(about.integrationId, stored, parsed);
    const used = new Set(stored.flatMap(({ event }) => byKey.get(event?.key ?? '') ?? []));
    const rest = parsed.filter((draft) => !used.has(draft) && !elsewhere.has(draft.event.key)).values();
    const different: ShadowDifference[] = [];
    let same = 0;
    for (const { id: eventId, event } of stored) {
      const draft = byKey.get(event?.key ?? '') ?? rest.next().value;
      const differences = draft ? differencesOf(event, draft.event) : [];
      if (!draft) different.push({ ...about, kind: 'missing', eventId, differences });
      else if (differences.length > 0) different.push({ ...about, kind: 'changed', eventId, differences });
      else same++;
    }
    for (const { event } of rest) {
      different.push({ ...about, kind: 'added', differences: [{ pointer: '', parsed: event }] });
    }
    return { same, different };
  }

  /** Keys of events that came with another callback. Digests count for a while only, and nobody knows any more. */
  private async knownElsewhere(
    integrationId: string,
    stored: readonly StoredEvent[],
    parsed: readonly { readonly event: InboundEvent; readonly dedupeWindowMs?: number }[],
  ): Promise<ReadonlySet<string>> {
    const own = new Set(stored.map(({ event }) => event?.key));
    const others = parsed.filter(({ event }) => !own.has(event.key));
    const digests = others.filter(({ dedupeWindowMs }) => dedupeWindowMs !== undefined).map(({ event }) => event.key);
    const keys = others.filter(({ dedupeWindowMs }) => dedupeWindowMs === undefined).map(({ event }) => event.key);
    const rows = keys.length > 0 ? await this.sql.query<{ key: string }>(KNOWN, [integrationId, keys]) : [];
    // A changed digest is a change; one that was left out beside others that were not, a repetition.
    return new Set([...rows.map(({ key }) => key), ...(stored.length < parsed.length ? digests : [])]);
  }
}
