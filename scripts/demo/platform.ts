import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { readSandbox, type SandboxState } from '../../src/sandbox/sandbox-state.js';
import { say, until } from './words.js';

/** The embedded PostgreSQL makes its cluster first. */
const START_MS = 60_000;

/** A sandbox whose platform answers. */
export type Running = SandboxState & Required<Pick<SandboxState, 'url' | 'simulators' | 'receiver'>>;

/**
 * The platform whose sandbox file lies in this folder, if it answers.
 * @throws {Error} when it is of an earlier release.
 */
export async function runningIn(dataDir: string): Promise<Running | undefined> {
  const state = await readSandbox(dataDir);
  if (!state?.url || !state.simulators) return undefined;
  const alive = await fetch(`${state.url}/health/live`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
  if (!alive) return undefined;
  if (!state.receiver) throw new Error('The sandbox that runs is of an earlier release: stop it and start it again.');
  return state as Running;
}

/** A sandbox in a process and a folder of its own. */
export async function startOwn(): Promise<{ dataDir: string; stop(): Promise<void> }> {
  say('No sandbox is running: starting one for the demo.');
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'bellhop-demo-'));
  // PostgreSQL drops root's rights and must still get in; what is secret inside is readable by its owner only.
  await chmod(dataDir, 0o711);
  const entry = path.resolve(import.meta.dirname, '../../src/main.js');
  const env = { ...process.env, PORT: '0', BELLHOP_DATA_DIR: dataDir, BELLHOP_SANDBOX: 'true' };
  const child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const stop = async (): Promise<void> => {
    await stopped(child);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const look = async () => (child.exitCode === null ? runningIn(dataDir) : Promise.reject(gone(child)));
    await until('the platform answers', look, START_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { dataDir, stop };
}

const gone = (child: ChildProcess): Error => new Error(`The platform ended with code ${child.exitCode}.`);

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}
