import { NotFoundError, UnprocessableError, accept } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type FindOptionsWhere, LessThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { IntegrationCache } from '../integrations/integration-cache.js';
import { ROUTE_QUEUE, routeNudge } from '../routing/route.nudge.js';
import { CallbackStore } from './callback-store.js';
import { InboundEventRow, type InboundEventState, InboundRaw } from './inbound-event.entity.js';
import { InboundService } from './inbound.service.js';
import { requestOf } from './replay.request.js';

export interface EventFilter {
  readonly state?: InboundEventState;
  readonly integrationId?: string;
  readonly kind?: string;
}

@Injectable()
export class EventsService {
  constructor(
    @InjectRepository(InboundEventRow) private readonly events: Repository<InboundEventRow>,
    @InjectRepository(InboundRaw) private readonly raw: Repository<InboundRaw>,
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly integrations: IntegrationCache,
    private readonly inbound: InboundService,
    private readonly store: CallbackStore,
  ) {}

  list(appId: string, filter: EventFilter, limit: number, before?: string): Promise<InboundEventRow[]> {
    const where: FindOptionsWhere<InboundEventRow> = { appId, ...filter, ...(before && { id: LessThan(before) }) };
    return this.events.find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** @throws {NotFoundError} */
  async get(appId: string, id: string): Promise<InboundEventRow> {
    const event = await this.events.findOneBy({ appId, id });
    if (!event) throw new NotFoundError('The event');
    return event;
  }

  /** The bytes of the callback the event came with. @throws {NotFoundError} when they are gone. */
  async rawOf(appId: string, id: string): Promise<InboundRaw> {
    const { callbackId } = await this.get(appId, id);
    const raw = await this.raw.findOneBy({ appId, callbackId });
    if (!raw) throw new NotFoundError('The body of the callback');
    return raw;
  }

  /**
   * Handles an event once more: one that was read is routed again, one that was not is parsed again from its bytes.
   * @throws {UnprocessableError} when it led to a notification already, or its bytes still cannot be read.
   */
  async replay(appId: string, id: string): Promise<InboundEventRow> {
    const event = await this.get(appId, id);
    if (event.state === 'routed' || event.state === 'accepted') {
      throw new UnprocessableError('event.not_replayable', `An event in state "${event.state}" is not replayed.`);
    }
    if (event.event) await this.routeAgain(event);
    else await this.parseAgain(event);
    return this.get(appId, id);
  }

  private async routeAgain(event: InboundEventRow): Promise<void> {
    const { appId, id } = event;
    await this.sql.transaction(async (tx) => {
      await tx.query(
        `UPDATE inbound_event SET state = 'accepted', reason = NULL, detail = NULL, settled_at = NULL
         WHERE app_id = $1 AND id = $2 AND state IN ('ignored', 'failed', 'quarantined')`,
        [appId, id],
      );
      await this.queue.enqueue(tx, ROUTE_QUEUE, [{ data: routeNudge([event]) }]);
    });
  }

  /** The bytes proved their origin when they were stored, so they are parsed as they are. */
  private async parseAgain(event: InboundEventRow): Promise<void> {
    const raw = await this.rawOf(event.appId, event.id);
    const integration = await this.integrations.find(event.integrationId);
    const adapter = integration?.plugin.inbound;
    if (!integration || !adapter) throw new NotFoundError('The plugin of the event');
    const draft = this.inbound.draft(integration, adapter, accept(requestOf(raw)), raw.receivedAt);
    const [first] = draft.events;
    if (!first || first.state !== 'accepted') {
      throw new UnprocessableError(
        'event.still_unreadable',
        `The callback still cannot be used: ${first?.reason ?? 'empty'}.`,
      );
    }
    const { outcome } = await this.store.store(draft);
    if (outcome === 'refused') {
      throw new UnprocessableError('event.still_unreadable', 'The database does not take the events of the callback.');
    }
    await this.sql.query(
      `UPDATE inbound_event SET state = 'routed', reason = 'replayed', settled_at = $3 WHERE app_id = $1 AND id = $2`,
      [event.appId, event.id, this.clock.now()],
    );
  }
}
