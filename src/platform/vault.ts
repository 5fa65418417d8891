import { hmacSha256 } from '@bellhop/contracts';
import {
  createCipheriv,
  createDecipheriv,
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
  private readonly keys: ReadonlyMap<string, KeyObject>;
  private readonly hashKey: Buffer;

  constructor(ring: readonly VaultKey[]) {
    const oldest = ring.at(-1);
    if (!oldest) throw new Error('The key ring is empty.');
    this.keys = new Map(ring.map(({ id, bytes }) => [id, createSecretKey(bytes)]));
    // The oldest key: adding one in front changes no hash, so look-ups survive a rotation.
    this.hashKey = Buffer.from(hkdfSync('sha256', oldest.bytes, '', 'bellhop token hash', 32));
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
    const id = sealed.subarray(1, idEnd).toString();
    const key = this.keys.get(id);
    if (!key) throw new Error(`The key ring has no key named "${id}".`);
    const iv = sealed.subarray(idEnd, idEnd + IV);
    const tag = sealed.subarray(idEnd + IV, idEnd + IV + TAG);
    const decipher = createDecipheriv(ALGORITHM, key, iv, TAG_LENGTH).setAAD(Buffer.from(context)).setAuthTag(tag);
    return Buffer.concat([decipher.update(sealed.subarray(idEnd + IV + TAG)), decipher.final()]).toString('utf8');
  }

  /**
   * Signs for one purpose, with keys of its own that are derived from the ring.
   * @param length bytes of a signature, at most 32.
   */
  signer(purpose: string, length: number): Signer {
    const keys = [...this.keys.values()].map((key) =>
      Buffer.from(hkdfSync('sha256', key, '', `bellhop signature: ${purpose}`, 32)),
    );
    return new Signer(keys, length);
  }

  /** Keyed hash of a device token, for unique keys and look-ups. */
  tokenHash(token: string): Buffer {
    return hmacSha256(this.hashKey, token);
  }
}

/** The first key signs, every key vouches: what was signed before a rotation stays good while its key is in the ring. */
export class Signer {
  /** Use {@link Vault.signer}. */
  constructor(
    private readonly keys: readonly Buffer[],
    private readonly length: number,
  ) {}

  sign(message: Uint8Array): Buffer {
    return this.made(message, this.keys[0] as Buffer);
  }

  /** Whether one of the keys made this signature. Takes the same time wherever a wrong one differs. */
  vouches(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== this.length) return false;
    return this.keys.some((key) => timingSafeEqual(this.made(message, key), signature));
  }

  private made(message: Uint8Array, key: Buffer): Buffer {
    return hmacSha256(key, message).subarray(0, this.length);
  }
}
