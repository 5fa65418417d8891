import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What makes storing a callback cheaper: an event is kept as the text that it was written in.
 *
 * Where there are events, processes of 0.2.0 hold plans that return `jsonb`, and every one of them would fail with another
 * type. There the column stays as it is, which this release can use as well; the one after changes it.
 */
export class InboundSpeed1763798401000 implements MigrationInterface {
  name = 'InboundSpeed1763798401000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('LOCK TABLE inbound_event');
    const [event] = (await runner.query('SELECT FROM inbound_event LIMIT 1')) as unknown[];
    if (!event) await runner.query('ALTER TABLE inbound_event ALTER COLUMN event TYPE json');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE inbound_event ALTER COLUMN event TYPE jsonb');
  }
}
