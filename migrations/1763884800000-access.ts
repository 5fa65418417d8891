import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that are rotated, people who sign in, and an audit that only grows. */
export class Access1763884800000 implements MigrationInterface {
  name = 'Access1763884800000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  `ALTER TABLE api_key ADD COLUMN replaced_by uuid REFERENCES api_key ON DELETE SET NULL`,

  // Without a foreign key to app: what was done outlives whom it was done to.
  `CREATE TABLE audit_entry (
     id         uuid PRIMARY KEY,
     app_id     uuid,
     at         timestamptz NOT NULL,
     actor_kind text NOT NULL CHECK (actor_kind IN ('api_key', 'platform_key', 'operator', 'system')),
     actor_id   uuid,
     actor_name text NOT NULL,
     request_id text,
     action     text NOT NULL,
     target     text,
     address    text,
     fields     text[] NOT NULL DEFAULT '{}',
     before     jsonb,
     after      jsonb
   )`,
  `CREATE INDEX audit_entry_app ON audit_entry (app_id, id)`,
  `CREATE INDEX audit_entry_target ON audit_entry (target, id) WHERE target IS NOT NULL`,
  `CREATE INDEX audit_entry_at ON audit_entry USING brin (at)`,

  `CREATE FUNCTION audit_entry_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF TG_OP = 'DELETE' AND current_setting('bellhop.audit_retention', true) = 'on' THEN
       RETURN OLD;
     END IF;
     RAISE EXCEPTION 'audit_entry only grows: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
   END $$`,
  `CREATE TRIGGER audit_entry_only_grows BEFORE UPDATE OR DELETE ON audit_entry
     FOR EACH ROW EXECUTE FUNCTION audit_entry_only_grows()`,
  `CREATE TRIGGER audit_entry_stays BEFORE TRUNCATE ON audit_entry
     FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_only_grows()`,

  // The setting holds while the function runs. No age below 30 days, whatever a caller has computed.
  `CREATE FUNCTION purge_audit(older_than timestamptz, most integer) RETURNS bigint LANGUAGE plpgsql
     SET bellhop.audit_retention = 'on' AS $$
   DECLARE
     gone bigint;
   BEGIN
     IF older_than > now() - interval '30 days' THEN
       RAISE EXCEPTION 'audit entries stay for 30 days at least' USING ERRCODE = 'restrict_violation';
     END IF;
     DELETE FROM audit_entry WHERE id IN (SELECT id FROM audit_entry WHERE at < older_than LIMIT most);
     GET DIAGNOSTICS gone = ROW_COUNT;
     RETURN gone;
   END $$`,

  `CREATE TABLE operator (
     id              uuid PRIMARY KEY,
     email           text NOT NULL UNIQUE CHECK (email = lower(email)),
     name            text NOT NULL,
     state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
     password        text,
     roles           jsonb NOT NULL DEFAULT '[]',
     last_sign_in_at timestamptz,
     created_at      timestamptz NOT NULL DEFAULT now(),
     updated_at      timestamptz NOT NULL DEFAULT now()
   )`,

  `CREATE TABLE operator_session (
     digest       bytea PRIMARY KEY,
     operator_id  uuid NOT NULL REFERENCES operator ON DELETE CASCADE,
     created_at   timestamptz NOT NULL,
     last_seen_at timestamptz NOT NULL,
     expires_at   timestamptz NOT NULL
   )`,
  `CREATE INDEX operator_session_operator ON operator_session (operator_id)`,

  `CREATE TABLE operator_link (
     digest      bytea PRIMARY KEY,
     operator_id uuid REFERENCES operator ON DELETE CASCADE,
     expires_at  timestamptz NOT NULL
   )`,
  `CREATE INDEX operator_link_operator ON operator_link (operator_id)`,
];

const DOWN = [
  `DROP TABLE operator_link`,
  `DROP TABLE operator_session`,
  `DROP TABLE operator`,
  `DROP FUNCTION purge_audit(timestamptz, integer)`,
  `DROP TABLE audit_entry`,
  `DROP FUNCTION audit_entry_only_grows()`,
  `ALTER TABLE api_key DROP COLUMN replaced_by`,
];
