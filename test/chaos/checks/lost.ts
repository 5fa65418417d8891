import { run } from '../../../bench/support/postgres.js';
import type { Stage } from '../stage/stage.js';

const UNSENT = `SELECT id, state, reason FROM delivery WHERE state NOT IN ('accepted', 'skipped')`;

/** For scenarios in which every gateway takes what it gets, and nothing expires or is cancelled. */
export async function expectNothingLost({ chaos, databaseUrl }: Stage): Promise<void> {
  const { rows } = await run(databaseUrl, (client) => client.query(UNSENT));
  chaos.findings.expectNone('deliveries that were not sent in the end', rows);
}
