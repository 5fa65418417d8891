/**
 * `npm run bench:publish -- <result.json> …`: makes the published figures of runs of `npm run bench`. Of every scenario
 * the newest findings are taken. Writes docs/benchmarks/latest.json, a plot each as docs/benchmarks/<name>.svg, and the
 * sections between the marks of docs/performance.md and docs/scaling.md.
 *
 * Exit codes: 0 written · 1 nothing written: no such file, a quick run, findings that are not valid.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import type { Findings, Plot, Table } from '../scenario.js';
import { costs as costScenario } from '../scenarios/costs.js';
import { SCENARIOS } from '../scenarios/index.js';
import { TARGETS } from '../targets.js';
import { svgOf } from './plots.js';
import type { Run } from './results.js';
import { arithmeticOf } from './scaling.js';
import { tableOf, verdicts } from './tables.js';

const FOLDER = 'docs/benchmarks';
/** Pages, and the name of the section in each that is written here. */
const PERFORMANCE = ['docs/performance.md', 'figures'] as const;
const SCALING = ['docs/scaling.md', 'arithmetic'] as const;

/** As it was saved: JSON knows no NaN, so what is not applicable comes back as null. */
type SavedRun = Run & { readonly at: string };

/** What a scenario found last, and the run that it was found in. */
interface Newest extends Findings {
  readonly scenario: string;
  readonly run: SavedRun;
}

async function main(files: readonly string[]): Promise<void> {
  if (files.length === 0) throw new Error('Name the results to publish: bench/results/<time>.json …');
  const newest = newestOf(files.map(read));
  const pages = [between(PERFORMANCE, section(newest))];
  const costs = newest.find(({ scenario }) => scenario === costScenario.name);
  if (costs) pages.push(between(SCALING, `Run of ${costs.run.at}. ${arithmeticOf(costs)}`));
  mkdirSync(FOLDER, { recursive: true });
  await write(path.join(FOLDER, 'latest.json'), JSON.stringify(merged(newest)));
  for (const plot of newest.flatMap(({ plots }) => plots)) writeFileSync(fileOf(plot), svgOf(plot));
  for (const { file, text } of pages) await write(file, text);
}

/** The page with what is between `<!-- name -->` and `<!-- /name -->` replaced. */
function between([file, name]: readonly [string, string], text: string): { file: string; text: string } {
  const page = readFileSync(file, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [before, after] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || after < before) throw new Error(`${file} has no ${begin} … ${end}.`);
  return { file, text: `${page.slice(0, before + begin.length)}\n\n${text}\n\n${page.slice(after)}` };
}

function read(file: string): SavedRun {
  const run = JSON.parse(readFileSync(file, 'utf8')) as SavedRun;
  if (run.quick) throw new Error(`${file} is of a quick run: its sizes are for trying scenarios out.`);
  return run;
}

/** In the order in which a whole run takes them. */
function newestOf(runs: readonly SavedRun[]): readonly Newest[] {
  const latestFirst = [...runs].sort((a, b) => b.at.localeCompare(a.at));
  return SCENARIOS.flatMap(({ name: scenario }) => {
    const run = latestFirst.find(({ findings }) => findings[scenario]);
    const found = run?.findings[scenario];
    if (!run || !found) return [];
    if (!found.valid) throw new Error(`What "${scenario}" found in the run of ${run.at} is not valid.`);
    return [{ ...found, scenario, run }];
  });
}

/** The facts of a run stand once, however many scenarios are taken from it. */
function merged(newest: readonly Newest[]): object {
  const runs = [...new Set(newest.map(({ run }) => run))];
  return {
    runs: runs.map(({ at, machine, database, rounds }) => ({ at, machine, database, rounds })),
    findings: Object.fromEntries(newest.map(({ scenario, run, ...found }) => [scenario, { run: run.at, ...found }])),
  };
}

function section(newest: readonly Newest[]): string {
  const runs = [...new Set(newest.map(({ run }) => run))];
  const measured = new Set(newest.flatMap(({ measures }) => measures.map(({ target }) => target)));
  const missing = Object.entries(TARGETS).filter(([id]) => !measured.has(id as keyof typeof TARGETS));
  return [
    ...runs.map(factsOf),
    `Raw figures: [latest.json](benchmarks/latest.json).`,
    '### Targets',
    verdicts(newest),
    ...(missing.length > 0 ? [`Not measured: ${missing.map(([, { measure }]) => measure).join(' · ')}.`] : []),
    ...newest.map(chapterOf),
  ].join('\n\n');
}

function factsOf({ at, machine, database, rounds, findings }: SavedRun): string {
  const list = (facts: object): string =>
    Object.entries(facts)
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ');
  return `Run of ${at} (${Object.keys(findings).join(', ')}; ${rounds} rounds): ${list(machine)}. PostgreSQL: ${list(database)}.`;
}

function chapterOf({ scenario, run, settings, tables, plots }: Newest): string {
  const about = SCENARIOS.find(({ name }) => name === scenario)?.about ?? '';
  return [
    `### ${scenario}`,
    `${about.charAt(0).toUpperCase()}${about.slice(1)}. Run of ${run.at}. Settings: \`${JSON.stringify(settings)}\`.`,
    ...tables.map((table) => `**${table.title}**\n\n${tableOf(restored(table))}`),
    ...plots.map(({ name, title }) => `![${title}](benchmarks/${name}.svg)`),
  ].join('\n\n');
}

function restored({ columns, rows }: Table): Pick<Table, 'columns' | 'rows'> {
  return { columns, rows: rows.map((row) => row.map((cell) => cell ?? Number.NaN)) };
}

const fileOf = ({ name }: Plot): string => path.join(FOLDER, `${name}.svg`);

/** Laid out as everything in the repository is. */
async function write(file: string, text: string): Promise<void> {
  const options = await resolveConfig(file);
  writeFileSync(file, await format(text, { ...options, filepath: file }));
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
