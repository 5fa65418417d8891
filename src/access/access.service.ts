import { NotFoundError, sha256Hex, sameText } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomBytes } from 'node:crypto';
import { IsNull, LessThan, Repository } from 'typeorm';
import { Clock } from '../platform/clock.js';
import { Environment } from '../platform/env.js';
import { FreshCache } from '../platform/fresh-cache.js';
import { newId } from '../platform/ids.js';
import type { PageLoader } from '../platform/pagination.js';
import { ApiKey, type Scope } from './api-key.entity.js';
import { App } from './app.entity.js';
import { type Caller, KeyCache } from './key-cache.js';

/** `bh_` and 256 random bits in base64url. */
const KEY_SHAPE = /^bh_[\w-]{43}$/;
const PREFIX_LENGTH = 10;
const USE_INTERVAL_MS = 60_000;

export interface NewApp {
  readonly name: string;
  /** URI scheme of the app, without `://`. */
  readonly deepLinkScheme: string;
  /** BCP 47. Default `zh-CN`. */
  readonly defaultLocale?: string;
  /** IANA. Default `Asia/Shanghai`. */
  readonly timeZone?: string;
}

/** A fresh key. `key` is shown now and never again: only its digest is stored. */
export interface IssuedKey {
  readonly key: string;
  readonly row: ApiKey;
}

/** Apps and their API keys. */
@Injectable()
export class AccessService {
  private readonly logger = new Logger(AccessService.name);
  private readonly cache = new KeyCache();
  private readonly recent: FreshCache<App>;

  constructor(
    @InjectRepository(App) private readonly apps: Repository<App>,
    @InjectRepository(ApiKey) private readonly keys: Repository<ApiKey>,
    private readonly environment: Environment,
    private readonly clock: Clock,
  ) {
    this.recent = new FreshCache(clock);
  }

  /** Who presents this key; undefined when it is unknown, expired or revoked. */
  async authenticate(key: string): Promise<Caller | undefined> {
    if (this.isPlatformKey(key)) return { keyId: null, appId: null, scopes: ['platform'], expiresAt: null };
    if (!KEY_SHAPE.test(key)) return undefined;
    const now = this.clock.now();
    const digest = sha256Hex(key);
    const caller = this.cache.get(digest, now) ?? (await this.look(digest, now));
    return caller && (!caller.expiresAt || caller.expiresAt > now) ? caller : undefined;
  }

  async createApp(app: NewApp): Promise<App> {
    const row = this.apps.create({ ...app, id: newId() });
    await this.apps.insert(row);
    return row;
  }

  /** @throws {NotFoundError} */
  async getApp(appId: string): Promise<App> {
    const app = await this.apps.findOneBy({ id: appId });
    if (!app) throw new NotFoundError('The app');
    return app;
  }

  /** The same for those who ask again and again: what another process has changed is seen after two seconds. */
  recentApp(appId: string): Promise<App> {
    return this.recent.get(appId, () => this.getApp(appId));
  }

  /** Changes the given fields. @throws {NotFoundError} */
  async updateApp(appId: string, changes: Partial<NewApp>): Promise<App> {
    const app = await this.getApp(appId);
    const changed = await this.apps.save(this.apps.merge(app, changes));
    this.recent.forget(appId);
    return changed;
  }

  readonly loadApps: PageLoader<App> = (before, take) =>
    this.apps.find({ where: { ...(before && { id: LessThan(before) }) }, order: { id: 'DESC' }, take });

  /**
   * Issues a key of an app.
   * @param expiresAt absent: it does not expire.
   * @throws {NotFoundError} when there is no such app.
   */
  async createApiKey(
    appId: string,
    name: string,
    scopes: readonly Scope[],
    expiresAt: Date | null = null,
  ): Promise<IssuedKey> {
    await this.getApp(appId);
    const key = `bh_${randomBytes(32).toString('base64url')}`;
    const row = this.keys.create({
      id: newId(),
      appId,
      name,
      scopes: [...scopes],
      expiresAt,
      prefix: key.slice(0, PREFIX_LENGTH),
      hash: Buffer.from(sha256Hex(key), 'hex'),
      lastUsedAt: null,
      revokedAt: null,
    });
    await this.keys.insert(row);
    return { key, row };
  }

  /** Keys of an app, revoked ones included. */
  loadApiKeys(appId: string): PageLoader<ApiKey> {
    return (before, take) =>
      this.keys.find({ where: { appId, ...(before && { id: LessThan(before) }) }, order: { id: 'DESC' }, take });
  }

  /** Takes effect here at once, in other processes within ten seconds. @throws {NotFoundError} */
  async revokeApiKey(appId: string, keyId: string): Promise<void> {
    if (!(await this.keys.existsBy({ appId, id: keyId }))) throw new NotFoundError('The API key');
    await this.keys.update({ appId, id: keyId, revokedAt: IsNull() }, { revokedAt: this.clock.now() });
    this.cache.clear();
  }

  /** Digests of equal length: the comparison tells nothing, not even the length of the key. */
  private isPlatformKey(key: string): boolean {
    const { platformKey } = this.environment;
    return platformKey !== undefined && sameText(sha256Hex(key), sha256Hex(platformKey));
  }

  private async look(digest: string, now: Date): Promise<Caller | undefined> {
    const row = await this.keys.findOneBy({ hash: Buffer.from(digest, 'hex'), revokedAt: IsNull() });
    if (!row) return undefined;
    const caller = { keyId: row.id, appId: row.appId, scopes: row.scopes, expiresAt: row.expiresAt };
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
