import type { Platform } from '@bellhop/contracts';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Schedule } from '../broadcasts/schedule.js';
import type { Audience, Content } from './content.js';

export type NotificationState = 'scheduled' | 'planning' | 'sending' | 'done' | 'cancelled';
export type Priority = 'high' | 'normal';
/** What becomes of a call for which a vendor's quota has no room. */
export type OnQuota = 'hold' | 'reject';

/** One request to inform: out of an event, or asked for over the API. */
@Entity('notification')
@Index('notification_unplanned', { synchronize: false })
@Index('notification_cancelling', { synchronize: false })
@Index('notification_open', { synchronize: false })
export class Notification {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  source: 'event' | 'api';

  @Column('uuid', { name: 'event_id', nullable: true })
  eventId: string | null;

  /** The integration whose event caused it. */
  @Column('uuid', { name: 'integration_id', nullable: true })
  integrationId: string | null;

  /** What people opt out of: the event kind, or the caller's word. */
  @Column('text')
  category: string;

  /** What is shown, per locale. */
  @Column('jsonb')
  content: Content;

  @Column('jsonb')
  audience: Audience;

  /** Why these people and devices: one line per step of routing. */
  @Column('jsonb', { default: [] })
  decisions: string[];

  @Column('text')
  priority: Priority;

  @Column('text')
  state: NotificationState;

  /** Deliveries, skipped ones included. */
  @Column('integer', { name: 'target_count', default: 0 })
  targetCount: number;

  /** Deliveries that have not ended. */
  @Column('integer', { name: 'pending_count', default: 0 })
  pendingCount: number;

  /** The one channel it goes through; null: each device's own gateway. */
  @Column('uuid', { name: 'channel_id', nullable: true })
  channelId: string | null;

  /** Overrides do-not-disturb and mutes. */
  @Column('boolean', { default: false })
  forced: boolean;

  /** Language of devices that name none; null: the app's. */
  @Column('text', { nullable: true })
  locale: string | null;

  @Column('text', { name: 'on_quota', default: 'hold' })
  onQuota: OnQuota;

  @Column('jsonb', { nullable: true })
  schedule: Schedule | null;

  /** When planning begins; null: it was planned as it was written. */
  @Column('timestamptz', { name: 'starts_at', nullable: true })
  startsAt: Date | null;

  /** How long a delivery stays useful once it may be sent; null: until `expiresAt`. */
  @Column('integer', { name: 'ttl_seconds', nullable: true })
  ttlSeconds: number | null;

  /** Nothing is claimed from then on until it is resumed. */
  @Column('timestamptz', { name: 'paused_at', nullable: true })
  pausedAt: Date | null;

  /** Nothing is claimed from then on; the state says `cancelled` once nothing is in flight any more. */
  @Column('timestamptz', { name: 'cancelled_at', nullable: true })
  cancelledAt: Date | null;

  /** Last key of the audience that has been planned. */
  @Column('text', { name: 'planned_until', nullable: true })
  plannedUntil: string | null;

  /** When planning last moved on or a delivery last ended, so that a lost nudge is noticed. */
  @Column('timestamptz', { name: 'touched_at', nullable: true })
  touchedAt: Date | null;

  /** Devices seen within 30 days when planning began, by platform. */
  @Column('jsonb', { nullable: true })
  reachable: Readonly<Record<Platform, number>> | null;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'done_at', nullable: true })
  doneAt: Date | null;
}
