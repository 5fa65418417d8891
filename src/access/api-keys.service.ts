import { ConflictError, NotFoundError, sha256Hex, sameText } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomBytes } from 'node:crypto';
import { type FindOptionsWhere, IsNull, LessThan, Repository } from 'typeorm';
import { Clock } from '../platform/clock.js';
import { Environment } from '../platform/env.js';
import { newId, publicId } from '../platform/ids.js';
import type { PageLoader } from '../platform/pagination.js';
import { ApiKey, type Scope } from './api-key.entity.js';
import type { Caller } from './caller.js';
import { KeyCache } from './key-cache.js';

/** `bh_` and 256 random bits in base64url. */
const KEY_SHAPE = /^bh_[\w-]{43}$/;
const PREFIX_LENGTH = 10;
const USE_INTERVAL_MS = 60_000;

/** A fresh key. `key` is shown now and never again: only its digest is stored. */
export interface IssuedKey {
  readonly key: string;
  readonly row: ApiKey;
}

export interface NewKey {
  /** For people. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Absent or null: it does not expire. */
  readonly expiresAt?: Date | null;
}

/** A key and the end of the one that it replaces. */
export interface RotatedKey extends IssuedKey {
  readonly previousEndsAt: Date;
}

export interface Rotation {
  /** Seconds for which the old key goes on. */
  readonly overlapSeconds: number;
  /** End of the new key. Absent: it lives as long as the old one was given. */
  readonly expiresAt?: Date;
}

const PLATFORM: Caller = {
  kind: 'platform_key',
  id: null,
  name: 'BELLHOP_PLATFORM_KEY',
  appId: null,
  scopes: ['platform'],
  expiresAt: null,
};

/** Bearer keys of apps and of the platform. The owner of a key is an app, or null: the platform. */
@Injectable()
export class ApiKeysService {
  private readonly logger = new Logger(ApiKeysService.name);
  private readonly cache = new KeyCache();

  constructor(
    @InjectRepository(ApiKey) private readonly keys: Repository<ApiKey>,
    private readonly environment: Environment,
    private readonly clock: Clock,
  ) {}

  /** Who presents this key; undefined when it is unknown, expired or revoked. */
  async authenticate(key: string): Promise<Caller | undefined> {
    if (this.isPlatformKey(key)) return PLATFORM;
    if (!KEY_SHAPE.test(key)) return undefined;
    const now = this.clock.now();
    const digest = sha256Hex(key);
    const caller = this.cache.get(digest, now) ?? (await this.look(digest, now));
    return caller && (!caller.expiresAt || caller.expiresAt > now) ? caller : undefined;
  }

  async issue(owner: string | null, { name, scopes, expiresAt = null }: NewKey): Promise<IssuedKey> {
    const issued = this.fresh(owner, { name, scopes, expiresAt });
    await this.keys.insert(issued.row);
    return issued;
  }

  /** Keys of an owner, revoked ones included. */
  load(owner: string | null): PageLoader<ApiKey> {
    return (before, take) =>
      this.keys.find({
        where: { ...ownedBy(owner), ...(before && { id: LessThan(before) }) },
        order: { id: 'DESC' },
        take,
      });
  }

  /** Whoever owns it; undefined when there is none. */
  async named(keyId: string): Promise<ApiKey | undefined> {
    return (await this.keys.findOneBy({ id: keyId })) ?? undefined;
  }

