/**
 * Builds into dist. With `--if-stale` only when a source is newer than the build: a start beside a running platform
 * leaves its files alone, and a second start takes no time.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, globSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const marker = path.join(root, 'dist/.built');
const SOURCES = [
  '{src,libs,migrations,scripts,bench,test/chaos,test/security}/**/*.ts',
  'console/*',
  'tsconfig*.json',
  'nest-cli.json',
  'package-lock.json',
];

const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const exclude = ['**/node_modules/**'];
const newest = Math.max(...globSync(SOURCES, { cwd: root, exclude }).map((file) => changed(path.join(root, file))));

if (!process.argv.includes('--if-stale') || newest > changed(marker)) {
  const nest = path.join(root, 'node_modules/@nestjs/cli/bin/nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  // Served as it stands.
  cpSync(path.join(root, 'console'), path.join(root, 'dist/console'), { recursive: true });
  // The compiler knows no programs: `npx bellhop` runs it by itself.
  chmodSync(path.join(root, 'dist/src/cli/main.js'), 0o755);
  writeFileSync(marker, '');
}
