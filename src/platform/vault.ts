import { hmacSha256 } from '@bellhop/contracts';
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';

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

  /** Keyed hash of a device token, for unique keys and look-ups. */
  tokenHash(token: string): Buffer {
    return hmacSha256(this.hashKey, token);
  }
}
