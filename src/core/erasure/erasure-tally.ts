/** Tables that tell of people. */
export const PERSONAL_TABLES = [
  'device',
  'identity',
  'preference',
  'presence',
  'user_tag',
  'tag_outbox',
  'inbound_event',
  'inbound_raw',
  'inbound_guard',
  'notification',
  'delivery',
  'receipt',
  'webhook_message',
  'idempotency_key',
  'audit_entry',
] as const;
export type PersonalTable = (typeof PERSONAL_TABLES)[number];

/** What an erasure did to one table. */
export interface TableErasure {
  readonly table: PersonalTable;
  /** Rows that are gone. */
  readonly deleted: number;
  /** Rows that stay, for their figures or for others, without what told of the person. */
  readonly cleared: number;
}

/** Adds up what an erasure does. */
export class ErasureTally {
  private readonly sums = new Map(PERSONAL_TABLES.map((table) => [table, { deleted: 0, cleared: 0 }]));

  add(table: PersonalTable, change: { readonly deleted?: number; readonly cleared?: number }): void {
    const sum = this.sums.get(table) as { deleted: number; cleared: number };
    sum.deleted += change.deleted ?? 0;
    sum.cleared += change.cleared ?? 0;
  }

  get tables(): readonly TableErasure[] {
    return [...this.sums].map(([table, sum]) => ({ table, ...sum }));
  }
}