  /**
   * Issues a key with the name and the scopes of an old one, which ends after the overlap (or at its own end, if that
   * is sooner). Both are valid meanwhile. Other processes may honour the old one for ten seconds more.
   * @throws {NotFoundError}
   * @throws {ConflictError} `key.ended`, or `key.replaced` when the old one was rotated before: its successor can be rotated.
   */
  async rotate(owner: string | null, keyId: string, rotation: Rotation): Promise<RotatedKey> {
    const rotated = await this.keys.manager.transaction(async (manager) => {
      const where = { ...ownedBy(owner), id: keyId };
      const old = await manager.findOne(ApiKey, { where, lock: { mode: 'pessimistic_write' } });
      const now = this.clock.now();
      assertRotatable(old, now);
      const issued = this.fresh(owner, { ...old, expiresAt: rotation.expiresAt ?? successorEnd(old, now) });
      await manager.insert(ApiKey, issued.row);
      const end = new Date(now.getTime() + rotation.overlapSeconds * 1000);
      const previousEndsAt = old.expiresAt && old.expiresAt < end ? old.expiresAt : end;
      await manager.update(ApiKey, { id: keyId }, { replacedBy: issued.row.id, expiresAt: previousEndsAt });
      return { ...issued, previousEndsAt };
    });
    this.cache.clear();
    return rotated;
  }

  /** Takes effect here at once, in other processes within ten seconds. @throws {NotFoundError} */
  async revoke(owner: string | null, keyId: string): Promise<void> {
    const where = { ...ownedBy(owner), id: keyId };
    if (!(await this.keys.existsBy(where))) throw new NotFoundError('The API key');
    await this.keys.update({ ...where, revokedAt: IsNull() }, { revokedAt: this.clock.now() });
    this.cache.clear();
  }

  private fresh(owner: string | null, { name, scopes, expiresAt = null }: NewKey): IssuedKey {
    const key = `bh_${randomBytes(32).toString('base64url')}`;
    const row = this.keys.create({
      id: newId(),
      appId: owner,
      name,
      scopes: [...scopes],
      expiresAt,
      prefix: key.slice(0, PREFIX_LENGTH),
      hash: Buffer.from(sha256Hex(key), 'hex'),
      lastUsedAt: null,
      revokedAt: null,
      replacedBy: null,
    });
    return { key, row };
  }

  /** Digests of equal length: the comparison tells nothing, not even the length of the key. */
  private isPlatformKey(key: string): boolean {
    const { platformKey } = this.environment;
    return platformKey !== undefined && sameText(sha256Hex(key), sha256Hex(platformKey));
  }

  private async look(digest: string, now: Date): Promise<Caller | undefined> {
    const row = await this.keys.findOneBy({ hash: Buffer.from(digest, 'hex'), revokedAt: IsNull() });
    if (!row) return undefined;
    const caller = callerWith(row);
    this.cache.set(digest, caller, now);
    this.noteUse(row, now);
    return caller;
  }

  /** Beside the request, and at most once a minute: nobody waits for it, and a failure is of no consequence. */
  private noteUse({ id, lastUsedAt }: ApiKey, now: Date): void {
    if (lastUsedAt && now.getTime() - lastUsedAt.getTime() < USE_INTERVAL_MS) return;
    this.keys.update({ id }, { lastUsedAt: now }).catch((error: unknown) => {
      this.logger.debug({ err: error, keyId: id }, 'The use of a key was not noted');
    });
  }
}

const ownedBy = (owner: string | null): FindOptionsWhere<ApiKey> => ({ appId: owner ?? IsNull() });

function callerWith({ id, appId, name, prefix, scopes, expiresAt }: ApiKey): Caller {
  return { kind: appId ? 'api_key' : 'platform_key', id, name: `${name} (${prefix})`, appId, scopes, expiresAt };
}

function assertRotatable(key: ApiKey | null, now: Date): asserts key is ApiKey {
  if (!key) throw new NotFoundError('The API key');
  if (key.replacedBy) {
    const successor = publicId('key', key.replacedBy);
    throw new ConflictError('key.replaced', `This key was rotated before; its successor is ${successor}.`);
  }
  if (key.revokedAt || (key.expiresAt && key.expiresAt <= now)) {
    throw new ConflictError('key.ended', 'This key has ended; issue a new one.');
  }
}

function successorEnd({ createdAt, expiresAt }: ApiKey, now: Date): Date | null {
  return expiresAt && new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime());
}
