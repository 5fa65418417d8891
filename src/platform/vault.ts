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

/**
 * Keys that the ring guards: they lie in the database, sealed under the first key of the ring, so that a rotation of the
 * ring seals a handful of them again. Their ids begin with `@`, and no id of the ring does.
 */
export interface DataKeys {
  /**
   * False while processes of a release may run that knows no data keys: these open, and the ring goes on to seal and to
   * sign.
   */
  readonly inUse: boolean;
  /** The first one seals, all of them open. */
  readonly sealing: readonly VaultKey[];
  /** 32 bytes under which device tokens are hashed. */
  readonly hashing: Buffer;
  /** 32 bytes each; the first one signs, all of them vouch. */
  readonly signing: readonly Buffer[];
}

const ALGORITHM = 'aes-256-gcm';
const IV = 12;
const TAG = 16;
/** Said to the cipher as well, which would otherwise take the beginning of a tag for one. */
const TAG_LENGTH = { authTagLength: TAG };

/**
 * Seals secrets and tokens at rest, with the data keys once it has them and with the ring until then.
 * A sealed value is `id length · id · iv · tag · ciphertext`; the context ties it to its row, so it opens nowhere else.
 */
export class Vault {
  /** Id of the key that seals. */
  sealingKey: string;
  // Key objects throughout: Node makes one of every key in another form, each time that it is used.
  private readonly ring: ReadonlyMap<string, KeyObject>;
  private keys: ReadonlyMap<string, KeyObject>;
  private hashKey: KeyObject;
  private roots: readonly KeyObject[];

  constructor(ring: readonly VaultKey[]) {
    const oldest = ring.at(-1);
    if (!oldest) throw new Error('The key ring is empty.');
    this.ring = keyObjects(ring);
    this.keys = this.ring;
    this.sealingKey = (ring[0] ?? oldest).id;
    this.roots = [...this.ring.values()];
    this.hashKey = createSecretKey(firstHashKey(ring));
  }

  /** From now on seals, hashes and signs with these; what the ring sealed and signed by itself stays good. */
  use({ inUse, sealing, hashing, signing }: DataKeys): void {
    const own = [...this.ring.values()];
    const signers = signing.map((bytes) => createSecretKey(bytes));
    this.keys = new Map([...this.ring, ...keyObjects(sealing)]);
    if (inUse) this.sealingKey = sealing[0]?.id ?? this.sealingKey;
    this.hashKey = createSecretKey(hashing);
    this.roots = inUse ? [...signers, ...own] : [...own, ...signers];
  }

  seal(plaintext: string, context: string): Buffer {
    const id = this.sealingKey;
    const key = this.keys.get(id) as KeyObject;
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
    if (!key) throw new Error(`The key ring has no key named "${printable(id)}".`);
    const iv = sealed.subarray(idEnd, idEnd + IV);
    const tag = sealed.subarray(idEnd + IV, idEnd + IV + TAG);
    const decipher = createDecipheriv(ALGORITHM, key, iv, TAG_LENGTH).setAAD(Buffer.from(context)).setAuthTag(tag);
    const plaintext = decipher.update(sealed.subarray(idEnd + IV + TAG));
    // Checks the tag; in this mode there is never more text.
    decipher.final();
    return plaintext.toString('utf8');
  }

  /**
   * Signs for one purpose, with keys of its own that are derived from those of the vault.
   * @param length bytes of a signature, at most 32.
   */
  signer(purpose: string, length: number): Signer {
    let roots: readonly KeyObject[] = [];
    let keys: readonly KeyObject[] = [];
    const current = (): readonly KeyObject[] => {
      if (roots !== this.roots) {
        roots = this.roots;
        keys = roots.map((root) => derived(root, `bellhop signature: ${purpose}`));
      }
      return keys;
    };
    return new Signer(current, length);
  }

  /** Keyed hash of a device token, for unique keys and look-ups. */
  tokenHash(token: string): Buffer {
    return createHmac('sha256', this.hashKey).update(token).digest();
  }
}

const keyObjects = (keys: readonly VaultKey[]): ReadonlyMap<string, KeyObject> =>
  new Map(keys.map(({ id, bytes }) => [id, createSecretKey(bytes)]));

/** A damaged value may hold anything where its key is named. */
const printable = (id: string): string => id.replace(/[^\w.@-]/g, '?');

/**
 * The key under which tokens are hashed before the database has one: of the last key of the ring, for releases before
 * 0.3 did so all the time and asked that this key stay the last one.
 */
export const firstHashKey = (ring: readonly VaultKey[]): Buffer =>
  derived((ring.at(-1) as VaultKey).bytes, 'bellhop token hash').export();

/** A key of 32 bytes for one purpose. */
const derived = (key: Buffer | KeyObject, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', key, '', purpose, 32)));

/** The first key signs, every key vouches: what was signed before a rotation stays good while its key is there. */
export class Signer {
  /** Use {@link Vault.signer}. */
  constructor(
    private readonly keys: () => readonly KeyObject[],
    private readonly length: number,
  ) {}

  sign(message: Uint8Array): Buffer {
    return this.made(message, this.keys()[0] as KeyObject);
  }

  /** Whether one of the keys made this signature. Takes the same time wherever a wrong one differs. */
  vouches(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== this.length) return false;
    return this.keys().some((key) => timingSafeEqual(this.made(message, key), signature));
  }

  private made(message: Uint8Array, key: KeyObject): Buffer {
    return createHmac('sha256', key).update(message).digest().subarray(0, this.length);
  }
}
