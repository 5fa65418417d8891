import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Findings } from '../scenario.js';

/** One run of `npm run bench`. */
export interface Run {
  readonly machine: Readonly<Record<string, unknown>>;
  readonly database: object;
  readonly quick: boolean;
  readonly rounds: number;
  readonly findings: Readonly<Record<string, Findings>>;
}

const started = new Date().toISOString();

/** @returns the file, one for each run however often it is saved. */
export function save(run: Run): string {
  const file = path.join('bench/results', `${started.replaceAll(':', '-').slice(0, 19)}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ at: started, ...run }, null, 2)}\n`);
  return file;
}
