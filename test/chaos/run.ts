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

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Carries scenarios out one after another, and says what each of them measured and found.
 * @returns whether every promise was kept.
 * @throws {Error} for a name that no scenario has.
 */
export async function runChaos({ seed, ci, only }: RunOptions): Promise<boolean> {
  const chosen = only ? only.map(scenarioOf) : SCENARIOS.filter((scenario) => scenario.ci || !ci);
  const again = `npm run chaos -- --seed ${seed}${ci ? ' --ci' : ''}`;
  say(`Chaos: ${chosen.length} scenarios. Repeat with ${again}`);
  const failed: string[] = [];
  for (const scenario of chosen) {
    if (!(await carryOut(scenario, seed, ci))) failed.push(scenario.name);
  }
  if (failed.length === 0) say('\nEvery promise was kept.');
  else say(`\nPromises were broken. Repeat with ${again} --only ${failed.join(',')}`);
  return failed.length === 0;
}

function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`No scenario "${name}"; there are ${SCENARIOS.map((one) => one.name).join(', ')}.`);
  return found;
}

async function carryOut(scenario: Scenario, seed: number, ci: boolean): Promise<boolean> {
  const { name, about } = scenario;
  say(`\n# ${name}: ${about}`);
  const started = performance.now();
  const findings = new Findings();
  const chaos: Chaos = { name, ci, seed, random: new Random(seedOf(seed, name)), findings, say };
  let fault: string | undefined;
  try {
    await scenario.run(chaos);
  } catch (error) {
    fault = (error as Error).stack ?? String(error);
  }
  report(findings);
  if (fault) say(`FAILED: ${fault}`);
  say(`  took ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return fault === undefined && findings.broken.length === 0;
}

const WIDTH = 62;

function report({ figures, counts, broken }: Findings): void {
  for (const [name, value] of figures) say(`  ${name.padEnd(WIDTH)} ${value}`);
  for (const [promise, count] of counts) say(`  ${promise.padEnd(WIDTH)} ${count}`);
  for (const { promise, count, examples } of broken) {
    say(`VIOLATED: ${count} ${promise}, such as`);
    for (const example of examples) say(`    ${example}`);
  }
}
