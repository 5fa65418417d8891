/** Runs Jest on the TypeScript sources; arguments go through (`npm test -- libs/vendors`). */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const hook = new URL('./ts-hook.mjs', import.meta.url).href;
const jest = path.join(root, 'node_modules/jest/bin/jest.js');

const { status, signal } = spawnSync(process.execPath, [jest, '--maxWorkers=2', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, NODE_OPTIONS: `--enable-source-maps --import=${hook}` },
});
process.exit(signal ? 1 : (status ?? 1));
