/**
 * Runs Jest on the TypeScript sources; arguments go through (`npm test -- libs/vendors`).
 *
 * DATABASE_URL                  the server that gets the databases of the tests; not set: an embedded one for this run
 * BELLHOP_TEST_TIMEOUT_SECONDS  the whole run is killed after that (480): the light runner enforces no test timeout
 *
 * The counts are left in node_modules/.cache/bellhop/jest-<given|embedded>.json (Jest's own JSON).
 * Exit codes: 0 passed · 1 failed · 124 killed by the watchdog.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const WATCHDOG_EXIT = 124;

const root = path.resolve(import.meta.dirname, '..');
const hook = new URL('./ts-hook.mjs', import.meta.url).href;
const jest = path.join(root, 'node_modules/jest/bin/jest.js');
const args = process.argv.slice(2);
const watching = args.some((argument) => argument.startsWith('--watch'));
const limitSeconds = Number(process.env.BELLHOP_TEST_TIMEOUT_SECONDS) || 480;

const kind = process.env.DATABASE_URL ? 'given' : 'embedded';
const report = path.join(root, `node_modules/.cache/bellhop/jest-${kind}.json`);
mkdirSync(path.dirname(report), { recursive: true });
rmSync(report, { force: true });

const startedAt = new Map();
let database = 'none';
let killed = false;

const run = spawn(process.execPath, [jest, '--maxWorkers=2', '--json', `--outputFile=${report}`, ...args], {
  cwd: root,
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  // A group of its own: the watchdog also ends what a spec has started.
  detached: !watching,
  env: { ...process.env, NODE_OPTIONS: `--enable-source-maps --import=${hook}` },
});

run.on('message', (message) => {
  if (message.started) startedAt.set(message.started, Date.now());
  if (message.ended) startedAt.delete(message.ended);
  if (message.database) database = message.database;
  Object.assign(process.env, message.variables);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
const watchdog = watching ? undefined : setTimeout(bark, limitSeconds * 1000);

run.on('exit', (code, signal) => {
  clearTimeout(watchdog);
  void finish(code, signal);
});

function bark() {
  killed = true;
  console.error(`\nThe tests did not end within ${limitSeconds} s (BELLHOP_TEST_TIMEOUT_SECONDS) and are killed.`);
  for (const [file, since] of startedAt) {
    console.error(`  running for ${Math.round((Date.now() - since) / 1000)} s: ${path.relative(root, file)}`);
  }
  end('SIGKILL');
}

function end(signal) {
  if (!run.pid) return;
  try {
    process.kill(watching ? run.pid : -run.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

async function finish(code, signal) {
  if (signal || code > 1) await clean();
  console.error(`Database: ${database} (${kind})`);
  process.exit(killed ? WATCHDOG_EXIT : signal ? 1 : (code ?? 1));
}

/** A killed run had no time to take away its databases, or its embedded PostgreSQL. */
async function clean() {
  await import(hook);
  const { sweep } = await import('../test/support/embedded.ts');
  const { dropRun } = await import('../test/support/postgres.ts');
  await (kind === 'given' && process.env.BELLHOP_TEST_RUN ? dropRun() : sweep());
}
