/**
 * `npm run demo`: one callback of each vendor, followed to the phones of the demo user.
 * Uses the platform that runs in the sandbox, or starts one of its own for the time of the demo.
 *
 *   --all  in addition everything that goes out: audiences, schedules, vendors' pushes, receipts, webhooks
 *
 * Exit codes: 0 everything was as expected · 1 something was not.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CALLBACKS } from './demo/callbacks.js';
import { runningIn, startOwn } from './demo/platform.js';
import { SECTIONS } from './demo/sections.js';
import { Stage } from './demo/stage.js';
import { say } from './demo/words.js';

const { values: flags } = parseArgs({ options: { all: { type: 'boolean', default: false } } });

async function main(): Promise<number> {
  const dataDir = path.resolve(process.env.BELLHOP_DATA_DIR ?? '.data');
  const own = (await runningIn(dataDir)) ? undefined : await startOwn();
  try {
    const sandbox = await runningIn(own?.dataDir ?? dataDir);
    if (!sandbox) throw new Error('The sandbox did not start.');
    say(`Platform: ${sandbox.url} (documentation at ${sandbox.url}/docs)`);
    const stage = new Stage(sandbox);
    for (const section of flags.all ? [...CALLBACKS, ...SECTIONS] : CALLBACKS) await stage.play(section);
    say(verdictOf(stage));
    return stage.faults === 0 ? 0 : 1;
  } finally {
    await own?.stop();
  }
}

function verdictOf({ checks, faults }: Stage): string {
  if (faults > 0) return `${faults} expectation(s) not met.`;
  return flags.all ? `\nAll ${checks} expectations met.` : 'Everything arrived, once.';
}

try {
  process.exitCode = await main();
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
