import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The sending side: tags and audiences, broadcasts, quotas, receipts, templates and our own webhooks. */
export class BothDirections1763712000000 implements MigrationInterface {
  name = 'BothDirections1763712000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  `ALTER TABLE device ADD COLUMN content_key text`,
  `CREATE INDEX device_app_identifier ON device (app_id, app_identifier, id) WHERE state = 'active'`,

  `ALTER TABLE notification
     ADD COLUMN channel_id          uuid,
     ADD COLUMN forced              boolean NOT NULL DEFAULT false,
     ADD COLUMN locale              text,
     ADD COLUMN on_quota            text NOT NULL DEFAULT 'hold' CHECK (on_quota IN ('hold', 'reject')),
     ADD COLUMN schedule            jsonb,
     ADD COLUMN starts_at           timestamptz,
     ADD COLUMN ttl_seconds         integer,
     ADD COLUMN paused_at           timestamptz,
     ADD COLUMN cancelled_at        timestamptz,
     ADD COLUMN planned_until       text,
     ADD COLUMN touched_at          timestamptz,
     ADD COLUMN reachable           jsonb`,
  `CREATE INDEX notification_unplanned ON notification (starts_at) WHERE state IN ('scheduled', 'planning')`,
  `CREATE INDEX notification_cancelling ON notification (cancelled_at) WHERE cancelled_at IS NOT NULL AND state <> 'cancelled'`,

  `ALTER TABLE delivery ADD COLUMN target jsonb`,
  // A cancel asks again and again what of a notification is still open, among millions of rows that are not.
  `DROP INDEX delivery_open`,
  `CREATE INDEX delivery_open ON delivery (state, notification_id, updated_at)
     WHERE state IN ('queued', 'sending', 'held')`,

  // One row is the whole set of a person: a replacement is one write, and the version lets the last writer win.
  `CREATE TABLE user_tag (
     app_id     uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     user_id    text NOT NULL,
     tags       text[] NOT NULL,
     version    uuid NOT NULL,
     updated_at timestamptz NOT NULL,
     PRIMARY KEY (app_id, user_id)
   )`,
  `CREATE INDEX user_tag_tags ON user_tag USING gin (tags)`,

  `CREATE TABLE tag_outbox (
     app_id         uuid NOT NULL,
     integration_id uuid NOT NULL,
     user_id        text NOT NULL,
     version        uuid NOT NULL,
     attempts       smallint NOT NULL DEFAULT 0,
     state          text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'failed')),
     reason         text,
     not_before     timestamptz,
     lease_until    timestamptz,
     updated_at     timestamptz NOT NULL,
     PRIMARY KEY (app_id, integration_id, user_id),
     FOREIGN KEY (app_id, integration_id) REFERENCES integration ON DELETE CASCADE
   )`,
  `CREATE INDEX tag_outbox_waiting ON tag_outbox (integration_id, updated_at) WHERE state = 'waiting'`,

  // By the vendor's own key and not by app: two integrations with one app key share what the vendor allows.
  `CREATE TABLE quota_entry (
     id          uuid PRIMARY KEY,
     ledger      text NOT NULL,
     delivery_id uuid NOT NULL,
     at          timestamptz NOT NULL,
     state       text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'spent'))
   )`,
  `CREATE INDEX quota_entry_at ON quota_entry (ledger, at)`,
  `CREATE TABLE quota_freeze (
     ledger       text PRIMARY KEY,
     frozen_until timestamptz NOT NULL
   )`,

  `CREATE TABLE receipt (
     app_id      uuid NOT NULL,
     delivery_id uuid NOT NULL,
     subject     text NOT NULL,
     kind        text NOT NULL CHECK (kind IN ('delivered', 'opened')),
     platform    text,
     at          timestamptz NOT NULL,
     received_at timestamptz NOT NULL,
     PRIMARY KEY (app_id, delivery_id, kind, subject)
   )`,

  // PostgreSQL may know fewer zones than the check at the door: a day in UTC is better than a batch that fails.
  `CREATE FUNCTION local_day(at timestamptz, zone text) RETURNS date LANGUAGE plpgsql STABLE STRICT AS $$
   BEGIN
     RETURN (at AT TIME ZONE zone)::date;
   EXCEPTION WHEN invalid_parameter_value THEN
     RETURN (at AT TIME ZONE 'UTC')::date;
   END $$`,

