import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const SCRIPT = path.resolve(import.meta.dirname, '../../scripts/licences.mjs');

describe('the list of licences', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'bellhop-licences-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const check = (packages: Record<string, object>) => {
    const own = { name: 'shop', version: '1.0.0' };
    writeFileSync(path.join(root, 'package.json'), JSON.stringify(own));
    const lock = { ...own, lockfileVersion: 3, packages: { '': own, ...packages } };
    writeFileSync(path.join(root, 'package-lock.json'), JSON.stringify(lock));
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--root', root], { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  };

  it.each([
    ['MIT', 0],
    ['Apache-2.0 WITH LLVM-exception', 0],
    ['(MIT OR GPL-3.0)', 0],
    ['(MIT OR GPL-3.0) AND ISC', 0],
    ['MIT AND GPL-3.0', 1],
    ['(MIT OR Apache-2.0) AND (GPL-2.0 OR AGPL-3.0)', 1],
    ['GPL-3.0-only', 1],
    ['LGPL-2.1', 1],
    ['SSPL-1.0', 1],
    ['BUSL-1.1', 1],
    ['SEE LICENSE IN file.txt', 1],
    ['UNLICENSED', 1],
    [undefined, 1],
  ])('%s ends with %s', (license, expected) => {
    const { status, said } = check({ 'node_modules/one': { version: '2.0.0', license } });
    expect([status, said]).toEqual([expected, said]);
    expect(said.includes('one@2.0.0: ')).toBe(expected === 1);
  });

  it('is about what production installs, wherever it lies', () => {
    expect(check({ 'node_modules/tool': { version: '1.0.0', license: 'GPL-3.0', dev: true } }).status).toBe(0);
    expect(
      check({ 'node_modules/a/node_modules/@x/b': { version: '1.0.0', license: 'GPL-3.0', optional: true } }),
    ).toEqual({
      status: 1,
      said: expect.stringContaining('@x/b@1.0.0: GPL-3.0'),
    });
  });

  it('of this product has no entry that is refused', () => {
    const { status, stdout } = spawnSync(process.execPath, [SCRIPT], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^\d{3,} packages, 0 refused$/m)]);
    expect(JSON.parse(readFileSync('package.json', 'utf8'))).toMatchObject({ license: 'Apache-2.0' });
  });
});
