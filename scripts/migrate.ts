/**
 * The schema of the database the environment names: `migrate up | down | status`, short for `bellhop migrate …`.
 *   from the sources   node --import ./scripts/ts-hook.mjs scripts/migrate.ts up
 *   from the build     node dist/scripts/migrate.js up
 */
import { run } from '../src/cli/program.js';

process.exitCode = await run(['migrate', ...process.argv.slice(2)], {
  env: process.env,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
});
