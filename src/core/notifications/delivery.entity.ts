import type { OutcomeKind, Platform, Target } from '@bellhop/contracts';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Priority } from './notification.entity.js';

export const DELIVERY_STATES = [
  'queued',
  'sending',
  'accepted',
  'delivered',
  'opened',
  'skipped',
  'failed',
  'expired',
  'held',
  'unknown',
  'dead',
  'cancelled',
] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One call to a gateway and its answer. Short names: a delivery row carries all its attempts. */
export interface Attempt {
  /** ISO 8601, when the answer was known. */
  readonly at: string;
  readonly outcome: OutcomeKind;
  readonly reason?: string;
  readonly vendorCode?: string;
  readonly detail?: string;
  /** Milliseconds from hand-over to answer of the batch. */
  readonly ms?: number;
  /** The call before this one was cut short, so the device may show the message twice. */
  readonly possibleDuplicate?: true;
}

/**
 * A notification for one target through one channel. Partitioned by the month of its id. No index names a column that a
 * claim or a result changes, so that both updates stay on the row's page.
 */
@Entity('delivery')
@Index('delivery_notification', ['appId', 'notificationId', 'id'], { where: 'notification_id IS NOT NULL' })
@Index('delivery_held', ['appId', 'integrationId', 'id'], { where: 'held_at IS NOT NULL' })
@Index('delivery_lost', ['appId', 'lostAt', 'id'], { where: 'lost_at IS NOT NULL' })
export class Delivery {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'notification_id' })
  notificationId: string;

  /** The channel's integration; null when none serves the target. */
  @Column('uuid', { name: 'integration_id', nullable: true })
  integrationId: string | null;

  /** Plugin id of the channel. */
  @Column('text', { nullable: true })
  channel: string | null;

  @Column('uuid', { name: 'device_id', nullable: true })
  deviceId: string | null;

  /** What the vendor is asked to reach, where it finds the devices itself. */
  @Column('jsonb', { nullable: true })
  target: Exclude<Target, { kind: 'device' }> | null;

  @Column('text', { name: 'user_id', nullable: true })
  userId: string | null;

  @Column('text', { nullable: true })
  platform: Platform | null;

  @Column('text')
  locale: string;

  @Column('text')
  priority: Priority;

  @Column('text')
  state: DeliveryState;

  /** Stable code; never null for a state that is not `queued`, `sending`, `accepted`, `delivered` or `opened`. */
  @Column('text', { nullable: true })
  reason: string | null;

  @Column('text', { nullable: true })
  detail: string | null;

  @Column('jsonb', { default: [] })
  attempts: Attempt[];

  @Column('smallint', { name: 'attempt_count', default: 0 })
  attemptCount: number;

  /** Grows with every claim; a result under an older number is not written. */
  @Column('integer', { default: 0 })
  fence: number;

  @Column('timestamptz', { name: 'not_before', nullable: true })
  notBefore: Date | null;

  /** Since when it is `held`; null in every other state. */
  @Column('timestamptz', { name: 'held_at', nullable: true })
  heldAt: Date | null;

  /**
   * Since when it is `dead`, `failed`, `expired` or `unknown`; null in every other state. A trigger sees to it where a
   * statement does not, so that no dead letter is overlooked.
   */
  @Column('timestamptz', { name: 'lost_at', nullable: true })
  lostAt: Date | null;

  @Column('text', { name: 'vendor_message_id', nullable: true })
  vendorMessageId: string | null;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
