import { type Environment, NotFoundError, type Platform } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import type { PageLoader } from '../../platform/pagination.js';
import { lockNames, Sql, type SqlRunner } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import { Device, lastAcceptedOf } from './device.entity.js';
import { findGateway, readToken } from './gateway-token.js';

export interface Registration {
  /** Plugin id. */
  readonly gateway: string;
  readonly token: string;
  readonly identifier: 'token' | 'fid';
  readonly platform: Platform;
  readonly environment?: Environment | null;
  readonly appIdentifier?: string | null;
  readonly locale?: string | null;
  /** Stands in front of the locale when copy is chosen. */
  readonly contentKey?: string | null;
  readonly timeZone?: string | null;
}

/** Whose install registers. */
export interface Installation {
  readonly appId: string;
  readonly userId: string;
  readonly installationId: string;
}

/** Ties a sealed token to its row: copied to another one, it does not open. */
export const deviceContext = (appId: string, id: string): string => `device:${appId}:${id}`;

// Rows are locked in the order of their ids: two registrations that cross over do not wait for each other.
const FIND = `
  SELECT id, installation_id = $2 AS "isInstallation", gateway = $3 AND token_hash = $4 AS "hasToken"
    FROM device WHERE app_id = $1 AND (installation_id = $2 OR (gateway = $3 AND token_hash = $4))
   ORDER BY id FOR UPDATE`;

interface FoundDevice {
  readonly id: string;
  readonly isInstallation: boolean;
  readonly hasToken: boolean;
}

const REMOVE = 'DELETE FROM device WHERE app_id = $1 AND id = ANY ($2::uuid[])';

// What was found out about a token (its environment, that it was accepted) is kept while the token stays.
const UPSERT = `
  INSERT INTO device AS known (app_id, id, user_id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
         environment, app_identifier, locale, content_key, time_zone,
         state_changed_at, token_updated_at, last_seen_at, created_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $15, $15)
  ON CONFLICT (app_id, id) DO UPDATE
     SET user_id = EXCLUDED.user_id, installation_id = EXCLUDED.installation_id, platform = EXCLUDED.platform,
         gateway = EXCLUDED.gateway, identifier = EXCLUDED.identifier, sealed_token = EXCLUDED.sealed_token,
         token_hash = EXCLUDED.token_hash,
         environment = CASE WHEN EXCLUDED.environment = 'unknown' AND known.token_hash = EXCLUDED.token_hash
                             AND known.state = 'active' THEN known.environment ELSE EXCLUDED.environment END,
         app_identifier = EXCLUDED.app_identifier, locale = EXCLUDED.locale, content_key = EXCLUDED.content_key,
         time_zone = EXCLUDED.time_zone,
         state = 'active', state_reason = NULL,
         state_changed_at = CASE known.state WHEN 'active' THEN known.state_changed_at ELSE EXCLUDED.state_changed_at END,
         token_updated_at = EXCLUDED.token_updated_at, last_seen_at = EXCLUDED.last_seen_at`;

const FORGET_REACH = 'DELETE FROM device_reach WHERE app_id = $1 AND device_id = $2';

/** What another writer of the same rows can cause, such as a callback that names the token: gone at the next attempt. */
const COLLISIONS: ReadonlySet<unknown> = new Set(['23505', '40P01']);
const ATTEMPTS = 3;

/** The device registry: one row per install, one row per token. */
@Injectable()
export class DevicesService {
  constructor(
    @InjectRepository(Device) private readonly devices: Repository<Device>,
    private readonly registry: PluginRegistry,
    private readonly sql: Sql,
    private readonly vault: Vault,
    private readonly clock: Clock,
  ) {}

  /**
   * Registers an install, or registers it again: with a new token, for another person, or with a token that another
   * install had (a restored phone), which moves. Whatever called the token dead before does not count any more.
   * @throws {UnprocessableError} before anything is stored, when the gateway does not have such tokens.
   */
  async register(owner: Installation, registration: Registration): Promise<Device> {
    const token = readToken(this.registry, registration);
    return this.store(owner, { ...registration, token }, ATTEMPTS);
  }

