import path from 'node:path';
import { TestServer } from '../../bench/support/postgres.js';
import { Findings } from './findings.js';
import type { Chaos, Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';
import { Random, seedOf } from './stage/random.js';

export interface RunOptions {
  readonly seed: number;
  readonly ci: boolean;
  /** Names of scenarios. Absent: all of them, or those of the subset. */
  readonly only?: readonly string[] | undefined;
}

const tell = (line: string): void => void process.stdout.write(`${line}\n`);

/** Scenarios of the subset that run at once: most of their time they wait. */
const LANES = 2;

/**
 * Carries scenarios out, and says what each of them measured and found.
 * @returns whether every promise was kept.
 * @throws {Error} for a name that no scenario has.
 */
export async function runChaos({ seed, ci, only }: RunOptions): Promise<boolean> {
  const chosen = only ? only.map(scenarioOf) : SCENARIOS.filter((scenario) => scenario.ci || !ci);
  const again = `npm run chaos -- --seed ${seed}${ci ? ' --ci' : ''}`;
  tell(`Chaos: ${chosen.length} scenarios. Repeat with ${again}`);
  const failed: string[] = [];
  const server = await TestServer.start(path.resolve('.data/chaos/postgres'));
  const lane = async (scenarios: Iterable<Scenario>): Promise<void> => {
    for (const scenario of scenarios) if (!(await carryOut(scenario, { seed, ci, server }))) failed.push(scenario.name);
  };
  try {
    const together = chosen.filter(({ alone }) => !alone).values();
    await Promise.all(Array.from({ length: ci ? LANES : 1 }, () => lane(together)));
    await lane(chosen.filter(({ alone }) => alone));
  } finally {
    await server.stop();
  }
  if (failed.length === 0) tell('\nEvery promise was kept.');
  else tell(`\nPromises were broken. Repeat with ${again} --only ${failed.join(',')}`);
  return failed.length === 0;
}

function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`No scenario "${name}"; there are ${SCENARIOS.map((one) => one.name).join(', ')}.`);
  return found;
}

async function carryOut(scenario: Scenario, run: Pick<Chaos, 'seed' | 'ci' | 'server'>): Promise<boolean> {
  const { name, about } = scenario;
  // Those that run at once speak one after the other.
  const lines: string[] = [];
  const say = run.ci ? (line: string) => void lines.push(line) : tell;
  say(`\n# ${name}: ${about}`);
  const started = performance.now();
  const findings = new Findings();
  const chaos: Chaos = { ...run, name, random: new Random(seedOf(run.seed, name)), findings, say };
  let fault: string | undefined;
  try {
    await scenario.run(chaos);
  } catch (error) {
    fault = (error as Error).stack ?? String(error);
  }
  report(findings, say);
  if (fault) say(`FAILED: ${fault}`);
  say(`  took ${((performance.now() - started) / 1000).toFixed(0)} s`);
  for (const line of lines) tell(line);
  return fault === undefined && findings.broken.length === 0;
}

const WIDTH = 62;

function report({ figures, counts, broken }: Findings, say: Chaos['say']): void {
  for (const [name, value] of figures) say(`  ${name.padEnd(WIDTH)} ${value}`);
  for (const [promise, count] of counts) say(`  ${promise.padEnd(WIDTH)} ${count}`);
  for (const { promise, count, examples } of broken) {
    say(`VIOLATED: ${count} ${promise}, such as`);
    for (const example of examples) say(`    ${example}`);
  }
}
