import type { Environment } from '../../platform/env.js';

/** How long something is kept, in days; 0: for ever. */
type Days = (environment: Environment) => number;

/** Rows that go one by one, in the order of their key and app by app. */
export interface RowTier {
  readonly table: string;
  readonly days: Days;
  /** Last column of the part of the key that tells the age, behind `app_id`. */
  readonly key: string;
  /** `id`: a UUIDv7. `day`: a date. */
  readonly age: 'id' | 'day';
  /** What else must hold for a row to go; `t` is the row, `$4` the moment before which it is too old. */
  readonly ended: string;
}

/** Rows that go with their partition, by ranges of a UUIDv7. */
export interface PartitionTier {
  readonly table: string;
  readonly days: Days;
  /** Column of the key. */
  readonly key: string;
  /**
   * What must stay, as SQL that is true when there is any: `part` is the name of the partition, `until` the id behind it.
   * The first one may take its time, the second one is asked while nobody else can use the table.
   */
  readonly open: (part: string, until: string) => readonly [slow: string, quick: string];
  /** What else must hold for a row of the default partition to go. */
  readonly ended: string;
}

const OPEN = `('queued', 'sending', 'held')`;

export const PARTITION_TIERS: readonly PartitionTier[] = [
  {
    table: 'inbound_raw',
    days: ({ rawDays }) => rawDays,
    key: 'callback_id',
    // What waits to be routed may have to be read again.
    open: (_part, until) => {
      const waiting = `EXISTS (SELECT FROM inbound_event WHERE state = 'accepted' AND id < '${until}')`;
      return [waiting, waiting];
    },
    ended: `NOT EXISTS (
      SELECT FROM inbound_event e
      WHERE e.app_id = t.app_id AND e.callback_id = t.callback_id AND e.state = 'accepted')`,
  },
  {
    table: 'delivery',
    days: ({ deliveryDays }) => deliveryDays,
    key: 'id',
    open: (part) => [
      `EXISTS (SELECT FROM ${part} WHERE state IN ${OPEN})`,
      // Somebody may have sent one of them once more since.
      `EXISTS (SELECT FROM notification n JOIN ${part} d ON d.app_id = n.app_id AND d.notification_id = n.id
               WHERE n.state = 'sending' AND d.state IN ${OPEN})`,
    ],
    ended: `t.state NOT IN ${OPEN}`,
  },
];

export const ROW_TIERS: readonly RowTier[] = [
  {
    table: 'inbound_event',
    days: ({ eventDays }) => eventDays,
    key: 'id',
    age: 'id',
    ended: `t.state <> 'accepted' AND t.received_at < $4`,
  },
  {
    table: 'notification',
    days: ({ notificationDays }) => notificationDays,
    key: 'id',
    age: 'id',
    // It goes after its deliveries, and never before a receipt or a report can miss it.
    ended: `t.state IN ('done', 'cancelled') AND coalesce(t.done_at, t.created_at) < $4
            AND NOT EXISTS (SELECT FROM delivery d WHERE d.app_id = t.app_id AND d.notification_id = t.id)`,
  },
  {
    table: 'receipt',
    days: ({ receiptDays }) => receiptDays,
    key: 'delivery_id',
    age: 'id',
    ended: 't.received_at < $4',
  },
  { table: 'delivery_daily', days: ({ statisticsDays }) => statisticsDays, key: 'day', age: 'day', ended: 'true' },
  { table: 'reach_daily', days: ({ statisticsDays }) => statisticsDays, key: 'day', age: 'day', ended: 'true' },
];
