/**
 * Runs every shell block of the documentation (```sh) against a sandbox of its own, in the order of the pages.
 * Blocks that start with npm are the steps of the gate itself and are left to it. A call must be answered,
 * and with a status below 400, or 422 where a page shows a refusal.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = path.resolve(import.meta.dirname, '..');
const state = path.join(root, '.data/sandbox.json');
const PAGES = [
  'README.md',
  'docs/api.md',
  'docs/broadcasts.md',
  'docs/audiences.md',
  'docs/receipts.md',
  'docs/templates.md',
  'docs/webhooks.md',
  'docs/access.md',
  'docs/rongcloud-compatible.md',
  'docs/configuration.md',
  'docs/operations.md',
  'docs/data-life.md',
  'docs/cli.md',
  'docs/secrets.md',
  'docs/troubleshooting.md',
];

const PLATFORM_KEY = randomBytes(32).toString('hex');

/** Replaces curl: prints the answer and ends the script when the status is a fault. */
const PRELUDE = `
set -euo pipefail
curl() {
  local status
  status=$(command curl -o "$BODY" -w '%{http_code}' "$@")
  cat "$BODY"; echo
  if [ "$status" -lt 200 ] || { [ "$status" -ge 400 ] && [ "$status" -ne 422 ]; }; then
    echo "status $status: $*" >&2; exit 1
  fi
}
BODY=$(mktemp)
`;

function blocksOf(page) {
  const text = readFileSync(path.join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block);
  return blocks.filter((block) => !block.startsWith('npm ')).map((block) => `echo '# ${page}'\n${block}`);
}

rmSync(state, { force: true });
const platform = spawn(process.execPath, ['dist/src/main.js'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, PORT: '0', BELLHOP_SANDBOX: 'true', BELLHOP_PLATFORM_KEY: PLATFORM_KEY },
});
for (let tries = 0; !/"pid"/.test(safeRead(state)); tries++) {
  if (platform.exitCode !== null || tries > 600) throw new Error('The sandbox did not start.');
  await pause(100);
}

const blocks = PAGES.flatMap(blocksOf);
const { status, stdout, stderr } = spawnSync('bash', ['-c', PRELUDE + blocks.join('\n')], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, PLATFORM_KEY },
});
platform.kill('SIGTERM');
if (status !== 0) console.error(`${stdout.slice(-2000)}\n${stderr}`);
console.log(`${blocks.length} blocks of ${PAGES.length} pages: ${status === 0 ? 'all run' : 'FAILED'}`);
process.exitCode = status === 0 ? 0 : 1;

function safeRead(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
