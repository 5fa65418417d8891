import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is lost can be found by its cause, and old or unwanted data goes.
 *
 * Locks until it is committed: `delivery`, which is scanned twice, and `inbound_raw`, which is scanned twice without its
 * bodies; about two seconds for a million rows each.
 */
export class DataLife1763884801000 implements MigrationInterface {
  name = 'DataLife1763884801000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const LOST = `('dead', 'failed', 'expired', 'unknown')`;

const UP = [
  // No column that a successful delivery changes: its updates stay on their page.
  `ALTER TABLE delivery ADD COLUMN lost_at timestamptz`,
  `UPDATE delivery SET lost_at = updated_at WHERE state IN ${LOST}`,
  `CREATE INDEX delivery_lost ON delivery (app_id, lost_at, id) WHERE lost_at IS NOT NULL`,
  `CREATE FUNCTION mark_delivery_lost() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     UPDATE delivery SET lost_at = NEW.updated_at WHERE app_id = NEW.app_id AND id = NEW.id;
     RETURN NULL;
   END $$`,
  // What is lost has a reason, and most have none: that is all that a successful delivery is asked. Measured: 0.6 µs per
  // updated row.
  `CREATE TRIGGER delivery_lost AFTER UPDATE ON delivery FOR EACH ROW
     WHEN (NEW.reason IS NOT NULL AND NEW.lost_at IS NULL AND NEW.state IN ${LOST})
     EXECUTE FUNCTION mark_delivery_lost()`,

  `CREATE TABLE erasure (
     app_id        uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     subject       text NOT NULL,
     sealed_person bytea NOT NULL,
     started_at    timestamptz NOT NULL,
     touched_at    timestamptz NOT NULL,
     PRIMARY KEY (app_id, subject)
   )`,

  `CREATE FUNCTION url_decoded(part text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
   BEGIN
     IF strpos(part, '%') = 0 THEN
       RETURN part;
     END IF;
     RETURN (
       SELECT convert_from(string_agg(CASE WHEN m[1] IS NULL THEN convert_to(m[2], 'UTF8') ELSE decode(m[1], 'hex') END,
                                      ''::bytea ORDER BY place), 'UTF8')
       FROM regexp_matches(part, '%([0-9A-Fa-f]{2})|([^%]+)', 'g') WITH ORDINALITY AS r (m, place));
   EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
     RETURN part;
   END $$`,

  // The table refuses changes and lets rows go: an entry goes, and comes back without the person. Whatever else stands in
  // its address may name their installs.
  `CREATE FUNCTION erase_from_audit(app uuid, person text) RETURNS bigint LANGUAGE plpgsql
     SET bellhop.audit_retention = 'on' AS $$
   DECLARE
     cleared bigint;
   BEGIN
     WITH gone AS (
       DELETE FROM audit_entry
       WHERE app_id = app AND (target = person
         OR (address LIKE '% /v1/users/%' AND url_decoded(split_part(address, '/', 4)) = person))
       RETURNING *
     )
     INSERT INTO audit_entry
       (id, app_id, at, actor_kind, actor_id, actor_name, request_id, action, target, address, fields, before, after)
     SELECT id, app_id, at, actor_kind, actor_id, actor_name, request_id, action, 'erased',
            split_part(address, ' ', 1) || ' (erased)', fields, NULL, NULL
     FROM gone;
     GET DIAGNOSTICS cleared = ROW_COUNT;
     RETURN cleared;
   END $$`,

  // By the day of the callback, so that old bytes are dropped and not deleted one by one. Measured: a flush of one callback
  // takes 15 to 25 µs longer, one of 256 no longer.
  `ALTER TABLE inbound_raw RENAME TO inbound_raw_before`,
  `ALTER INDEX inbound_raw_pkey RENAME TO inbound_raw_before_pkey`,
  `CREATE TABLE inbound_raw (
     app_id         uuid NOT NULL,
     callback_id    uuid NOT NULL,
     integration_id uuid NOT NULL,
     method         text NOT NULL,
     path           text NOT NULL,
     query          text NOT NULL,
     headers        text NOT NULL,
     body           bytea NOT NULL,
     received_at    timestamptz NOT NULL,
     PRIMARY KEY (app_id, callback_id)
   ) PARTITION BY RANGE (callback_id)`,
  `CREATE TABLE inbound_raw_default PARTITION OF inbound_raw DEFAULT`,
  // What is there becomes one partition, up to the end of tomorrow: until then processes of the release before go on
  // writing into it.
  `DO $$
   DECLARE
     latest uuid;
     until  uuid := uuid_v7_floor((date_trunc('day', now() AT TIME ZONE 'UTC') + interval '2 days') AT TIME ZONE 'UTC');
   BEGIN
     SELECT callback_id INTO latest FROM inbound_raw_before ORDER BY callback_id DESC LIMIT 1;
     IF latest IS NULL THEN
       DROP TABLE inbound_raw_before;
       RETURN;
     END IF;
     -- A clock may have been ahead.
     until := greatest(until, (left(latest::text, 8) || '-ffff-ffff-ffff-ffffffffffff')::uuid);
     EXECUTE format('ALTER TABLE inbound_raw ATTACH PARTITION inbound_raw_before FOR VALUES FROM (MINVALUE) TO (%L)', until);
   END $$`,
  `CREATE FUNCTION ensure_raw_partitions(at timestamptz, days integer) RETURNS void LANGUAGE plpgsql AS $$
   DECLARE
     day  date;
     part text;
   BEGIN
     FOR step IN 0 .. days LOOP
       day := (at AT TIME ZONE 'UTC')::date + step;
       part := 'inbound_raw_' || to_char(day, 'YYYY_MM_DD');
       IF to_regclass(part) IS NULL THEN
         BEGIN
           EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF inbound_raw FOR VALUES FROM (%L) TO (%L)', part,
             uuid_v7_floor(day::timestamp AT TIME ZONE 'UTC'), uuid_v7_floor((day + 1)::timestamp AT TIME ZONE 'UTC'));
         EXCEPTION WHEN invalid_object_definition OR check_violation THEN
           -- An earlier partition has the day, or the default one has rows of it: they have a place.
           NULL;
         END;
       END IF;
     END LOOP;
   END $$`,
  `SELECT ensure_raw_partitions(now(), 7)`,
];

const DOWN = [
  `CREATE TABLE inbound_raw_plain (LIKE inbound_raw INCLUDING DEFAULTS)`,
  `INSERT INTO inbound_raw_plain SELECT * FROM inbound_raw`,
  `DROP TABLE inbound_raw`,
  `ALTER TABLE inbound_raw_plain RENAME TO inbound_raw`,
  `ALTER TABLE inbound_raw ADD CONSTRAINT inbound_raw_pkey PRIMARY KEY (app_id, callback_id)`,
  `DROP FUNCTION ensure_raw_partitions(timestamptz, integer)`,
  `DROP FUNCTION erase_from_audit(uuid, text)`,
  `DROP FUNCTION url_decoded(text)`,
  `DROP TABLE erasure`,
  `DROP TRIGGER delivery_lost ON delivery`,
  `DROP FUNCTION mark_delivery_lost()`,
  `DROP INDEX delivery_lost`,
  `ALTER TABLE delivery DROP COLUMN lost_at`,
];
