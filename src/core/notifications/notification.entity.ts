import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Audience, Content } from './content.js';

export type NotificationState = 'scheduled' | 'planning' | 'sending' | 'done' | 'cancelled';
export type Priority = 'high' | 'normal';

/** One request to inform: out of an event, or asked for over the API. */
@Entity('notification')
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

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'done_at', nullable: true })
  doneAt: Date | null;
}
