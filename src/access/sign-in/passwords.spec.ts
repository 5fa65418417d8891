import { argon2Sync } from 'node:crypto';
import { Passwords } from './passwords.js';

const passwords = new Passwords();
const PASSWORD = 'correct horse battery staple';

/** A stored password with other parameters, made without the code under test. */
function phc(memory: number, passes: number): string {
  const nonce = Buffer.from('0123456789abcdef');
  const tag = argon2Sync('argon2id', { message: PASSWORD, nonce, parallelism: 1, tagLength: 32, memory, passes });
  const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${text(nonce)}$${text(tag)}`;
}

const STORED = phc(19_456, 2);

describe('Passwords', () => {
  it('stores argon2id with the parameters that OWASP names, and another salt each time', async () => {
    const [one, two] = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)]);
    for (const stored of [one, two]) {
      expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
      expect(await passwords.verify(PASSWORD, stored)).toBe('match');
      expect(await passwords.verify(`${PASSWORD} `, stored)).toBe('mismatch');
    }
    expect(one).not.toBe(two);
  });

  it('knows what was stored with other parameters, and says that it is stale', async () => {
    expect(await passwords.verify(PASSWORD, STORED)).toBe('match');
    for (const stored of [phc(7_168, 5), phc(19_456, 3)]) {
      expect(await passwords.verify(PASSWORD, stored)).toBe('stale');
      expect(await passwords.verify('another', stored)).toBe('mismatch');
    }
  });

  it('takes one spelling of a letter for another', async () => {
    const stored = await passwords.hash('Pa\u0308ssword of mine');
    expect(await passwords.verify('P\u00e4ssword of mine', stored)).toBe('match');
  });

  it('matches nothing where there is no password', async () => {
    for (const stored of [null, undefined]) expect(await passwords.verify('', stored)).toBe('mismatch');
  });

  it.each([
    ['hashes', () => passwords.hash(PASSWORD)],
    ['checks of somebody', () => passwords.verify('wrong', STORED)],
    // The same work, so that nobody can tell from the time who is known.
    ['checks of nobody', () => passwords.verify('wrong', undefined)],
  ])('does two %s at once, lets some wait, and turns the others away', async (_words, work) => {
    const attempts = await Promise.allSettled(Array.from({ length: 80 }, work));
    const refused = attempts.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(80 - 66);
    expect(refused[0]).toMatchObject({ reason: { code: 'auth.busy', status: 503 } });
    expect(await passwords.verify(PASSWORD, await passwords.hash(PASSWORD))).toBe('match');
  });

  it.each(['plain', '$argon2i$v=19$m=1,t=1,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA'])(
    'does not take %j for a stored password',
    async (stored) => {
      await expect(passwords.verify(PASSWORD, stored)).rejects.toThrow('unknown form');
    },
  );
});
