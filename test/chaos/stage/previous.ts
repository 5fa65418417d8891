import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';

/** 0.2.0. */
const PREVIOUS = 'fc183eba9bb1f297c14a4d78e952ad6686196871';

/**
 * Takes the release before out of the history of this repository and builds it, once.
 * @returns its folder; undefined when the history does not reach so far, as in a shallow clone.
 */
export function previousRelease(): string | undefined {
  const folder = path.resolve('.data/chaos', `release-${PREVIOUS.slice(0, 7)}`);
  if (existsSync(path.join(folder, 'dist/src/main.js'))) return folder;
  if (spawnSync('git', ['cat-file', '-e', `${PREVIOUS}^{commit}`]).status !== 0) return undefined;
  mkdirSync(folder, { recursive: true });
  const { status, stdout } = spawnSync('git', ['archive', PREVIOUS], { maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error('The release before cannot be read from the history.');
  run('tar', ['-x', '-C', folder], { input: stdout });
  // What it depends on is here as well: dependencies are only added between releases.
  if (!existsSync(path.join(folder, 'node_modules'))) {
    symlinkSync(path.resolve('node_modules'), path.join(folder, 'node_modules'));
  }
  run(process.execPath, ['scripts/build.mjs'], { cwd: folder });
  return folder;
}

function run(command: string, args: readonly string[], options: { cwd?: string; input?: Buffer }): void {
  const { status, stderr } = spawnSync(command, args, { ...options, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
}
