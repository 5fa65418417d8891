import { run } from '../../../bench/support/postgres.js';
import type { Stage } from '../stage/stage.js';
import { asked } from './asked.js';
import type { Check, Expecting } from './evidence.js';
import { foreign } from './foreign.js';
import { hooks } from './hooks.js';
import { processes } from './processes.js';
import { pushed } from './pushed.js';
import { quiet } from './quiet.js';
import { readRows } from './rows.js';
import { sums } from './sums.js';

const CHECKS: readonly Check[] = [asked, pushed, sums, hooks, foreign, processes];

/** Waits until all is quiet, then joins the ledgers of senders and gateways with the database. A process must be up. */
export async function check(stage: Stage, senders?: Expecting): Promise<void> {
  const { findings } = stage.chaos;
  findings.figure('all quiet after, s', await quiet(stage));
  const pushes = stage.gateways.pushes;
  for (const { at, channel, deliveryId, answered } of pushes) {
    stage.ledger.note({ at, what: channel, id: deliveryId, result: answered ? '200' : 'abandoned' });
  }
  const rows = await run(stage.databaseUrl, readRows);
  for (const one of CHECKS) {
    await one({ stage, senders, rows, pushes }, (promise, found) => findings.expectNone(promise, found));
  }
}
