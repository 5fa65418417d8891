import { appendFileSync } from 'node:fs';
import path from 'node:path';

/** Environment variable: the file in which a run collects what its tests have executed; not set: nobody counts. */
const LOG = 'BELLHOP_EXECUTED_LOG';

/**
 * Notes that a test has executed entries of a fixture file, and that they passed: it stands at the end of the test.
 * `npm test` holds them against the files.
 * @param file    as {@link fixtureName} names it.
 * @param entries ids; an entry without one is named by its list and place (`requests/0`).
 */
export function executed(file: string, ...entries: readonly string[]): void {
  const log = process.env[LOG];
  const { testPath } = expect.getState();
  const lines = entries.map((entry) => JSON.stringify([file, entry, testPath]));
  if (log) appendFileSync(log, lines.map((line) => `${line}\n`).join(''));
}

/** `…/libs/vendors/rongcloud/fixtures/responses.json` → `rongcloud/responses.json`. */
export function fixtureName(file: string): string {
  const folder = path.dirname(path.dirname(file));
  return `${path.basename(folder)}/${path.basename(file)}`;
}
