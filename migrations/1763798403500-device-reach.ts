import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a device was last reached stands in a table of its own: the row of a device is wide and lies in five indexes, all
 * of which had to be written again for it. Locks `device` while it copies.
 *
 * Expands: `last_accepted_at` and its trigger stay for processes of 0.2.0 beside this release; the one after drops them.
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
    // Updates that do not name the column do not come here.
    await runner.query(
      `CREATE FUNCTION device_reach_of_0_2() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF NEW.token_hash <> OLD.token_hash THEN
           DELETE FROM device_reach WHERE app_id = NEW.app_id AND device_id = NEW.id;
         ELSIF NEW.last_accepted_at IS DISTINCT FROM OLD.last_accepted_at THEN
           INSERT INTO device_reach AS known (app_id, device_id, accepted_at) VALUES (NEW.app_id, NEW.id, NEW.last_accepted_at)
             ON CONFLICT (app_id, device_id) DO UPDATE SET accepted_at = greatest(known.accepted_at, excluded.accepted_at);
         END IF;
         RETURN NULL;
       END $$`,
    );
    await runner.query(
      `CREATE TRIGGER device_reach_of_0_2 AFTER UPDATE OF last_accepted_at ON device FOR EACH ROW
         EXECUTE FUNCTION device_reach_of_0_2()`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER device_reach_of_0_2 ON device');
    await runner.query('DROP FUNCTION device_reach_of_0_2()');
    await runner.query(
      `UPDATE device d SET last_accepted_at = r.accepted_at FROM device_reach r
       WHERE r.app_id = d.app_id AND r.device_id = d.id`,
    );
    await runner.query('DROP TABLE device_reach');
  }
}
