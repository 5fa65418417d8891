import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People who sign in with an OpenID provider. */
export class Oidc1763884804000 implements MigrationInterface {
  name = 'Oidc1763884804000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

const UP = [
  `ALTER TABLE operator
     ADD COLUMN source text NOT NULL DEFAULT 'invited' CHECK (source IN ('invited', 'provider')),
     ADD COLUMN oidc_subject text UNIQUE`,
];

const DOWN = [`ALTER TABLE operator DROP COLUMN oidc_subject, DROP COLUMN source`];
