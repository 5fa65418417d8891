import { ApiProperty } from '@nestjs/swagger';
import { TagsView } from '../audiences/tags.dto.js';
import { DeviceView } from '../devices/devices.dto.js';
import { DELIVERY_STATES } from '../notifications/delivery.entity.js';
import { RECEIPT_KINDS } from '../receipts/receipt.entity.js';
import { IdentityView } from '../users/identities.dto.js';
import { PreferencesView } from '../users/preferences.dto.js';
import { PresenceView } from '../users/presence.dto.js';
import { PERSONAL_TABLES } from './erasure-tally.js';

/** What an erasure did to one table. */
export class TableErasureView {
  @ApiProperty({ enum: PERSONAL_TABLES })
  readonly table: string;

  /** Rows that are gone. */
  @ApiProperty({ type: 'integer', example: 2 })
  readonly deleted: number;

  /** Rows that stay, for their figures or for others, without what told of the person. */
  @ApiProperty({ type: 'integer', example: 0 })
  readonly cleared: number;
}

/** What was erased: zeros where there was nothing, or nothing any more. */
export class ErasureView {
  readonly erasedAt: Date;

  /** Deliveries that had not been sent. */
  @ApiProperty({ type: 'integer', example: 1 })
  readonly cancelled: number;

  @ApiProperty({ type: [TableErasureView] })
  readonly tables: readonly TableErasureView[];
}

/** Tags that a vendor has yet to be given. */
export class ExportedTagMirror {
  @ApiProperty({ example: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly integrationId: string;

  @ApiProperty({ enum: ['waiting', 'failed'] })
  readonly state: string;

  readonly updatedAt: Date;
}

/** An event that tells of the person. */
export class ExportedEvent {
  @ApiProperty({ example: 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly integrationId: string;

  @ApiProperty({ type: String, nullable: true, example: 'conversation.message' })
  readonly kind: string | null;

  readonly receivedAt: Date;

  /** The canonical event, without the names of others whom it was meant for. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly event: object;
}

/** A callback that tells of nobody else, as its vendor sent it. */
export class ExportedCallback {
  readonly integrationId: string;

  readonly receivedAt: Date;

  readonly path: string;

  /** Parameters of its address. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly query: object;

  @ApiProperty({ format: 'byte' })
  readonly bodyBase64: string;
}

/** A notification that was to inform the person. */
export class ExportedDelivery {
  @ApiProperty({ example: 'dlv_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  @ApiProperty({ example: 'ntf_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly notificationId: string;

  readonly category: string;

  /** What was to be shown; `copy` by language. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly content: object;

  @ApiProperty({ type: String, nullable: true })
  readonly channel: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly deviceId: string | null;

  @ApiProperty({ enum: DELIVERY_STATES })
  readonly state: string;

  @ApiProperty({ type: String, nullable: true })
  readonly reason: string | null;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

/** A notification that names the person. */
export class ExportedNotification {
  @ApiProperty({ example: 'ntf_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly category: string;

  /** `copy` by language. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly content: object;

  readonly createdAt: Date;
}

export class ExportedReceipt {
  @ApiProperty({ example: 'dlv_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly deliveryId: string;

  @ApiProperty({ enum: RECEIPT_KINDS })
  readonly kind: string;

  readonly at: Date;
}

/** What a webhook told of the person. */
export class ExportedMessage {
  @ApiProperty({ example: 'whm_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  @ApiProperty({ example: 'receipt.opened' })
  readonly type: string;

  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly payload: object;

  readonly createdAt: Date;
}

/** Everything that is known of a person. The parts come in this order, so that a reader need not hold the whole. */
export class UserExport {
  /** @example 'u-1001' */
  readonly userId: string;

  readonly exportedAt: Date;

  @ApiProperty({ type: [IdentityView] })
  readonly identities: readonly IdentityView[];

  @ApiProperty({ type: [DeviceView] })
  readonly devices: readonly DeviceView[];

  readonly preferences: PreferencesView;

  @ApiProperty({ type: [PresenceView] })
  readonly presence: readonly PresenceView[];

  readonly tags: TagsView;

  @ApiProperty({ type: [ExportedTagMirror] })
  readonly tagMirror: readonly ExportedTagMirror[];

  @ApiProperty({ type: [ExportedEvent] })
  readonly events: readonly ExportedEvent[];

  @ApiProperty({ type: [ExportedCallback] })
  readonly callbacks: readonly ExportedCallback[];

  @ApiProperty({ type: [ExportedDelivery] })
  readonly deliveries: readonly ExportedDelivery[];

  @ApiProperty({ type: [ExportedNotification] })
  readonly notifications: readonly ExportedNotification[];

  @ApiProperty({ type: [ExportedReceipt] })
  readonly receipts: readonly ExportedReceipt[];

  @ApiProperty({ type: [ExportedMessage] })
  readonly webhookMessages: readonly ExportedMessage[];
}
