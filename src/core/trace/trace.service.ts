import { NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { idAfter, internalId, publicId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import type { Attempt, DeliveryState } from '../notifications/delivery.entity.js';

/** One thing that happened on the way of a message. */
export interface TraceStep {
  readonly at: Date;
  readonly stage: 'received' | 'routed' | 'planned' | 'attempt' | 'delivery';
  readonly text: string;
  /** What the step is about. */
  readonly subject: string;
  readonly state?: string;
  readonly reason?: string;
}

/** The way of a message from the received bytes to every device. */
export interface Trace {
  readonly eventIds: readonly string[];
  readonly notificationIds: readonly string[];
  /** In the order of time. */
  readonly steps: readonly TraceStep[];
  /** Deliveries that the trace leaves out; it shows the first {@link SHOWN}. */
  readonly omitted: number;
}

/** The ids of a callback and of its events are made within this time. */
const CALLBACK_MS = 5_000;

/** Deliveries per trace. */
const SHOWN = 200;

interface EventRow {
  id: string;
  plugin: string;
  kind: string | null;
  state: string;
  reason: string | null;
  detail: string | null;
  parse_mode: string;
  occurred_at: Date | null;
  received_at: Date;
  settled_at: Date | null;
}

interface NotificationRow {
  id: string;
  category: string;
  state: string;
  decisions: string[];
  target_count: number;
  created_at: Date;
}

interface DeliveryRow {
  id: string;
  channel: string | null;
  platform: string | null;
  user_id: string | null;
  state: DeliveryState;
  reason: string | null;
  attempts: Attempt[];
  created_at: Date;
  updated_at: Date;
}

/** The one query path behind every answer to "what happened to this message, and why?". */
@Injectable()
export class TraceService {
  constructor(private readonly sql: Sql) {}

  /**
   * @param id of an event, a notification or a delivery, in its public form.
   * @throws {NotFoundError}
   */
  async trace(appId: string, id: string): Promise<Trace> {
    const notificationId = await this.notificationOf(appId, id);
    const events = await this.events(appId, id.startsWith('evt_') ? internalId('evt', id) : undefined, notificationId);
    const notification = notificationId ? await this.notification(appId, notificationId) : undefined;
    if (events.length === 0 && !notification) throw new NotFoundError('The message');
    const deliveries = notification ? await this.deliveries(appId, notification.id) : [];
    const steps = [
      ...events.flatMap(eventSteps),
      ...(notification ? planSteps(notification) : []),
      ...deliveries.flatMap(deliverySteps),
    ];
    return {
      eventIds: events.map((event) => publicId('evt', event.id)),
      notificationIds: notification ? [publicId('ntf', notification.id)] : [],
      steps: steps.sort((a, b) => a.at.getTime() - b.at.getTime()),
      omitted: Math.max(0, (notification?.target_count ?? 0) - deliveries.length),
    };
  }

  private async notificationOf(appId: string, id: string): Promise<string | undefined> {
    if (id.startsWith('ntf_')) return internalId('ntf', id);
    const [table, prefix] = id.startsWith('dlv_')
      ? (['delivery', 'dlv'] as const)
      : (['inbound_event', 'evt'] as const);
    const [row] = await this.sql.query<{ notification_id: string | null }>(
      `SELECT notification_id FROM ${table} WHERE app_id = $1 AND id = $2`,
      [appId, internalId(prefix, id)],
    );
    return row?.notification_id ?? undefined;
  }

  /**
   * The event asked for, or the one that led to the notification, with all the others of its callback. Their ids were
   * made right after that of the callback, so they are found in a short range of the primary key.
   */
  private async events(appId: string, id: string | undefined, notificationId: string | undefined): Promise<EventRow[]> {
    const [source] = await this.sql.query<{ callback_id: string }>(
      `SELECT callback_id FROM inbound_event WHERE app_id = $1 AND id = coalesce($2::uuid,
         (SELECT event_id FROM notification WHERE app_id = $1 AND id = $3))`,
      [appId, id ?? null, notificationId ?? null],
    );
    if (!source) return [];
    return this.sql.query<EventRow>(
      `SELECT e.id, i.plugin, e.kind, e.state, e.reason, e.detail, e.parse_mode, e.occurred_at, e.received_at, e.settled_at
       FROM inbound_event e JOIN integration i ON i.app_id = e.app_id AND i.id = e.integration_id
       WHERE e.app_id = $1 AND e.callback_id = $2 AND e.id > $2 AND e.id < $3 ORDER BY e.id`,
      [appId, source.callback_id, idAfter(source.callback_id, CALLBACK_MS)],
    );
  }

  private async notification(appId: string, id: string): Promise<NotificationRow | undefined> {
    const [row] = await this.sql.query<NotificationRow>(
      `SELECT id, category, state, decisions, target_count, created_at FROM notification WHERE app_id = $1 AND id = $2`,
      [appId, id],
    );
    return row;
  }

  private deliveries(appId: string, notificationId: string): Promise<DeliveryRow[]> {
    return this.sql.query<DeliveryRow>(
      `SELECT id, channel, platform, user_id, state, reason, attempts, created_at, updated_at FROM delivery
       WHERE app_id = $1 AND notification_id = $2 ORDER BY id LIMIT ${SHOWN}`,
      [appId, notificationId],
    );
  }
}

function eventSteps(event: EventRow): TraceStep[] {
  const subject = publicId('evt', event.id);
  const tolerant = event.parse_mode === 'tolerant' ? ', repaired while reading' : '';
  const received: TraceStep = {
    at: event.received_at,
    stage: 'received',
    subject,
    text: `${event.plugin}: ${event.kind ?? 'unreadable callback'}${tolerant}`,
  };
  if (!event.settled_at) return [received];
  const { state, reason, detail } = event;
  const text = [state, reason && `(${reason})`, detail].filter(Boolean).join(' ');
  return [received, { at: event.settled_at, stage: 'routed', subject, text, state, ...(reason && { reason }) }];
}

function planSteps({ id, category, decisions, target_count, created_at: at }: NotificationRow): TraceStep[] {
  const subject = publicId('ntf', id);
  return [
    ...decisions.map((text): TraceStep => ({ at, stage: 'planned', subject, text })),
    { at, stage: 'planned', subject, text: `${category} for ${target_count} target${target_count === 1 ? '' : 's'}` },
  ];
}

function deliverySteps(delivery: DeliveryRow): TraceStep[] {
  const { channel, platform, user_id: user, state, reason, attempts } = delivery;
  const subject = publicId('dlv', delivery.id);
  const who = [channel ?? 'no channel', platform, user && `user ${user}`].filter(Boolean).join(' · ');
  const steps = attempts.map((attempt, i): TraceStep => attemptStep(attempt, i, subject, who));
  const settled = state === 'accepted' && attempts.length > 0;
  if (settled) return steps;
  const text = `${who}: ${state}${reason ? ` (${reason})` : ''}`;
  return [...steps, { at: delivery.updated_at, stage: 'delivery', subject, text, state, ...(reason && { reason }) }];
}

function attemptStep(attempt: Attempt, index: number, subject: string, who: string): TraceStep {
  const { outcome, reason, vendorCode, ms, possibleDuplicate } = attempt;
  const details = [
    reason && `(${[reason, vendorCode].filter(Boolean).join(', ')})`,
    ms !== undefined && `after ${ms} ms`,
    possibleDuplicate && 'possible duplicate',
  ];
  const text = [`${who}: attempt ${index + 1}`, outcome, ...details].filter(Boolean).join(' ');
  return { at: new Date(attempt.at), stage: 'attempt', subject, text, state: outcome, ...(reason && { reason }) };
}
