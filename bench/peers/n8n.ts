/** n8n as a receiver of callbacks: a workflow of one webhook, whose executions are kept. What is set: README.md. */
import { freePort } from '../../src/platform/embedded-postgres.js';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { CallbackTarget } from '../support/turns.js';
import { fileOf } from './installed.js';

export const N8N = 'n8n';

const SETTINGS = {
  NODE_ENV: 'production',
  DB_TYPE: 'sqlite',
  DB_SQLITE_POOL_SIZE: '4',
  EXECUTIONS_MODE: 'regular',
  EXECUTIONS_DATA_SAVE_ON_SUCCESS: 'all',
  EXECUTIONS_DATA_PRUNE: 'false',
  N8N_CONCURRENCY_PRODUCTION_LIMIT: '-1',
  NODES_INCLUDE: '["n8n-nodes-base.webhook"]',
  N8N_LISTEN_ADDRESS: '127.0.0.1',
  N8N_LOG_LEVEL: 'error',
  N8N_DISABLE_UI: 'true',
  N8N_RUNNERS_ENABLED: 'false',
  N8N_PUBLIC_API_DISABLED: 'true',
  N8N_COMMUNITY_PACKAGES_ENABLED: 'false',
  N8N_DIAGNOSTICS_ENABLED: 'false',
  N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
  N8N_TEMPLATES_ENABLED: 'false',
  N8N_PERSONALIZATION_ENABLED: 'false',
  N8N_HIRING_BANNER_ENABLED: 'false',
  N8N_LICENSE_AUTO_RENEW_ENABLED: 'false',
};
const PROGRAM = fileOf('node_modules', 'n8n', 'bin', 'n8n');
/** Of `webhook-workflow.json`. */
const WORKFLOW = 'benchcallbacks01';

export async function n8nReceiver(): Promise<CallbackTarget> {
  // Beside the embedded PostgreSQL: a folder for temporary files may be in memory.
  const folder = await mkdtemp(path.resolve('.data/bench-n8n-'));
  const port = await freePort();
  const env = { ...process.env, NODE_OPTIONS: '', ...SETTINGS, N8N_USER_FOLDER: folder, N8N_PORT: String(port) };
  const command = (...words: string[]) => promisify(execFile)(process.execPath, [PROGRAM, ...words], { env });
  await command('import:workflow', `--input=${fileOf('webhook-workflow.json')}`);
  await command('update:workflow', `--id=${WORKFLOW}`, '--active=true');
  const child = spawn(process.execPath, [PROGRAM, 'start'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill());
  await ready(child);
  const database = new DatabaseSync(path.join(folder, '.n8n', 'database.sqlite'), { readOnly: true, timeout: 10_000 });
  return {
    name: N8N,
    pids: [child.pid ?? 0],
    address: () => ({ host: '127.0.0.1', port, path: '/webhook/callbacks' }),
    stored: async () => saved(database),
    settle: () => quiet(database),
    async stop() {
      database.close();
      const gone = once(child, 'exit');
      child.kill();
      await gone;
      await rm(folder, { recursive: true });
    },
  };
}

/** Executions that ended well, with their data. */
function saved(database: DatabaseSync): number {
  const row = database
    .prepare(
      `SELECT count(*) AS count FROM execution_entity JOIN execution_data ON executionId = id WHERE status = 'success'`,
    )
    .get();
  return Number(row?.count);
}

/** n8n answers first and saves later, and nothing tells how much is still to come. Milliseconds. */
const QUIET = 1_500;
/** After that the accounting shows what is missing. Milliseconds. */
const PATIENCE = 60_000;

/** Resolves when no execution is under way and none has come or ended for a while. */
async function quiet(database: DatabaseSync): Promise<void> {
  const started = performance.now();
  let [last, since] = [progress(database), started];
  while (performance.now() - since < QUIET && performance.now() - started < PATIENCE) {
    await pause(100);
    const now = progress(database);
    if (now.underWay > 0 || now.ended !== last.ended) since = performance.now();
    last = now;
  }
}

function progress(database: DatabaseSync): { readonly underWay: number; readonly ended: number } {
  const row = database
    .prepare(
      `SELECT count(*) FILTER (WHERE status IN ('new', 'running')) AS underWay,
              count(*) FILTER (WHERE status NOT IN ('new', 'running')) AS ended FROM execution_entity`,
    )
    .get();
  return { underWay: Number(row?.underWay), ended: Number(row?.ended) };
}

/** Waits for the line that says so. */
async function ready(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once('exit', (code) => reject(new Error(`n8n ended with ${code}.`)));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    if (line.startsWith('Editor is now accessible')) resolve();
  });
  await promise;
}
