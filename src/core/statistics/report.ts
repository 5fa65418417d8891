import { type Platform, PLATFORMS } from '@bellhop/contracts';
import type { DeliveryState } from '../notifications/delivery.entity.js';
import type { Count } from './tallies.js';

/** Where a push went; `unknown`: the vendor finds the devices, or there is none. */
export type ReportPlatform = Platform | 'unknown';
export const REPORT_PLATFORMS = [...PLATFORMS, 'unknown'] as const satisfies readonly ReportPlatform[];

/** Deliveries of one notification that agree in this. */
export interface DeliveryCount {
  readonly platform: ReportPlatform;
  readonly state: DeliveryState;
  /** The vendor finds the devices. */
  readonly delegated: boolean;
  readonly count: number;
}

/** First receipts of the delegated deliveries of one notification. */
export interface ReceiptCount {
  readonly platform: ReportPlatform;
  readonly kind: 'delivered' | 'opened';
  readonly count: number;
}

export interface Rates {
  /** Delivered ÷ pushed, 0 to 1; null when nothing was pushed, or when only the vendor knows to how many devices. */
  readonly deliveredRate: number | null;
  /** Opened ÷ delivered, 0 to 1; null when nothing was delivered. */
  readonly openRate: number | null;
}

/** `targeted` is the sum of pushed, skipped, failed, cancelled, unknown and pending. */
export interface ReportRow extends Record<Count | 'cancelled' | 'unknown' | 'pending', number>, Rates {
  /** Devices that could be reached when the notification was planned; null where nobody counted. */
  readonly reachable: number | null;
}

export interface Report {
  readonly platforms: Readonly<Record<ReportPlatform, ReportRow>>;
  readonly total: ReportRow;
  /** Deliveries that were handed to a vendor that finds the devices. */
  readonly delegated: number;
}

type Bucket = 'pushed' | 'skipped' | 'failed' | 'cancelled' | 'unknown' | 'pending';

const BUCKET: Readonly<Record<DeliveryState, Bucket>> = {
  queued: 'pending',
  sending: 'pending',
  held: 'pending',
  accepted: 'pushed',
  delivered: 'pushed',
  opened: 'pushed',
  skipped: 'skipped',
  failed: 'failed',
  expired: 'failed',
  dead: 'failed',
  unknown: 'unknown',
  cancelled: 'cancelled',
};

/** The figures of one notification. */
export function reportOf(
  deliveries: readonly DeliveryCount[],
  receipts: readonly ReceiptCount[],
  reachable: Readonly<Record<Platform, number>> | null,
): Report {
  const row = (platform: ReportPlatform, reach: number | null): ReportRow =>
    rowOf(
      deliveries.filter((one) => one.platform === platform),
      receipts.filter((one) => one.platform === platform),
      reach,
    );
  const platforms = {
    ios: row('ios', reachable?.ios ?? null),
    android: row('android', reachable?.android ?? null),
    unknown: row('unknown', null),
  };
  const total = rowOf(deliveries, receipts, reachable && reachable.ios + reachable.android);
  return { platforms, total, delegated: sum(deliveries.filter(({ delegated }) => delegated)) };
}

function rowOf(deliveries: readonly DeliveryCount[], receipts: readonly ReceiptCount[], reachable: number | null) {
  const inBucket = (bucket: Bucket): number => sum(deliveries.filter(({ state }) => BUCKET[state] === bucket));
  const pushed = inBucket('pushed');
  // Of a delegated delivery, its receipts tell more than its state: many devices stand behind it.
  const own = deliveries.filter(({ delegated }) => !delegated);
  const reported = (kind: ReceiptCount['kind']): number => sum(receipts.filter((receipt) => receipt.kind === kind));
  const opened = sum(own.filter(({ state }) => state === 'opened')) + reported('opened');
  const delivered = sum(own.filter(({ state }) => state === 'delivered' || state === 'opened')) + reported('delivered');
  const countable = own.length === deliveries.length && receipts.length === 0;
  return {
    reachable,
    targeted: sum(deliveries),
    pushed,
    skipped: inBucket('skipped'),
    failed: inBucket('failed'),
    cancelled: inBucket('cancelled'),
    unknown: inBucket('unknown'),
    pending: inBucket('pending'),
    delivered,
    opened,
    ...ratesOf({ pushed, delivered, opened }, countable),
  };
}

/** @param countable false: `pushed` does not count devices. */
export function ratesOf(
  counts: Readonly<Record<'pushed' | 'delivered' | 'opened', number>>,
  countable: boolean,
): Rates {
  return {
    deliveredRate: countable ? ratio(counts.delivered, counts.pushed) : null,
    openRate: ratio(counts.opened, counts.delivered),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sum(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((total, { count }) => total + count, 0);
}
