/**
 * `npm run bench`: every scenario beside its ceiling, in turns, on one machine in one run. What is measured, how, and
 * what came out: docs/performance.md.
 *
 *   --only <names>   scenarios to run, separated by commas; without it: all of them
 *   --rounds <n>     counted rounds, 5 unless told
 *   --quick          one round of small sizes, for trying scenarios out
 *   DATABASE_URL     the server that gets the databases of the run; not set: the embedded one, with fsync on
 *   BENCH_PROFILE    names of processes (`api`, `all`, `worker`) that leave a CPU profile in bench/results/
 *
 * Exit codes: 0 measured · 1 failed, or a round is not valid.
 */
import { parseArgs } from 'node:util';
import { machine } from './support/measures.js';
import { TestServer } from './support/postgres.js';
import type { Findings, Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';
import { save } from './report/results.js';
import { tableOf, verdicts } from './report/tables.js';

const say = (text = ''): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, rounds: { type: 'string' } },
  });
  const chosen = chosenBy(values.only);
  const { quick } = values;
  const rounds = Number(values.rounds ?? (quick ? 1 : 5));
  const server = await TestServer.start();
  const before = machine();
  say(`PostgreSQL ${JSON.stringify(server.facts)}`);
  say(JSON.stringify(before));
  const findings: Record<string, Findings> = {};
  const keep = (more: object = {}): string =>
    save({ machine: { ...before, ...more }, database: server.facts, quick, rounds, findings });
  const failed: string[] = [];
  try {
    for (const scenario of chosen) {
      say(`\n# ${scenario.name}: ${scenario.about}`);
      const started = performance.now();
      try {
        const found = await scenario.run({ server, rounds, quick, say });
        findings[scenario.name] = found;
        for (const table of found.tables) say(`\n${table.title}\n\n${tableOf(table)}`);
      } catch (error) {
        // The others are worth having.
        failed.push(scenario.name);
        say(`FAILED: ${(error as Error).stack}`);
      }
      say(`\n${scenario.name} took ${Math.round((performance.now() - started) / 1000)} s.`);
      // After each, so that a run which is cut short leaves what it measured.
      keep();
    }
    say(`\n${verdicts(Object.values(findings))}`);
    say(`\nRaw figures: ${keep({ loadAtEnd: machine().loadAverage })}`);
    const invalid = Object.keys(findings).filter((name) => !findings[name]?.valid);
    if (invalid.length > 0) say(`Not valid: ${invalid.join(', ')}`);
    return failed.length === 0 && invalid.length === 0;
  } finally {
    await server.stop();
  }
}

function chosenBy(only: string | undefined): readonly Scenario[] {
  if (!only) return SCENARIOS;
  return only.split(',').map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name);
    if (!found) throw new Error(`No scenario "${name}"; there are ${SCENARIOS.map((one) => one.name).join(', ')}.`);
    return found;
  });
}

// Processes that a failure left running end with this one.
main().then(
  (valid) => process.exit(valid ? 0 : 1),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
