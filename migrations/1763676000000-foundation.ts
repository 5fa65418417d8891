import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tables of the first release. Every tenant-owned key starts with app_id. */
export class Foundation1763676000000 implements MigrationInterface {
  name = 'Foundation1763676000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  `CREATE TABLE app (
     id               uuid PRIMARY KEY,
     name             text NOT NULL,
     deep_link_scheme text NOT NULL,
     default_locale   text NOT NULL DEFAULT 'zh-CN',
     time_zone        text NOT NULL DEFAULT 'Asia/Shanghai',
     created_at       timestamptz NOT NULL DEFAULT now()
   )`,

  `CREATE TABLE api_key (
     id           uuid PRIMARY KEY,
     app_id       uuid REFERENCES app ON DELETE CASCADE,
     name         text NOT NULL,
     prefix       text NOT NULL,
     hash         bytea NOT NULL UNIQUE,
     scopes       text[] NOT NULL,
     expires_at   timestamptz,
     last_used_at timestamptz,
     revoked_at   timestamptz,
     created_at   timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE INDEX api_key_app ON api_key (app_id, id)`,

  `CREATE TABLE integration (
     app_id                         uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     id                             uuid NOT NULL UNIQUE,
     plugin                         text NOT NULL,
     name                           text NOT NULL,
     revision                       integer NOT NULL DEFAULT 1,
     state                          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
     pause_reason                   text,
     pause_detail                   text,
     config                         jsonb NOT NULL,
     sealed_secrets                 bytea NOT NULL,
     settings                       jsonb NOT NULL,
     url_secret_hash                bytea NOT NULL,
     previous_url_secret_hash       bytea,
     previous_url_secret_expires_at timestamptz,
     created_at                     timestamptz NOT NULL DEFAULT now(),
     updated_at                     timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (app_id, id)
   )`,

  `CREATE TABLE identity (
     app_id         uuid NOT NULL,
     integration_id uuid NOT NULL,
     kind           text NOT NULL,
     value          text NOT NULL,
     user_id        text NOT NULL,
     created_at     timestamptz NOT NULL DEFAULT now(),
     updated_at     timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (app_id, integration_id, kind, value),
     FOREIGN KEY (app_id, integration_id) REFERENCES integration ON DELETE CASCADE
   )`,
  `CREATE INDEX identity_user ON identity (app_id, user_id)`,

  `CREATE TABLE device (
     app_id           uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     id               uuid NOT NULL,
     user_id          text,
     installation_id  text NOT NULL,
     platform         text NOT NULL CHECK (platform IN ('ios', 'android')),
     gateway          text NOT NULL,
     identifier       text NOT NULL CHECK (identifier IN ('token', 'fid')),
     sealed_token     bytea NOT NULL,
     token_hash       bytea NOT NULL,
     environment      text NOT NULL DEFAULT 'unknown' CHECK (environment IN ('production', 'sandbox', 'unknown')),
     app_identifier   text,
     locale           text,
     time_zone        text,
     state            text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspect', 'retired')),
     state_reason     text,
     state_changed_at timestamptz NOT NULL DEFAULT now(),
     token_updated_at timestamptz NOT NULL,
     last_seen_at     timestamptz NOT NULL,
     last_accepted_at timestamptz,
     created_at       timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (app_id, id),
     UNIQUE (app_id, installation_id),
     UNIQUE (app_id, gateway, token_hash)
   )`,
  `CREATE INDEX device_user ON device (app_id, user_id)`,

  `CREATE TABLE preference (
     app_id              uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     user_id             text NOT NULL,
     push_enabled        boolean NOT NULL DEFAULT true,
     dnd_start           text,
     dnd_end             text,
     dnd_time_zone       text,
     muted_conversations text[] NOT NULL DEFAULT '{}',
     opted_out           text[] NOT NULL DEFAULT '{}',
     blocked_senders     text[] NOT NULL DEFAULT '{}',
     friends             text[],
     allow_strangers     boolean NOT NULL DEFAULT true,
     quiet_on_desktop    boolean NOT NULL DEFAULT false,
     updated_at          timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (app_id, user_id)
   )`,

  `CREATE TABLE presence (
     app_id      uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     user_id     text NOT NULL,
     source      text NOT NULL,
     session     text NOT NULL,
     state       text NOT NULL
                 CHECK (state IN ('online', 'foreground', 'background', 'offline', 'loggedOut', 'kicked')),
     client      text NOT NULL CHECK (client IN ('mobile', 'desktop', 'unknown')),
     observed_at timestamptz NOT NULL,
     expires_at  timestamptz,
     PRIMARY KEY (app_id, user_id, source, session)
   )`,

  `CREATE TABLE inbound_event (
     app_id          uuid NOT NULL,
     id              uuid NOT NULL,
     integration_id  uuid NOT NULL,
     callback_id     uuid NOT NULL,
     position        smallint NOT NULL,
     key             text NOT NULL,
     alias_key       text,
     kind            text,
     state           text NOT NULL CHECK (state IN ('accepted', 'routed', 'ignored', 'quarantined', 'failed')),
     reason          text,
     detail          text,
     parse_mode      text NOT NULL DEFAULT 'strict',
     conversation    text,
     event           jsonb,
     notification_id uuid,
     occurred_at     timestamptz,
     received_at     timestamptz NOT NULL,
     settled_at      timestamptz,
     PRIMARY KEY (app_id, id)
   )`,
  `CREATE UNIQUE INDEX inbound_event_key ON inbound_event (integration_id, key)`,
  `CREATE UNIQUE INDEX inbound_event_alias_key ON inbound_event (integration_id, alias_key) WHERE alias_key IS NOT NULL`,
  `CREATE INDEX inbound_event_waiting ON inbound_event (integration_id, conversation, id) WHERE state = 'accepted'`,

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
   )`,

  `CREATE TABLE inbound_guard (
     integration_id uuid NOT NULL,
     key            text NOT NULL,
     body_hash      bytea NOT NULL,
     seen_at        timestamptz NOT NULL,
     expires_at     timestamptz NOT NULL,
     PRIMARY KEY (integration_id, key)
   )`,
  `CREATE INDEX inbound_guard_expiry ON inbound_guard (expires_at)`,

  `CREATE TABLE notification (
     app_id         uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     id             uuid NOT NULL,
     source         text NOT NULL CHECK (source IN ('event', 'api')),
     event_id       uuid,
     integration_id uuid,
     category       text NOT NULL,
     content        jsonb NOT NULL,
     audience       jsonb NOT NULL,
     decisions      jsonb NOT NULL DEFAULT '[]',
     priority       text NOT NULL CHECK (priority IN ('high', 'normal')),
     state          text NOT NULL CHECK (state IN ('scheduled', 'planning', 'sending', 'done', 'cancelled')),
     target_count   integer NOT NULL DEFAULT 0,
     pending_count  integer NOT NULL DEFAULT 0,
     expires_at     timestamptz NOT NULL,
     created_at     timestamptz NOT NULL,
     done_at        timestamptz,
     PRIMARY KEY (app_id, id)
   )`,

  // The id is a UUIDv7, so a month of ids is a month of deliveries: rows are found by id in one partition,
  // and an old month is dropped instead of deleted.
  `CREATE TABLE delivery (
     app_id            uuid NOT NULL,
     id                uuid NOT NULL,
     notification_id   uuid NOT NULL,
     integration_id    uuid,
     channel           text,
     device_id         uuid,
     user_id           text,
     platform          text,
     locale            text NOT NULL,
     priority          text NOT NULL,
     state             text NOT NULL CHECK (state IN (
                         'queued', 'sending', 'accepted', 'delivered', 'opened', 'skipped', 'failed',
                         'expired', 'held', 'unknown', 'dead', 'cancelled')),
     reason            text,
     detail            text,
     attempts          jsonb NOT NULL DEFAULT '[]',
     attempt_count     smallint NOT NULL DEFAULT 0,
     fence             integer NOT NULL DEFAULT 0,
     not_before        timestamptz,
     lease_until       timestamptz,
     vendor_message_id text,
     expires_at        timestamptz NOT NULL,
     created_at        timestamptz NOT NULL,
     updated_at        timestamptz NOT NULL,
     PRIMARY KEY (app_id, id)
   ) PARTITION BY RANGE (id)`,
  `CREATE INDEX delivery_notification ON delivery (app_id, notification_id)`,
  `CREATE INDEX delivery_open ON delivery (integration_id, state, updated_at)
     WHERE state IN ('queued', 'sending', 'held')`,
  `CREATE TABLE delivery_default PARTITION OF delivery DEFAULT`,

  `CREATE FUNCTION uuid_v7_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $$
     SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
   $$`,
  `CREATE FUNCTION ensure_delivery_partitions(at timestamptz, months integer) RETURNS void LANGUAGE plpgsql AS $$
   DECLARE
     first date := date_trunc('month', at AT TIME ZONE 'UTC');
     month date;
     part  text;
   BEGIN
     FOR step IN 0 .. months LOOP
       month := first + make_interval(months => step);
       part := 'delivery_' || to_char(month, 'YYYY_MM');
       IF to_regclass(part) IS NULL THEN
         EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF delivery FOR VALUES FROM (%L) TO (%L)', part,
           uuid_v7_floor(month::timestamp AT TIME ZONE 'UTC'),
           uuid_v7_floor((month + make_interval(months => 1))::timestamp AT TIME ZONE 'UTC'));
       END IF;
     END LOOP;
   END $$`,
  `SELECT ensure_delivery_partitions(now(), 2)`,

  `CREATE TABLE idempotency_key (
     app_id       uuid NOT NULL REFERENCES app ON DELETE CASCADE,
     key          text NOT NULL,
     request_hash bytea NOT NULL,
     status       smallint,
     response     jsonb,
     created_at   timestamptz NOT NULL,
     PRIMARY KEY (app_id, key)
   )`,
  `CREATE INDEX idempotency_key_age ON idempotency_key (created_at)`,
];

const DOWN = [
  `DROP TABLE idempotency_key, delivery, notification, inbound_guard, inbound_raw, inbound_event, presence, preference,
     device, identity, integration, api_key, app`,
  `DROP FUNCTION ensure_delivery_partitions(timestamptz, integer)`,
  `DROP FUNCTION uuid_v7_floor(timestamptz)`,
];
