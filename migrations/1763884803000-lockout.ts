import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Wrong passwords are counted for all processes together. */
export class Lockout1763884803000 implements MigrationInterface {
  name = 'Lockout1763884803000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  `CREATE TABLE sign_in_failure (
     digest   bytea PRIMARY KEY,
     failures integer NOT NULL,
     last_at  timestamptz NOT NULL
   )`,
  `CREATE TABLE sign_in_address (
     digest bytea PRIMARY KEY,
     until  timestamptz NOT NULL
   )`,
];

const DOWN = [`DROP TABLE sign_in_address`, `DROP TABLE sign_in_failure`];
