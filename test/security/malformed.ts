/**
 * Sends requests that are malformed in every way that we can think of to all inbound adapters and all routes of the API:
 * fixtures of the vendors after accidents to their bytes, with right and wrong proofs; contents of any type in any place
 * that openapi.json names; and requests that are no HTTP. The platform runs in a process of its own and is called over
 * plain sockets. Every count must be 0.
 *
 *   --requests <n>   default 200,000
 *   --ci             the subset that takes half a minute
 *   --seed <n>       of all choices; printed, so that a run can be repeated
 *   DATABASE_URL     the server that gets the database; not set: an embedded one
 *
 * The log of the process is kept in `.data/security`.
 *
 * Exit codes: 0 every promise kept · 1 a promise broken, or the run failed.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runMalformed } from './malformed/run.js';

const CI_REQUESTS = 12_000;
const ALL_REQUESTS = 200_000;

const { values } = parseArgs({
  options: { ci: { type: 'boolean', default: false }, requests: { type: 'string' }, seed: { type: 'string' } },
});

runMalformed({
  seed: Number(values.seed ?? randomInt(1_000_000)),
  requests: Number(values.requests ?? (values.ci ? CI_REQUESTS : ALL_REQUESTS)),
}).then(
  (kept) => process.exit(kept ? 0 : 1),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
