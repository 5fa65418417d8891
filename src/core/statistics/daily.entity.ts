import type { Platform } from '@bellhop/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What became of the deliveries that were made on one day. Counts are integers, which the driver returns as text. */
@Entity('delivery_daily')
export class DeliveryDaily {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  /** `YYYY-MM-DD` in the time zone of the app. */
  @PrimaryColumn('date')
  day: string;

  /** Plugin id of the channel; `none` where no channel serves the target. */
  @PrimaryColumn('text')
  channel: string;

  /** `unknown` where the vendor finds the devices, or there is none. */
  @PrimaryColumn('text')
  platform: Platform | 'unknown';

  @Column('bigint', { default: 0 })
  targeted: string;

  @Column('bigint', { default: 0 })
  pushed: string;

  @Column('bigint', { default: 0 })
  skipped: string;

  @Column('bigint', { default: 0 })
  failed: string;

  @Column('bigint', { default: 0 })
  delivered: string;

  @Column('bigint', { default: 0 })
  opened: string;
}

/** Devices that could be reached on one day. */
@Entity('reach_daily')
export class ReachDaily {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  /** `YYYY-MM-DD` in the time zone of the app. */
  @PrimaryColumn('date')
  day: string;

  @PrimaryColumn('text')
  platform: Platform;

  /** Active devices that were seen within 30 days, as last counted on that day. */
  @Column('integer')
  reachable: number;

  /** Null on days of before it was kept. */
  @Column('timestamptz', { name: 'counted_at', nullable: true })
  countedAt: Date | null;
}