  loadOfUser(appId: string, userId: string): PageLoader<Device> {
    return (before, take) =>
      this.devices.find({
        where: { appId, userId, ...(before && { id: LessThan(before) }) },
        order: { id: 'DESC' },
        take,
      });
  }

  /** @throws {NotFoundError} */
  async get(appId: string, id: string): Promise<Device> {
    const device = await this.devices.findOneBy({ appId, id });
    if (!device) throw new NotFoundError('The device');
    return device;
  }

  /** @throws {NotFoundError} when the person has no such install. */
  async remove({ appId, userId, installationId }: Installation): Promise<void> {
    const { affected } = await this.devices.delete({ appId, userId, installationId });
    if (!affected) throw new NotFoundError('The device');
  }

  /** @throws {Error} when the key it was sealed with is not in the ring. */
  openToken({ appId, id, sealedToken }: Pick<Device, 'appId' | 'id' | 'sealedToken'>): string {
    return this.vault.open(sealedToken, deviceContext(appId, id));
  }

  /** Keyed hash under which a token of a gateway is found, whatever its spelling. */
  tokenHash(gateway: string, token: string): Buffer {
    return this.hashOf(gateway, findGateway(this.registry, gateway)?.normalize(token) ?? token);
  }

  private async store(owner: Installation, registration: Registration, attempts: number): Promise<Device> {
    try {
      return await this.sql.transaction((tx) => this.write(tx, owner, registration));
    } catch (error) {
      if (attempts <= 1 || !COLLISIONS.has((error as { code?: unknown }).code)) throw error;
      return this.store(owner, registration, attempts - 1);
    }
  }

  private async write(tx: SqlRunner, owner: Installation, registration: Registration): Promise<Device> {
    const { appId, installationId } = owner;
    const hash = this.hashOf(registration.gateway, registration.token);
    // Holds off other registrations of the same install and of the same token.
    await lockNames(tx, `${appId}:installation:${installationId}`, `${appId}:token:${hash.toString('hex')}`);
    const id = await this.settleRow(tx, owner, registration.gateway, hash);
    const columns = this.devices.metadata.columns
      .filter(({ isVirtualProperty }) => !isVirtualProperty)
      .map((it) => `${it.databaseName} AS "${it.propertyName}"`);
    const [row] = await tx.query<Device>(
      `${UPSERT} RETURNING ${columns.join(', ')}, (${lastAcceptedOf('known')}) AS "lastAcceptedAt"`,
      this.valuesOf(id, owner, registration, hash),
    );
    return row as Device;
  }

  private hashOf(gateway: string, normalToken: string): Buffer {
    return this.vault.tokenHash(`${gateway}:${normalToken}`);
  }

  /** The row that this install is to have. The row of the install wins; another one that has its token goes. */
  private async settleRow(tx: SqlRunner, owner: Installation, gateway: string, hash: Buffer): Promise<string> {
    const { appId, installationId } = owner;
    const rows = await tx.query<FoundDevice>(FIND, [appId, installationId, gateway, hash]);
    const kept = rows.find(({ isInstallation }) => isInstallation) ?? rows[0];
    const others = rows.filter((row) => row !== kept).map(({ id }) => id);
    if (others.length > 0) await tx.query(REMOVE, [appId, others]);
    if (kept && !kept.hasToken) await tx.query(FORGET_REACH, [appId, kept.id]);
    return kept?.id ?? newId();
  }

  private valuesOf(id: string, owner: Installation, registration: Registration, hash: Buffer): readonly unknown[] {
    const { appId, userId, installationId } = owner;
    const { platform, gateway, identifier, token, appIdentifier, locale, contentKey, timeZone } = registration;
    const { environments } = findGateway(this.registry, gateway) ?? { environments: false };
    return [
      appId,
      id,
      userId,
      installationId,
      platform,
      gateway,
      identifier,
      this.vault.seal(token, deviceContext(appId, id)),
      hash,
      environments ? (registration.environment ?? 'unknown') : 'unknown',
      appIdentifier ?? null,
      locale ?? null,
      contentKey ?? null,
      timeZone ?? null,
      this.clock.now(),
    ];
  }
}
