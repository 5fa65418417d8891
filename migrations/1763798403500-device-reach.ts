import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a device was last reached stands in a table of its own: the row of a device is wide and lies in five indexes, all
 * of which had to be written again for it. Locks `device` while it copies; processes of the release before must be gone.
 */
export class DeviceReach1763798403500 implements MigrationInterface {
  name = 'DeviceReach1763798403500';

  async up(runner: QueryRunner): Promise<void> {
    // Half of each page is left for the next time: its devices are reached together, and stay on it.
    await runner.query(
      `CREATE TABLE device_reach (
         app_id      uuid NOT NULL,
         device_id   uuid NOT NULL,
         accepted_at timestamptz NOT NULL,
         PRIMARY KEY (app_id, device_id),
         FOREIGN KEY (app_id, device_id) REFERENCES device ON DELETE CASCADE
       ) WITH (fillfactor = 50)`,
    );
    await runner.query(
      `INSERT INTO device_reach (app_id, device_id, accepted_at)
       SELECT app_id, id, last_accepted_at FROM device WHERE last_accepted_at IS NOT NULL ORDER BY app_id, id`,
    );
    await runner.query('ALTER TABLE device DROP COLUMN last_accepted_at');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE device ADD COLUMN last_accepted_at timestamptz');
    await runner.query(
      `UPDATE device d SET last_accepted_at = r.accepted_at FROM device_reach r
       WHERE r.app_id = d.app_id AND r.device_id = d.id`,
    );
    await runner.query('DROP TABLE device_reach');
  }
}
