import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A call that does not know whether its claim of an `Idempotency-Key` was written can take back its own, and no other. */
export class IdempotentRun1763884805000 implements MigrationInterface {
  name = 'IdempotentRun1763884805000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE idempotency_key ADD COLUMN run uuid');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE idempotency_key DROP COLUMN run');
  }
}
