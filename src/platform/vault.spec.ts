import { Vault, type VaultKey } from './vault.js';

const key = (id: string, byte: number): VaultKey => ({ id, bytes: Buffer.alloc(32, byte) });
const old = key('2025', 1);
const current = key('2026', 2);
const vault = new Vault([current, old]);
const CONTEXT = 'device:app-1:device-1';

describe('Vault', () => {
  it.each(['a token', '', '密钥 👩‍👩‍👧‍👦', 'x'.repeat(100_000)])('opens what it sealed: %#', (plaintext) => {
    expect(vault.open(vault.seal(plaintext, CONTEXT), CONTEXT)).toBe(plaintext);
  });

  it('shows nothing of what it sealed, and never the same', () => {
    const [one, other] = [vault.seal('a token', CONTEXT), vault.seal('a token', CONTEXT)];
    expect(one.includes('a token')).toBe(false);
    expect(one.equals(other)).toBe(false);
  });

  it('names the key that sealed, which is the first of the ring', () => {
    const sealed = vault.seal('a token', CONTEXT);
    expect([sealed[0], sealed.subarray(1, 5).toString()]).toEqual([4, '2026']);
  });

  it('opens with every key of the ring', () => {
    const sealed = new Vault([old]).seal('a token', CONTEXT);
    expect(vault.open(sealed, CONTEXT)).toBe('a token');
  });

  it('opens nothing without the key, and names it', () => {
    const sealed = vault.seal('a token', CONTEXT);
    expect(() => new Vault([old]).open(sealed, CONTEXT)).toThrow('The key ring has no key named "2026".');
  });

  it('opens nothing with another key of the same name', () => {
    const sealed = vault.seal('a token', CONTEXT);
    expect(() => new Vault([key('2026', 9)]).open(sealed, CONTEXT)).toThrow(Error);
  });

  it('opens nothing in the place of another row', () => {
    const sealed = vault.seal('a token', CONTEXT);
    expect(() => vault.open(sealed, 'device:app-1:device-2')).toThrow(Error);
    expect(() => vault.open(sealed, '')).toThrow(Error);
  });

  it('opens nothing that was changed, wherever', () => {
    const sealed = vault.seal('a token', CONTEXT);
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] as number) ^ 1;
      expect(() => vault.open(changed, CONTEXT)).toThrow(Error);
    }
  });

  it.each(['a token', ''])('opens nothing that was cut short: %p', (plaintext) => {
    const sealed = vault.seal(plaintext, CONTEXT);
    for (let length = 0; length < sealed.length; length++) {
      expect(() => vault.open(sealed.subarray(0, length), CONTEXT)).toThrow(Error);
    }
  });

  it('needs a key', () => {
    expect(() => new Vault([])).toThrow('The key ring is empty.');
  });
});

describe('tokenHash', () => {
  const hash = (ring: readonly VaultKey[], token = 'a token') => new Vault(ring).tokenHash(token).toString('hex');

  it('is the same for the same token, and 32 bytes', () => {
    expect(hash([old])).toBe(hash([old]));
    expect(vault.tokenHash('a token')).toHaveLength(32);
  });

  it('is another for another token or key', () => {
    expect(hash([old], 'another')).not.toBe(hash([old]));
    expect(hash([current])).not.toBe(hash([old]));
  });

  it('outlives a rotation: a new key in front changes nothing', () => {
    expect(hash([current, old])).toBe(hash([old]));
    expect(hash([key('2027', 3), current, old])).toBe(hash([old]));
  });
});

