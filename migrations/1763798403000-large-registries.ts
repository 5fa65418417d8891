import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What large registries and long lists of events need.
 *
 * Locks: `inbound_event` for writers during one scan of it, about a second for a million rows.
 */
export class LargeRegistries1763798403000 implements MigrationInterface {
  name = 'LargeRegistries1763798403000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  // Whoever needs the number of reachable devices of a large app takes one that is some minutes old.
  `ALTER TABLE reach_daily ADD COLUMN counted_at timestamptz`,
  // The few that could not be used, among millions that were. Others are not written to it.
  `CREATE INDEX inbound_event_unusable ON inbound_event (app_id, state, id) WHERE state IN ('quarantined', 'failed')`,
];

const DOWN = [`DROP INDEX inbound_event_unusable`, `ALTER TABLE reach_daily DROP COLUMN counted_at`];
