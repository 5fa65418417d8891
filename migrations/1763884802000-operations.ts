import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys that the ring guards, the processes that have them, and devices that a gateway called dead, by the time. */
export class Operations1763884802000 implements MigrationInterface {
  name = 'Operations1763884802000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  /** Without the data keys nothing that was sealed under them opens again, so they are never dropped while they exist. */
  async down(runner: QueryRunner): Promise<void> {
    const [{ count }] = (await runner.query('SELECT count(*)::int AS count FROM data_key')) as [{ count: number }];
    if (count > 0) {
      throw new Error(
        'Device tokens and secrets are sealed under data keys that this would drop. ' +
          'Stop every process and run "bellhop keys give-up" first: it seals everything under BELLHOP_KEYS itself.',
      );
    }
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  `CREATE TABLE ring_key (
     id           text PRIMARY KEY,
     sealed_check bytea NOT NULL,
     created_at   timestamptz NOT NULL DEFAULT now(),
     retired_at   timestamptz
   )`,
  `CREATE TABLE data_key (
     id         text PRIMARY KEY,
     purpose    text NOT NULL CHECK (purpose IN ('sealing', 'hashing', 'signing')),
     ring_key   text NOT NULL,
     sealed_key bytea NOT NULL,
     active_at  timestamptz,
     created_at timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE TABLE running_process (
     id          uuid PRIMARY KEY,
     host        text NOT NULL,
     pid         integer NOT NULL,
     role        text NOT NULL,
     ring_keys   text[] NOT NULL,
     data_keys   text[] NOT NULL,
     sealing_key text NOT NULL,
     started_at  timestamptz NOT NULL DEFAULT now(),
     seen_at     timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE INDEX device_out_of_use ON device (app_id, state_changed_at, id) WHERE state <> 'active'`,
];

const DOWN = [`DROP INDEX device_out_of_use`, `DROP TABLE running_process, data_key, ring_key`];