  // Written beside every batch without waiting for others; the sweep folds tallies into the day's row.
  `CREATE TABLE delivery_tally (
     app_id    uuid NOT NULL,
     day       date NOT NULL,
     channel   text NOT NULL,
     platform  text NOT NULL,
     targeted  integer NOT NULL DEFAULT 0,
     pushed    integer NOT NULL DEFAULT 0,
     skipped   integer NOT NULL DEFAULT 0,
     failed    integer NOT NULL DEFAULT 0,
     delivered integer NOT NULL DEFAULT 0,
     opened    integer NOT NULL DEFAULT 0
   )`,
  `CREATE TABLE delivery_daily (
     app_id    uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     day       date NOT NULL,
     channel   text NOT NULL,
     platform  text NOT NULL,
     targeted  bigint NOT NULL DEFAULT 0,
     pushed    bigint NOT NULL DEFAULT 0,
     skipped   bigint NOT NULL DEFAULT 0,
     failed    bigint NOT NULL DEFAULT 0,
     delivered bigint NOT NULL DEFAULT 0,
     opened    bigint NOT NULL DEFAULT 0,
     PRIMARY KEY (app_id, day, channel, platform)
   )`,
  `CREATE TABLE reach_daily (
     app_id    uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     day       date NOT NULL,
     platform  text NOT NULL,
     reachable integer NOT NULL,
     PRIMARY KEY (app_id, day, platform)
   )`,

  `CREATE TABLE copy_template (
     app_id       uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     id           uuid NOT NULL,
     kind         text NOT NULL,
     message_type text NOT NULL DEFAULT '',
     locale       text NOT NULL,
     title        text,
     body         text NOT NULL,
     created_at   timestamptz NOT NULL,
     updated_at   timestamptz NOT NULL,
     PRIMARY KEY (app_id, id),
     UNIQUE (app_id, kind, message_type, locale)
   )`,

  `CREATE TABLE webhook_endpoint (
     app_id                 uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     id                     uuid NOT NULL,
     url                    text NOT NULL,
     description            text NOT NULL DEFAULT '',
     events                 text[] NOT NULL,
     sealed_secret          bytea NOT NULL,
     sealed_previous_secret bytea,
     previous_expires_at    timestamptz,
     state                  text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
     state_reason           text,
     failing_since          timestamptz,
     created_at             timestamptz NOT NULL,
     updated_at             timestamptz NOT NULL,
     PRIMARY KEY (app_id, id)
   )`,
  `CREATE TABLE webhook_message (
     app_id      uuid NOT NULL,
     id          uuid NOT NULL,
     endpoint_id uuid NOT NULL,
     type        text NOT NULL,
     payload     text NOT NULL,
     state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'delivered', 'dead')),
     reason      text,
     attempts    jsonb NOT NULL DEFAULT '[]',
     fence       integer NOT NULL DEFAULT 0,
     not_before  timestamptz,
     lease_until timestamptz,
     created_at  timestamptz NOT NULL,
     updated_at  timestamptz NOT NULL,
     PRIMARY KEY (app_id, id),
     FOREIGN KEY (app_id, endpoint_id) REFERENCES webhook_endpoint ON DELETE CASCADE
   )`,
  `CREATE INDEX webhook_message_endpoint ON webhook_message (app_id, endpoint_id, id)`,
  `CREATE INDEX webhook_message_open ON webhook_message (updated_at) WHERE state IN ('waiting', 'sending')`,
  `CREATE INDEX webhook_message_ended ON webhook_message (updated_at) WHERE state IN ('delivered', 'dead')`,

  `CREATE TABLE shared_value (
     integration_id uuid NOT NULL REFERENCES integration (id) ON DELETE CASCADE,
     key            text NOT NULL,
     sealed_value   bytea,
     expires_at     timestamptz,
     fetching_until timestamptz,
     PRIMARY KEY (integration_id, key)
   )`,
  `CREATE INDEX shared_value_expires ON shared_value (expires_at)`,
  `CREATE TABLE rate_slot (
     integration_id uuid NOT NULL REFERENCES integration (id) ON DELETE CASCADE,
     bucket         text NOT NULL,
     next_at        timestamptz NOT NULL,
     PRIMARY KEY (integration_id, bucket)
   )`,
];

const DOWN = [
  `DROP TABLE rate_slot, shared_value, webhook_message, webhook_endpoint, copy_template, reach_daily, delivery_daily,
     delivery_tally, receipt, quota_freeze, quota_entry, tag_outbox, user_tag`,
  `DROP FUNCTION local_day(timestamptz, text)`,
  `DROP INDEX delivery_open`,
  `CREATE INDEX delivery_open ON delivery (integration_id, state, updated_at)
     WHERE state IN ('queued', 'sending', 'held')`,
  `ALTER TABLE delivery DROP COLUMN target`,
  `DROP INDEX notification_cancelling, notification_unplanned, device_app_identifier`,
  `ALTER TABLE notification DROP COLUMN channel_id, DROP COLUMN forced, DROP COLUMN locale, DROP COLUMN on_quota,
     DROP COLUMN schedule, DROP COLUMN starts_at, DROP COLUMN ttl_seconds, DROP COLUMN paused_at, DROP COLUMN cancelled_at,
     DROP COLUMN planned_until, DROP COLUMN touched_at, DROP COLUMN reachable`,
  `ALTER TABLE device DROP COLUMN content_key`,
];
