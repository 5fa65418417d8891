import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf } from '../../platform/pagination.js';
import { type Attempt, type Delivery, DELIVERY_STATES } from './delivery.entity.js';
import type { Notification } from './notification.entity.js';
import type { DeliveryCounts } from './notifications.service.js';

/** Seconds; four weeks, which is as long as any gateway keeps a message. */
export const MAX_TTL = 2_419_200;

export class RetryDeliveryBody {
  /** Seconds that the message stays useful from now on. */
  @ApiPropertyOptional({ type: 'integer', minimum: 60, maximum: MAX_TTL, default: 86400 })
  @IsInt()
  @Min(60)
  @Max(MAX_TTL)
  ttlSeconds: number = 86_400;
}

export class NotificationView {
  @ApiProperty({ example: 'ntf_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  @ApiProperty({ enum: ['event', 'api'] })
  readonly source: string;

  @ApiProperty({ type: String, nullable: true })
  readonly eventId: string | null;

  /** The integration it goes through; null: each device's own gateway. */
  @ApiProperty({ type: String, nullable: true })
  readonly channel: string | null;

  readonly category: string;

  @ApiProperty({ enum: ['scheduled', 'planning', 'sending', 'done', 'cancelled'] })
  readonly state: string;

  @ApiProperty({ enum: ['high', 'normal'] })
  readonly priority: string;

  /** What is shown; `copy` by language. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly content: object;

  /** Who is to be informed; absent conditions are left out. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly audience: object;

  /** When it is sent; null: at once. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  readonly schedule: object | null;

  @ApiProperty({ type: Date, nullable: true })
  readonly startsAt: Date | null;

  /** Since when nothing of it is planned or sent; null: it is not paused. */
  @ApiProperty({ type: Date, nullable: true })
  readonly pausedAt: Date | null;

  /** When a cancel was asked for; the state says `cancelled` once nothing is in flight any more. */
  @ApiProperty({ type: Date, nullable: true })
  readonly cancelledAt: Date | null;

  /** Deliveries planned so far, skipped ones included. */
  @ApiProperty({ type: 'integer' })
  readonly targets: number;

  /** Deliveries that have not ended. */
  @ApiProperty({ type: 'integer' })
  readonly pending: number;

  readonly expiresAt: Date;

  readonly createdAt: Date;

  @ApiProperty({ type: Date, nullable: true })
  readonly doneAt: Date | null;
}

export class NotificationWithCounts extends NotificationView {
  /** Deliveries by state, and by reason where there is one. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly counts: DeliveryCounts;
}

export class NotificationPage extends PageOf(NotificationView) {}

export class DeliveryView {
  @ApiProperty({ example: 'dlv_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly notificationId: string;

  @ApiProperty({ type: String, nullable: true })
  readonly integrationId: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly channel: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly deviceId: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly userId: string | null;

  @ApiProperty({ enum: DELIVERY_STATES })
  readonly state: string;

  /** What the vendor is asked to reach, where it finds the devices itself. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  readonly target: object | null;

  /** Stable code; there is one for every state that is not `queued`, `sending`, `accepted`, `delivered` or `opened`. */
  @ApiProperty({ type: String, nullable: true })
  readonly reason: string | null;

  /** Words for operators, beside the reason. */
  @ApiProperty({ type: String, nullable: true })
  readonly detail: string | null;

  /** Every call to the gateway, oldest first. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  readonly attempts: readonly Attempt[];

  @ApiProperty({ type: Date, nullable: true })
  readonly notBefore: Date | null;

  @ApiProperty({ type: String, nullable: true })
  readonly vendorMessageId: string | null;

  readonly expiresAt: Date;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

export class DeliveryPage extends PageOf(DeliveryView) {}

export function notificationView(row: Notification): NotificationView {
  return {
    id: publicId('ntf', row.id),
    source: row.source,
    eventId: row.eventId && publicId('evt', row.eventId),
    channel: row.channelId && publicId('int', row.channelId),
    category: row.category,
    state: row.state,
    priority: row.priority,
    content: row.content,
    audience: row.audience,
    schedule: row.schedule,
    startsAt: row.startsAt,
    pausedAt: row.pausedAt,
    cancelledAt: row.cancelledAt,
    targets: row.targetCount,
    pending: row.pendingCount,
    expiresAt: row.expiresAt,
    createdAt: row.createdAt,
    doneAt: row.doneAt,
  };
}

export function deliveryView(row: Delivery): DeliveryView {
  const {
    channel,
    userId,
    target,
    state,
    reason,
    detail,
    attempts,
    notBefore,
    vendorMessageId,
    expiresAt,
    createdAt,
    updatedAt,
  } = row;
  return {
    id: publicId('dlv', row.id),
    notificationId: publicId('ntf', row.notificationId),
    integrationId: row.integrationId && publicId('int', row.integrationId),
    channel,
    deviceId: row.deviceId && publicId('dev', row.deviceId),
    userId,
    state,
    target,
    reason,
    detail,
    attempts,
    notBefore,
    vendorMessageId,
    expiresAt,
    createdAt,
    updatedAt,
  };
}
