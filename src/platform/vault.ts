import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** One key of the ring: 32 bytes under a name that stands in every sealed value. */
export interface VaultKey {
  readonly id: string;
  readonly bytes: Buffer;
}

const ALGORITHM = 'aes-256-gcm';
const IV = 12;
const TAG = 16;
/** Said to the cipher as well, which would otherwise take the beginning of a tag for one. */
const TAG_LENGTH = { authTagLength: TAG };

/**
 * Seals secrets and tokens at rest. The first key of the ring seals, every key opens.
 * A sealed value is `id length · id · iv · tag · ciphertext`; the context ties it to its row, so it opens nowhere else.
 */
export class Vault {
  // Key objects throughout: Node makes one of every key in another form, each time that it is used.
  private readonly keys: ReadonlyMap<string, KeyObject>;
  private readonly hashKey: KeyObject;

  constructor(ring: readonly VaultKey[]) {
    const oldest = ring.at(-1);
    if (!oldest) throw new Error('The key ring is empty.');
    this.keys = new Map(ring.map(({ id, bytes }) => [id, createSecretKey(bytes)]));
    // The oldest key: adding one in front changes no hash, so look-ups survive a rotation.
    this.hashKey = derived(oldest.bytes, 'bellhop token hash');
  }

  seal(plaintext: string, context: string): Buffer {
    const [[id, key]] = [...this.keys] as [[string, KeyObject]];
    const iv = randomBytes(IV);
    const cipher = createCipheriv(ALGORITHM, key, iv, TAG_LENGTH).setAAD(Buffer.from(context));
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.from([id.length]), Buffer.from(id), iv, cipher.getAuthTag(), body]);
  }

  /** @throws {Error} when the key is not in the ring, or the value was changed or belongs to another row. */
  open(sealed: Buffer, context: string): string {
    const idEnd = 1 + (sealed[0] ?? 0);
    const id = sealed.toString('utf8', 1, idEnd);
    const key = this.keys.get(id);
    if (!key) throw new Error(`The key ring has no key named "${id}".`);
    const iv = sealed.subarray(idEnd, idEnd + IV);
    const tag = sealed.subarray(idEnd + IV, idEnd + IV + TAG);
    const decipher = createDecipheriv(ALGORITHM, key, iv, TAG_LENGTH).setAAD(Buffer.from(context)).setAuthTag(tag);
    const plaintext = decipher.update(sealed.subarray(idEnd + IV + TAG));
    // Checks the tag; in this mode there is never more text.
    decipher.final();
    return plaintext.toString('utf8');
  }

  /**
   * Signs for one purpose, with keys of its own that are derived from the ring.
   * @param length bytes of a signature, at most 32.
   */
  signer(purpose: string, length: number): Signer {
    const keys = [...this.keys.values()].map((key) => derived(key, `bellhop signature: ${purpose}`));
    return new Signer(keys, length);
  }

  /** Keyed hash of a device token, for unique keys and look-ups. */
  tokenHash(token: string): Buffer {
    return createHmac('sha256', this.hashKey).update(token).digest();
  }
}

/** A key of 32 bytes for one purpose. */
const derived = (key: Buffer | KeyObject, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', key, '', purpose, 32)));

/** The first key signs, every key vouches: what was signed before a rotation stays good while its key is in the ring. */
export class Signer {
  /** Use {@link Vault.signer}. */
  constructor(
    private readonly keys: readonly KeyObject[],
    private readonly length: number,
  ) {}

  sign(message: Uint8Array): Buffer {
    return this.made(message, this.keys[0] as KeyObject);
  }

  /** Whether one of the keys made this signature. Takes the same time wherever a wrong one differs. */
  vouches(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== this.length) return false;
    return this.keys.some((key) => timingSafeEqual(this.made(message, key), signature));
  }

  private made(message: Uint8Array, key: KeyObject): Buffer {
    return createHmac('sha256', key).update(message).digest().subarray(0, this.length);
  }
}
