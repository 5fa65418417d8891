import { AppError, chunks, NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { type RoutableEvent, ROUTE_QUEUE, routeNudge } from '../routing/route.nudge.js';
import { EventsService } from './events.service.js';
import type { ReplayFilter, ReplayPage } from './replay.filter.js';

/** Events that one transaction puts back, and that a nudge names. */
const ROUTED_TOGETHER = 256;
/** Callbacks that are read at the same time: the store commits them together. */
const READ_TOGETHER = 16;
const FIRST = '00000000-0000-0000-0000-000000000000';

/** What became of the events that were meant. */
export interface Replayed {
  /** Events that the filter meets behind the beginning of the page. */
  readonly matched: number;
  /** They had been read, and wait to be routed. */
  readonly routed: number;
  /** Their callbacks have been read at last, and what they brought waits to be routed. */
  readonly read: number;
  /** Still of no use. */
  readonly unusable: number;
  /** Their bytes are gone. */
  readonly gone: number;
  /** Id behind which the rest begins; undefined: there is none. */
  readonly last: string | undefined;
}

// Those that were emptied because of a person have nothing left to handle.
const MEANT = `
  FROM inbound_event
  WHERE app_id = $1 AND received_at >= $2 AND received_at < $3 AND ($4::uuid IS NULL OR integration_id = $4)
    AND state = ANY($5::text[]) AND ($6::text IS NULL OR reason = $6) AND id > $7
    AND reason IS DISTINCT FROM 'user_erased'`;

const PAGE = `
  SELECT id, integration_id AS "integrationId", event IS NOT NULL AS readable ${MEANT} ORDER BY id LIMIT $8`;

const ROUTE = `
  UPDATE inbound_event SET state = 'accepted', reason = NULL, detail = NULL, settled_at = NULL
  WHERE app_id = $1 AND id = ANY($2::uuid[]) AND state = ANY($3::text[]) AND event IS NOT NULL
  RETURNING app_id AS "appId", id, integration_id AS "integrationId"`;

interface MeantEvent {
  readonly id: string;
  readonly integrationId: string;
  readonly readable: boolean;
}

type Fate = 'read' | 'unusable' | 'gone';

/** Handles many events once more: after a fix of an adapter, or once identities have been linked. */
@Injectable()
export class ReplayService {
  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly events: EventsService,
  ) {}

  async count(appId: string, filter: ReplayFilter, after?: string): Promise<number> {
    const [row] = await this.sql.query<{ count: number }>(
      `SELECT count(*)::int AS count ${MEANT}`,
      valuesOf(appId, filter, after),
    );
    return row?.count ?? 0;
  }

  /** One page, the oldest first. What has been put back stays put back whatever happens to the rest. */
  async replay(appId: string, filter: ReplayFilter, { after, limit }: ReplayPage): Promise<Replayed> {
    const matched = await this.count(appId, filter, after);
    const page = await this.sql.query<MeantEvent & object>(PAGE, [...valuesOf(appId, filter, after), limit]);
    const readable = page.filter((event) => event.readable).map(({ id }) => id);
    let routed = 0;
    for (const ids of chunks(readable, ROUTED_TOGETHER)) routed += await this.routeAgain(appId, ids, filter);
    const fates: Fate[] = [];
    for (const part of chunks(
      page.filter((event) => !event.readable),
      READ_TOGETHER,
    )) {
      fates.push(...(await Promise.all(part.map(({ id }) => this.readAgain(appId, id)))));
    }
    const of = (fate: Fate): number => fates.filter((one) => one === fate).length;
    const last = page.length === limit ? page.at(-1)?.id : undefined;
    return { matched, routed, read: of('read'), unusable: of('unusable'), gone: of('gone'), last };
  }

  private routeAgain(appId: string, ids: readonly string[], { states }: ReplayFilter): Promise<number> {
    return this.sql.transaction(async (tx) => {
      const events = await tx.query<RoutableEvent & object>(ROUTE, [appId, ids, states]);
      if (events.length > 0) await this.queue.enqueue(tx, ROUTE_QUEUE, [{ data: routeNudge(events) }]);
      return events.length;
    });
  }

  private async readAgain(appId: string, id: string): Promise<Fate> {
    try {
      await this.events.replay(appId, id);
      return 'read';
    } catch (error) {
      if (error instanceof NotFoundError) return 'gone';
      // A refusal of ours, whose words the event already has; anything else is an outage.
      if (error instanceof AppError && error.status < 500) return 'unusable';
      throw error;
    }
  }
}

function valuesOf(appId: string, filter: ReplayFilter, after: string | undefined): readonly unknown[] {
  const { from, to, integrationId, states, reason } = filter;
  return [appId, from, to, integrationId ?? null, states, reason ?? null, after ?? FIRST];
}
