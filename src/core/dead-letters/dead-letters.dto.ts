import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, Length, Matches, Max, Min } from 'class-validator';
import { internalId, publicId } from '../../platform/ids.js';
import { IsMoment, IsPrintable } from '../../platform/validators.js';
import { MAX_TTL } from '../notifications/notifications.dto.js';
import { type DeadLetterFilter, LOST_STATES, type LostState } from './dead-letter-filter.js';
import type { DeadEvents, DeadLetters } from './dead-letters.service.js';
import type { Redriven } from './redrive.service.js';

/** What is looked at when nobody says since when. */
const WINDOW_MS = 7 * 86_400_000;
const EXAMPLE_INTEGRATION = 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617';

/** Which dead letters; the same in a query and in a body. */
export class DeadLetterQuery {
  /**
   * `dead`: out of attempts. `failed`: refused for good. `expired`: too late. `unknown`: a vendor that finds the devices
   * itself may have told them or not.
   */
  @ApiPropertyOptional({ enum: LOST_STATES, default: 'dead' })
  @IsIn(LOST_STATES)
  state: LostState = 'dead';

  @ApiPropertyOptional({ example: 'gateway.unavailable' })
  @IsOptional()
  @Length(1, 128)
  @IsPrintable()
  reason?: string;

  /** Plugin id. */
  @ApiPropertyOptional({ example: 'apns' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9-]{0,63}$/, { message: 'must be the id of a channel' })
  channel?: string;

  @ApiPropertyOptional({ example: EXAMPLE_INTEGRATION })
  @IsOptional()
  @Matches(/^int_[0-9a-f]{32}$/, { message: 'must be an integration id' })
  integrationId?: string;

  /** Lost at this moment or later. Absent: within seven days. */
  @ApiPropertyOptional({ format: 'date-time', example: '2026-11-20T08:00:00Z' })
  @IsOptional()
  @IsMoment()
  from?: string;

  /** Lost before this moment. */
  @ApiPropertyOptional({ format: 'date-time', example: '2026-11-20T12:00:00Z' })
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** What is to be sent once more, and how fast. */
export class RedriveBody extends DeadLetterQuery {
  /** Counts what is meant, and changes nothing. */
  @ApiPropertyOptional()
  @IsBoolean()
  dryRun: boolean = false;

  /** Deliveries that may go out within a second. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 10_000, default: 100 })
  @IsInt()
  @Min(1)
  @Max(10_000)
  perSecond: number = 100;

  /** Deliveries of this call; the reply says how many are left. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 100_000, default: 10_000 })
  @IsInt()
  @Min(1)
  @Max(100_000)
  limit: number = 10_000;

  /** When the first ones may go; the `until` of the call before, to go on behind it. Absent, or over: now. */
  @ApiPropertyOptional({ format: 'date-time', example: '2026-11-20T13:00:00Z' })
  @IsOptional()
  @IsMoment()
  startAt?: string;

  /** Seconds that a message stays useful once it may go. */
  @ApiPropertyOptional({ type: 'integer', minimum: 60, maximum: MAX_TTL, default: 86_400 })
  @IsInt()
  @Min(60)
  @Max(MAX_TTL)
  ttlSeconds: number = 86_400;
}

/** Deliveries that were lost for the same cause. */
export class DeadLetterGroup {
  @ApiProperty({ enum: LOST_STATES })
  readonly state: string;

  @ApiProperty({ type: String, nullable: true, example: 'gateway.unavailable' })
  readonly reason: string | null;

  /** Plugin id. */
  @ApiProperty({ type: String, nullable: true, example: 'apns' })
  readonly channel: string | null;

  @ApiProperty({ type: String, nullable: true, example: EXAMPLE_INTEGRATION })
  readonly integrationId: string | null;

  @ApiProperty({ type: 'integer', example: 42 })
  readonly count: number;

  /** When the first of them was lost. */
  readonly oldest: Date;

  /** When the last of them was lost. */
  readonly newest: Date;

  /** The delivery that was created last. */
  @ApiProperty({ example: 'dlv_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly sample: string;
}

/** Events of one cause that led to nothing. */
export class DeadEventGroup {
  @ApiProperty({ enum: ['quarantined', 'failed'] })
  readonly state: string;

  @ApiProperty({ type: String, nullable: true, example: 'kf5.body_not_json' })
  readonly reason: string | null;

  @ApiProperty({ example: EXAMPLE_INTEGRATION })
  readonly integrationId: string;

  @ApiProperty({ type: 'integer', example: 3 })
  readonly count: number;

  /** When the first of them came. */
  readonly oldest: Date;

  /** When the last of them came. */
  readonly newest: Date;

  /** The one that came last. */
  @ApiProperty({ example: 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly sample: string;
}

/** By cause, the largest group first; at most 500 groups of each kind. */
export class DeadLetterList {
  @ApiProperty({ type: [DeadLetterGroup] })
  readonly deliveries: readonly DeadLetterGroup[];

  /** Callbacks that could not be used, and events that could not be routed. `state` and `channel` do not bear on them. */
  @ApiProperty({ type: [DeadEventGroup] })
  readonly events: readonly DeadEventGroup[];
}

/** What was put back into the queue. */
export class RedriveView {
  readonly dryRun: boolean;

  /** Deliveries that the filter met before the call. Those of cancelled notifications are never meant. */
  @ApiProperty({ type: 'integer', example: 42 })
  readonly matched: number;

  @ApiProperty({ type: 'integer', example: 42 })
  readonly redriven: number;

  /** What the limit left over. */
  @ApiProperty({ type: 'integer', example: 0 })
  readonly remaining: number;

  /** From then on the rate has room again; null when nothing was redriven. */
  @ApiProperty({ type: Date, nullable: true })
  readonly until: Date | null;
}

/** @param now of our clock. */
export function filterOf(query: DeadLetterQuery, now: Date): DeadLetterFilter {
  const { state, reason, channel, integrationId, from, to } = query;
  return {
    state,
    reason: reason ?? undefined,
    channel: channel ?? undefined,
    integrationId: integrationId ? internalId('int', integrationId) : undefined,
    from: from ? new Date(from) : new Date(now.getTime() - WINDOW_MS),
    to: to ? new Date(to) : undefined,
  };
}

export function deadLetterGroup(group: DeadLetters): DeadLetterGroup {
  const integrationId = group.integrationId && publicId('int', group.integrationId);
  return { ...group, integrationId, sample: publicId('dlv', group.sample) };
}

export function deadEventGroup(group: DeadEvents): DeadEventGroup {
  return { ...group, integrationId: publicId('int', group.integrationId), sample: publicId('evt', group.sample) };
}

export function redriveView({ matched, redriven, until }: Redriven, dryRun: boolean): RedriveView {
  return { dryRun, matched, redriven, remaining: Math.max(0, matched - redriven), until };
}
