/**
 * `npm run chaos`: troubles the platform in every way that we can think of, and holds it to its promises. Senders,
 * simulators and the harness keep ledgers of all that was done; when all is quiet, these are joined with the database
 * (checks/). Every count must be 0; a delivery that was sent twice must bear a mark.
 *
 *   --ci             the subset that takes three minutes
 *   --only <names>   scenarios, separated by commas
 *   --seed <n>       of all choices and moments; printed, so that a run can be repeated
 *   DATABASE_URL     the server that gets the databases; not set: an embedded one. Scenarios that stop the server always
 *                    have one of their own
 *
 * Ledgers and the output of all processes are kept in `.data/chaos`.
 *
 * Exit codes: 0 every promise kept · 1 a promise broken, or a scenario failed.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runChaos } from './run.js';

const { values } = parseArgs({
  options: { ci: { type: 'boolean', default: false }, only: { type: 'string' }, seed: { type: 'string' } },
});

// Processes that a failure left running end with this one.
runChaos({
  seed: Number(values.seed ?? randomInt(1_000_000)),
  ci: values.ci,
  only: values.only?.split(','),
}).then(
  (kept) => process.exit(kept ? 0 : 1),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
