import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayNotEmpty, ArrayUnique, IsBoolean, IsIn, IsOptional, Length, Matches } from 'class-validator';
import { IsMoment, IsPrintable } from '../../platform/validators.js';
import { OUT_OF_USE, type OutOfUse, type RestoreFilter } from './device-restore.js';

/** Which devices are to be used again. */
export class RestoreDevicesBody {
  /** Taken out of use at this moment or later: `stateChangedAt` of the devices. */
  @ApiProperty({ format: 'date-time', example: '2026-11-20T08:00:00Z' })
  @IsMoment()
  from: string;

  /** And before this moment. Absent: until now. */
  @ApiPropertyOptional({ format: 'date-time', example: '2026-11-20T12:00:00Z' })
  @IsOptional()
  @IsMoment()
  to?: string;

  @ApiPropertyOptional({ enum: OUT_OF_USE, isArray: true, default: OUT_OF_USE })
  @IsIn(OUT_OF_USE, { each: true })
  @ArrayUnique()
  @ArrayNotEmpty()
  states: OutOfUse[] = [...OUT_OF_USE];

  /** `stateReason` of the devices. Absent: whatever it was. */
  @ApiPropertyOptional({ example: 'token.unregistered' })
  @IsOptional()
  @Length(1, 128)
  @IsPrintable()
  reason?: string;

  /** Plugin id of the channel that reaches them. */
  @ApiPropertyOptional({ example: 'apns' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9-]{0,63}$/, { message: 'must be the id of a channel' })
  gateway?: string;

  /** Counts what is meant, and changes nothing. */
  @ApiPropertyOptional()
  @IsBoolean()
  dryRun: boolean = false;
}

export class RestoreView {
  readonly dryRun: boolean;

  /** Devices that the request met. */
  @ApiProperty({ type: 'integer', example: 1200 })
  readonly matched: number;

  /** Devices that are in use again. Those that an app registered meanwhile are as well, and not counted. */
  @ApiProperty({ type: 'integer', example: 1200 })
  readonly restored: number;
}

/** @param now of our clock. */
export function restoreFilter({ from, to, states, reason, gateway }: RestoreDevicesBody, now: Date): RestoreFilter {
  return {
    states,
    from: new Date(from),
    // To the millisecond: what changed at this very moment is meant as well.
    to: to ? new Date(to) : new Date(now.getTime() + 1),
    ...(reason && { reason }),
    ...(gateway && { gateway }),
  };
}
