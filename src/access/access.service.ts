import { NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { And, In, LessThan, Repository } from 'typeorm';
import { Clock } from '../platform/clock.js';
import { FreshCache } from '../platform/fresh-cache.js';
import { newId } from '../platform/ids.js';
import type { PageLoader } from '../platform/pagination.js';
import type { Scope } from './api-key.entity.js';
import { ApiKeysService, type IssuedKey } from './api-keys.service.js';
import { App } from './app.entity.js';

export interface NewApp {
  readonly name: string;
  /** URI scheme of the app, without `://`. */
  readonly deepLinkScheme: string;
  /** BCP 47. Default `zh-CN`. */
  readonly defaultLocale?: string;
  /** IANA. Default `Asia/Shanghai`. */
  readonly timeZone?: string;
}

/** Apps, and a first key for each. */
@Injectable()
export class AccessService {
  private readonly recent: FreshCache<App>;

  constructor(
    @InjectRepository(App) private readonly apps: Repository<App>,
    private readonly keys: ApiKeysService,
    clock: Clock,
  ) {
    this.recent = new FreshCache(clock);
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

  /** Those that are named; nulls name none. */
  loadSome(appIds: readonly (string | null)[]): PageLoader<App> {
    const named = In(appIds.filter((id) => id !== null));
    return (before, take) =>
      this.apps.find({ where: { id: before ? And(named, LessThan(before)) : named }, order: { id: 'DESC' }, take });
  }

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
    return this.keys.issue(appId, { name, scopes, expiresAt });
  }
}