describe('signer', () => {
  const message = Buffer.from('a message');
  const signature = vault.signer('receipt', 16).sign(message);

  it('vouches for what it signed, and signs the same again', () => {
    expect(signature).toHaveLength(16);
    expect(vault.signer('receipt', 16).vouches(message, signature)).toBe(true);
    expect(vault.signer('receipt', 16).sign(message).equals(signature)).toBe(true);
  });

  it('vouches for nothing that was changed or cut, wherever', () => {
    const signer = vault.signer('receipt', 16);
    for (let i = 0; i < signature.length; i++) {
      const changed = Buffer.from(signature);
      changed[i] = (changed[i] as number) ^ 1;
      expect(signer.vouches(message, changed)).toBe(false);
      expect(signer.vouches(message, signature.subarray(0, i))).toBe(false);
    }
    expect(signer.vouches(Buffer.from('another message'), signature)).toBe(false);
    expect(signer.vouches(message, Buffer.concat([signature, Buffer.alloc(1)]))).toBe(false);
  });

  it('has other keys for another purpose, and for another ring', () => {
    expect(vault.signer('cursor', 16).vouches(message, signature)).toBe(false);
    expect(new Vault([key('2026', 9)]).signer('receipt', 16).vouches(message, signature)).toBe(false);
  });

  it('outlives a rotation, until the key is taken away', () => {
    const signed = new Vault([old]).signer('receipt', 16).sign(message);
    expect(signed.equals(signature)).toBe(false);
    expect(vault.signer('receipt', 16).vouches(message, signed)).toBe(true);
    expect(new Vault([current]).signer('receipt', 16).vouches(message, signed)).toBe(false);
  });
});

describe('data keys', () => {
  const data = (id: string, byte: number): VaultKey => ({ id, bytes: Buffer.alloc(32, byte) });
  const withDataKeys = (ring: readonly VaultKey[], sealing: readonly VaultKey[]): Vault => {
    const vault = new Vault(ring);
    vault.use({ inUse: true, sealing, hashing: Buffer.alloc(32, 50), signing: [Buffer.alloc(32, 51)] });
    return vault;
  };
  const keyOf = (sealed: Buffer): string => sealed.toString('utf8', 1, 1 + (sealed[0] as number));

  it('seal in place of the ring; what the ring sealed still opens', () => {
    const before = vault.seal('a token', CONTEXT);
    const with2 = withDataKeys([current, old], [data('@2', 42), data('@1', 41)]);
    const after = with2.seal('a token', CONTEXT);
    expect([keyOf(before), keyOf(after), with2.sealingKey]).toEqual(['2026', '@2', '@2']);
    expect([with2.open(before, CONTEXT), with2.open(after, CONTEXT)]).toEqual(['a token', 'a token']);
    expect(with2.open(withDataKeys([old], [data('@1', 41)]).seal('older', CONTEXT), CONTEXT)).toBe('older');
  });

  it('make hashes and signatures independent of the ring', () => {
    const [one, other] = [withDataKeys([current, old], []), withDataKeys([key('2030', 9)], [])];
    expect(one.tokenHash('a token')).toEqual(other.tokenHash('a token'));
    const signature = one.signer('receipt', 16).sign(Buffer.from('x'));
    expect(other.signer('receipt', 16).vouches(Buffer.from('x'), signature)).toBe(true);
  });

  it('only open and vouch until they are in use', () => {
    const keys = { sealing: [data('@1', 41)], hashing: Buffer.alloc(32, 50), signing: [Buffer.alloc(32, 51)] };
    const [waiting, inUse, before] = [new Vault([current]), new Vault([current]), new Vault([current])];
    waiting.use({ ...keys, inUse: false });
    inUse.use({ ...keys, inUse: true });
    expect([waiting.sealingKey, inUse.sealingKey]).toEqual(['2026', '@1']);
    expect(before.open(waiting.seal('a token', CONTEXT), CONTEXT)).toBe('a token');
    expect(waiting.open(inUse.seal('a token', CONTEXT), CONTEXT)).toBe('a token');
    const x = Buffer.from('x');
    const signed = [waiting, inUse].map((vault) => vault.signer('receipt', 16).sign(x));
    expect(signed.map((it) => before.signer('receipt', 16).vouches(x, it))).toEqual([true, false]);
    expect(signed.map((it) => waiting.signer('receipt', 16).vouches(x, it))).toEqual([true, true]);
  });

  it('reach a signer that was made before them, and spoil nothing that it signed', () => {
    const late = new Vault([current, old]);
    const signer = late.signer('receipt', 16);
    const before = signer.sign(Buffer.from('x'));
    late.use({ inUse: true, sealing: [], hashing: Buffer.alloc(32), signing: [Buffer.alloc(32, 51)] });
    const after = signer.sign(Buffer.from('x'));
    expect(after.equals(before)).toBe(false);
    expect([before, after].map((it) => signer.vouches(Buffer.from('x'), it))).toEqual([true, true]);
  });
});
