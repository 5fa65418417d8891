import { EnvironmentInvalidError, readEnvironment } from '../../src/platform/env.js';
import { newKey } from '../../src/platform/env.keys.js';

const SAFE: Readonly<Record<string, string>> = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://bellhop:hunter2@db.example.com/bellhop',
  BELLHOP_KEYS: newKey('k1'),
  BELLHOP_PLATFORM_KEY: newKey('k1').slice(3),
  PUBLIC_URL: 'https://push.example.com',
};
const ZEROS = `k1:${Buffer.alloc(32).toString('base64')}`;

describe('a production', () => {
  const faultsOf = (change: Readonly<Record<string, string | undefined>>): readonly [string, string][] => {
    try {
      readEnvironment({ ...SAFE, ...change });
      return [];
    } catch (error) {
      if (!(error instanceof EnvironmentInvalidError)) throw error;
      expect(error.exitCode).toBe(78);
      expect(error.faults.every(({ hint }) => hint.length > 10)).toBe(true);
      // Nothing that is secret is repeated on the way to a log.
      const secrets = [
        SAFE.BELLHOP_KEYS?.slice(3),
        SAFE.BELLHOP_PLATFORM_KEY,
        'hunter2',
        change['BELLHOP_PLATFORM_KEY'],
      ];
      for (const secret of secrets) if (secret) expect(error.message).not.toContain(secret);
      return error.faults.map(({ variable, message }) => [variable, message]);
    }
  };

  it('that is safe starts', () => {
    expect(faultsOf({})).toEqual([]);
  });

  it.each<[words: string, change: Record<string, string | undefined>, variable: string, message: RegExp]>([
    ['without a key ring', { BELLHOP_KEYS: undefined }, 'BELLHOP_KEYS', /must be set/],
    ['with a key of zeros', { BELLHOP_KEYS: ZEROS }, 'BELLHOP_KEYS', /random keys, and "k1" \(entry 1\)/],
    ['with a key that is short', { BELLHOP_KEYS: 'k1:c2hvcnQ=' }, 'BELLHOP_KEYS', /32 bytes/],
    ['with two keys of one name', { BELLHOP_KEYS: `${newKey('a')},${newKey('a')}` }, 'BELLHOP_KEYS', /twice/],
    ['with the example for a key', { BELLHOP_KEYS: 'k1:<base64 of 32 random bytes>' }, 'BELLHOP_KEYS', /id:base64/],
    ['with a short platform key', { BELLHOP_PLATFORM_KEY: 'short' }, 'BELLHOP_PLATFORM_KEY', /32 characters/],
    ['with a word again and again', { BELLHOP_PLATFORM_KEY: 'changeme'.repeat(5) }, 'BELLHOP_PLATFORM_KEY', /random/],
    ['with one digit for a platform key', { BELLHOP_PLATFORM_KEY: '0'.repeat(64) }, 'BELLHOP_PLATFORM_KEY', /random/],
    ['that would be a sandbox by accident', { DATABASE_URL: undefined }, 'DATABASE_URL', /in production/],
    ['with another kind of database', { DATABASE_URL: 'mysql://root:hunter2@db/x' }, 'DATABASE_URL', /postgres/],
    ['that trusts every proxy', { BELLHOP_TRUSTED_PROXIES: '0.0.0.0/0' }, 'BELLHOP_TRUSTED_PROXIES', /addresses/],
    ['that trusts any proxy', { BELLHOP_TRUSTED_PROXIES: 'true' }, 'BELLHOP_TRUSTED_PROXIES', /addresses/],
    ['that may call every host', { BELLHOP_EGRESS_ALLOW: '*' }, 'BELLHOP_EGRESS_ALLOW', /host:port/],
    ['with an address that is none', { PUBLIC_URL: 'javascript:alert(1)' }, 'PUBLIC_URL', /https/],
    ['that reads rates of nothing', { BELLHOP_API_RATE: '-1' }, 'BELLHOP_API_RATE', /0 to/],
    ['that forgets its audit at once', { BELLHOP_AUDIT_DAYS: '1' }, 'BELLHOP_AUDIT_DAYS', /30 to/],
  ])('%s is refused', (_words, change, variable, message) => {
    expect(faultsOf(change)).toEqual([[variable, expect.stringMatching(message)]]);
  });

  it('with all of it at once hears of all of it at once', () => {
    const found = faultsOf({
      DATABASE_URL: undefined,
      BELLHOP_KEYS: ZEROS,
      BELLHOP_PLATFORM_KEY: '0'.repeat(64),
      BELLHOP_TRUSTED_PROXIES: '*',
      BELLHOP_EGRESS_ALLOW: '*',
      PUBLIC_URL: 'push.example.com',
    });
    expect(found.map(([variable]) => variable).toSorted()).toEqual([
      'BELLHOP_EGRESS_ALLOW',
      'BELLHOP_KEYS',
      'BELLHOP_PLATFORM_KEY',
      'BELLHOP_TRUSTED_PROXIES',
      'DATABASE_URL',
      'PUBLIC_URL',
    ]);
  });

  it('may be a sandbox where that is meant', () => {
    expect(faultsOf({ DATABASE_URL: undefined, BELLHOP_SANDBOX: 'true' })).toEqual([]);
  });
});
