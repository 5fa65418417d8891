import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EnvironmentInvalidError, environmentExample, readDatabaseEnvironment, readEnvironment } from './env.js';
import { newKey, parseKeyRing } from './env.keys.js';

const DATABASE_URL = 'postgres://bellhop:s3cret@db.example.com/bellhop';
const production = { DATABASE_URL, BELLHOP_KEYS: newKey('k1') };

function faultsIn(source: Record<string, string>): Record<string, string> {
  try {
    readEnvironment(source);
  } catch (error) {
    if (!(error instanceof EnvironmentInvalidError)) throw error;
    return Object.fromEntries(error.faults.map(({ variable, message }) => [variable, message]));
  }
  return {};
}

describe('readEnvironment', () => {
  let dataDir: string;

  beforeEach(() => {
    dataDir = mkdtempSync(path.join(os.tmpdir(), 'bellhop-env-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('is a sandbox on loopback when there is no database', () => {
    expect(readEnvironment({ BELLHOP_DATA_DIR: dataDir })).toMatchObject({
      port: 3000,
      host: '127.0.0.1',
      role: 'all',
      databaseUrl: undefined,
      databasePool: 20,
      dataDir,
      dataDirExplicit: true,
      sandbox: true,
      migrateOnBoot: true,
      platformKey: undefined,
      publicUrl: undefined,
      logLevel: 'warn',
      shutdownGraceSeconds: 30,
      egressAllow: ['127.0.0.1:*', 'localhost:*'],
    });
  });

  it('is no sandbox when there is one', () => {
    expect(readEnvironment(production)).toMatchObject({
      host: '0.0.0.0',
      databaseUrl: DATABASE_URL,
      dataDir: path.resolve('.data'),
      dataDirExplicit: false,
      sandbox: false,
      migrateOnBoot: false,
      keys: [{ id: 'k1' }],
      egressAllow: [],
    });
  });

  it('reads every variable', () => {
    const read = readEnvironment({
      ...production,
      PORT: '0',
      HOST: '::1',
      BELLHOP_ROLE: 'worker',
      BELLHOP_SANDBOX: 'Yes',
      MIGRATE_ON_BOOT: '0',
      BELLHOP_PLATFORM_KEY: '0123456789abcdef'.repeat(2),
      PUBLIC_URL: 'https://push.example.com/in/',
      LOG_LEVEL: 'debug',
      DATABASE_POOL: ' 5 ',
      SHUTDOWN_GRACE_SECONDS: '0',
      BELLHOP_EGRESS_ALLOW: 'Hooks.Corp:8080, 0x7f.1:*,[0:0::1]:443',
    });
    expect(read).toMatchObject({
      port: 0,
      host: '::1',
      role: 'worker',
      sandbox: true,
      migrateOnBoot: false,
      platformKey: '0123456789abcdef'.repeat(2),
      publicUrl: 'https://push.example.com/in',
      logLevel: 'debug',
      databasePool: 5,
      shutdownGraceSeconds: 0,
      egressAllow: ['hooks.corp:8080', '127.0.0.1:*', '[::1]:443'],
    });
  });

  it('takes a variable that is set to nothing as not set', () => {
    expect(readEnvironment({ ...production, PORT: '', BELLHOP_SANDBOX: ' ', PUBLIC_URL: '' })).toMatchObject({
      port: 3000,
      sandbox: false,
      publicUrl: undefined,
    });
  });

  it.each([
    ['PORT', '80a', 'must be a whole number from 0 to 65535, and is "80a"'],
    ['PORT', '-1', 'must be a whole number from 0 to 65535, and is "-1"'],
    ['PORT', '65536', 'must be a whole number from 0 to 65535, and is "65536"'],
    ['BELLHOP_ROLE', 'web', 'must be one of the following values: all, api, worker, and is "web"'],
    ['BELLHOP_SANDBOX', 'maybe', 'must be a boolean value, and is "maybe"'],
    ['MIGRATE_ON_BOOT', '2', 'must be a boolean value, and is "2"'],
    ['DATABASE_POOL', '1', 'must be a whole number from 2 to 1000, and is "1"'],
    ['LOG_LEVEL', 'loud', expect.stringContaining('must be one of')],
    ['SHUTDOWN_GRACE_SECONDS', '1.5', 'must be a whole number from 0 to 3600, and is "1.5"'],
    ...['hooks.corp', 'hooks.corp:70000', 'a:1,,b:2', 'http://a:1', 'u@a:1', 'a b:1'].map(
      (text): [string, string, string] => [
        'BELLHOP_EGRESS_ALLOW',
        text,
        `must be host:port, separated by commas; the port may be *, and is "${text}"`,
      ],
    ),
    ['PUBLIC_URL', 'push.example.com', expect.stringContaining('https:// or http://')],
    ['DATABASE_URL', 'mysql://root:hunter2@db/x', 'must be an address that starts with postgres:// or postgresql://'],
    ['BELLHOP_PLATFORM_KEY', 'short', 'must have 32 characters or more'],
    ['BELLHOP_KEYS', 'nocolon', 'must be "id:base64", and entry 1 is not'],
    ['BELLHOP_KEYS', 'k1:c2hvcnQ=', 'must hold keys of 32 bytes, and "k1" (entry 1) has 5'],
    ['BELLHOP_KEYS', `${newKey('a')},${newKey('a')}`, 'names the key "a" twice'],
  ])('refuses %s=%s', (variable, value, message) => {
    expect(faultsIn({ ...production, [variable]: value })).toEqual({ [variable]: message });
  });

  it('names every fault at once, with a hint and without a secret', () => {
    const read = () =>
      readEnvironment({ DATABASE_URL: 'mysql://u:hunter2@h', PORT: 'x', BELLHOP_PLATFORM_KEY: 'tiny' });
    expect(read).toThrow(EnvironmentInvalidError);
    expect(read).toThrow(
      /\(4\)[^]*DATABASE_URL must[^]*PORT must[^]*→ For instance PORT=3000[^]*BELLHOP_KEYS must be set when/,
    );
    expect(read).not.toThrow(/hunter2|tiny/);
  });

  it('keeps one key of its own in the sandbox', () => {
    const [first] = readEnvironment({ BELLHOP_DATA_DIR: dataDir }).keys;
    const [again] = readEnvironment({ BELLHOP_DATA_DIR: dataDir }).keys;
    expect(first).toEqual(again);
    expect(first?.bytes).toHaveLength(32);
    expect(statSync(path.join(dataDir, 'keys')).mode & 0o777).toBe(0o600);
    expect(readdirSync(dataDir)).toEqual(['keys']);
  });

  it('writes nothing while there are faults, nor when keys are given', () => {
    expect(faultsIn({ BELLHOP_DATA_DIR: dataDir, PORT: 'x' })).toHaveProperty('PORT');
    readEnvironment({ BELLHOP_DATA_DIR: dataDir, BELLHOP_KEYS: newKey('mine') });
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('never replaces a kept key that it cannot read', () => {
    writeFileSync(path.join(dataDir, 'keys'), 'damaged');
    expect(faultsIn({ BELLHOP_DATA_DIR: dataDir })).toEqual({ BELLHOP_KEYS: expect.stringContaining('Restore it') });
    expect(readFileSync(path.join(dataDir, 'keys'), 'utf8')).toBe('damaged');
  });
});

it('migrations need no keys', () => {
  expect(readDatabaseEnvironment({ DATABASE_URL })).toMatchObject({ databaseUrl: DATABASE_URL, databasePool: 20 });
  expect(() => readDatabaseEnvironment({ DATABASE_POOL: 'many' })).toThrow(EnvironmentInvalidError);
});

it('a ring keeps its order: the first key seals', () => {
  const ring = parseKeyRing(`${newKey('new')}, ${newKey('old')}`);
  expect(ring.map(({ id }) => id)).toEqual(['new', 'old']);
});

it('.env.example is what the declaration says', () => {
  expect(readFileSync('.env.example', 'utf8')).toBe(environmentExample());
});
