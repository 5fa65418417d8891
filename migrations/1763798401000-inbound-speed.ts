import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What makes storing a callback cheaper. */
export class InboundSpeed1763798401000 implements MigrationInterface {
  name = 'InboundSpeed1763798401000';

  async up(runner: QueryRunner): Promise<void> {
    // Rewrites the table: events are not taken meanwhile.
    await runner.query(`ALTER TABLE inbound_event ALTER COLUMN event TYPE json`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE inbound_event ALTER COLUMN event TYPE jsonb`);
  }
}
