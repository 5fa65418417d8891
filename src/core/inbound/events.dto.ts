import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf, PageQuery } from '../../platform/pagination.js';
import type { InboundEventRow, InboundEventState } from './inbound-event.entity.js';

const STATES = ['accepted', 'routed', 'ignored', 'quarantined', 'failed'] as const;

export class EventQuery extends PageQuery {
  /** `quarantined` lists the callbacks that could not be used. */
  @ApiPropertyOptional({ enum: STATES })
  @IsOptional()
  @IsIn(STATES)
  state?: InboundEventState;

  @ApiPropertyOptional({ example: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  @IsOptional()
  @Matches(/^int_[0-9a-f]{32}$/, { message: 'must be an integration id' })
  integrationId?: string;

  @ApiPropertyOptional({ example: 'conversation.message' })
  @IsOptional()
  @Matches(/^[a-z0-9_.-]{1,64}$/, { message: 'must be an event kind' })
  kind?: string;
}

export class EventView {
  @ApiProperty({ example: 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly integrationId: string;

  /** Null when the callback could not be read. */
  @ApiProperty({ type: String, nullable: true, example: 'conversation.message' })
  readonly kind: string | null;

  @ApiProperty({ enum: STATES })
  readonly state: string;

  @ApiProperty({ type: String, nullable: true })
  readonly reason: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly detail: string | null;

  /** `tolerant`: the body broke its own grammar and was repaired. */
  @ApiProperty({ enum: ['strict', 'tolerant'] })
  readonly parseMode: string;

  /** The canonical event. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  readonly event: object | null;

  @ApiProperty({ type: String, nullable: true })
  readonly notificationId: string | null;

  @ApiProperty({ type: Date, nullable: true })
  readonly occurredAt: Date | null;

  readonly receivedAt: Date;

  @ApiProperty({ type: Date, nullable: true })
  readonly settledAt: Date | null;
}

export class EventPage extends PageOf(EventView) {}

export class RawCallbackView {
  readonly method: string;

  readonly path: string;

  /** The bytes as they were verified. */
  @ApiProperty({ format: 'byte' })
  readonly bodyBase64: string;

  readonly receivedAt: Date;
}

export function eventView(row: InboundEventRow): EventView {
  const { kind, state, reason, detail, parseMode, event, occurredAt, receivedAt, settledAt } = row;
  return {
    id: publicId('evt', row.id),
    integrationId: publicId('int', row.integrationId),
    kind,
    state,
    reason,
    detail,
    parseMode,
    // Addresses of devices are secrets.
    event: event && {
      ...event,
      recipient: { ...event.recipient, devices: event.recipient.devices.map(({ platform }) => ({ platform })) },
    },
    notificationId: row.notificationId && publicId('ntf', row.notificationId),
    occurredAt,
    receivedAt,
    settledAt,
  };
}
