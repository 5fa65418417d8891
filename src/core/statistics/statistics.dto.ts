import { isCalendarDay } from '../../platform/validators.js';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches, ValidateBy } from 'class-validator';
import { REPORT_PLATFORMS, type ReportPlatform } from './report.js';

/** A calendar day `YYYY-MM-DD`. */
function IsDay(): PropertyDecorator {
  return ValidateBy({
    name: 'isDay',
    validator: { validate: isDay, defaultMessage: () => 'must be a day, for instance 2026-11-20' },
  });
}

const isDay = (value: unknown): boolean => typeof value === 'string' && value.startsWith('20') && isCalendarDay(value);

export class DailyQuery {
  /** First day, in the time zone of the app. */
  @ApiProperty({ format: 'date', example: '2026-11-01' })
  @IsDay()
  from: string;

  /** Last day; at most 92 days in all. */
  @ApiProperty({ format: 'date', example: '2026-11-30' })
  @IsDay()
  to: string;

  /** Plugin id of a channel; `none`: people and devices that no channel serves. */
  @ApiPropertyOptional({ example: 'apns' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9-]{0,63}$/, { message: 'must be the id of a channel' })
  channel?: string;
}

class CountsView {
  /** Deliveries, skipped ones included. */
  @ApiProperty({ type: 'integer' })
  readonly targeted: number;

  /** Accepted by the gateway; what a device has confirmed counts as well. */
  @ApiProperty({ type: 'integer' })
  readonly pushed: number;

  /** Not sent, for a reason that routing found. */
  @ApiProperty({ type: 'integer' })
  readonly skipped: number;

  /** Refused, expired, or given up. */
  @ApiProperty({ type: 'integer' })
  readonly failed: number;

  /** Confirmed by the device. */
  @ApiProperty({ type: 'integer' })
  readonly delivered: number;

  /** Opened by the person; such a push counts as delivered, too. */
  @ApiProperty({ type: 'integer' })
  readonly opened: number;

  /** Delivered ÷ pushed; null when nothing was pushed, or when only the vendor knows to how many devices. */
  @ApiProperty({ type: Number, nullable: true, minimum: 0, maximum: 1 })
  readonly deliveredRate: number | null;

  /** Opened ÷ delivered; null when nothing was delivered. */
  @ApiProperty({ type: Number, nullable: true, minimum: 0, maximum: 1 })
  readonly openRate: number | null;
}

export class ReportRowView extends CountsView {
  /** Devices that could be reached when the notification was planned; null where nobody counted. */
  @ApiProperty({ type: 'integer', nullable: true })
  readonly reachable: number | null;

  @ApiProperty({ type: 'integer' })
  readonly cancelled: number;

  /** Left us, fate not known. */
  @ApiProperty({ type: 'integer' })
  readonly unknown: number;

  /** Not sent yet. */
  @ApiProperty({ type: 'integer' })
  readonly pending: number;
}

export class ReportPlatformsView {
  @ApiProperty({ type: ReportRowView })
  readonly ios: ReportRowView;

  @ApiProperty({ type: ReportRowView })
  readonly android: ReportRowView;

  /** People without a device, and deliveries whose devices only the vendor knows. */
  @ApiProperty({ type: ReportRowView })
  readonly unknown: ReportRowView;
}

export class NotificationReportView {
  @ApiProperty({ example: 'ntf_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly notificationId: string;

  @ApiProperty({ type: ReportPlatformsView })
  readonly platforms: ReportPlatformsView;

  @ApiProperty({ type: ReportRowView })
  readonly total: ReportRowView;

  /**
   * Deliveries that a vendor took for people whose devices it finds itself: receipts count under the platform of the
   * app that sent them.
   */
  @ApiProperty({ type: 'integer' })
  readonly delegated: number;
}

export class DailyRowView extends CountsView {
  /** Plugin id; `none`: no channel serves the target. */
  @ApiProperty({ example: 'apns' })
  readonly channel: string;

  @ApiProperty({ enum: REPORT_PLATFORMS })
  readonly platform: ReportPlatform;
}

export class ReachView {
  @ApiProperty({ type: 'integer' })
  readonly ios: number;

  @ApiProperty({ type: 'integer' })
  readonly android: number;
}

export class DayView {
  /** In the time zone of the app. Everything counts for the day on which its delivery was created. */
  @ApiProperty({ format: 'date', example: '2026-11-20' })
  readonly day: string;

  /** Active devices that were seen in the 30 days before; null for a day on which nobody counted. */
  @ApiProperty({ type: ReachView, nullable: true })
  readonly reachable: ReachView | null;

  @ApiProperty({ type: [DailyRowView] })
  readonly rows: readonly DailyRowView[];
}

export class DailyStatisticsView {
  /** Oldest first; days without any figure are left out. */
  @ApiProperty({ type: [DayView] })
  readonly data: readonly DayView[];
}
