import {
  type CheckResult,
  ConfigInvalidError,
  issuesOf,
  NotFoundError,
  readConfig,
  secretFields,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { createHash, randomBytes } from 'node:crypto';
import { LessThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { TAG_QUEUE, tagNudges } from '../audiences/tag-mirror.nudge.js';
import { HeldDeliveries } from '../delivery/held-deliveries.js';
import { type Plugin, PluginRegistry } from '../registry/plugin-registry.js';
import { ChannelClients } from './channel-clients.js';
import { Integration } from './integration.entity.js';
import { IntegrationCache, integrationContext } from './integration-cache.js';
import { IntegrationSettings } from './integration.settings.js';

const CHECK_DEADLINE_MS = 15_000;

export interface NewIntegration {
  readonly plugin: string;
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly settings?: Partial<IntegrationSettings>;
}

/** An integration with the secret of its callback address, which is told once. */
export interface WithUrlSecret {
  readonly integration: Integration;
  readonly urlSecret: string;
}

@Injectable()
export class IntegrationsService {
  constructor(
    @InjectRepository(Integration) private readonly integrations: Repository<Integration>,
    private readonly registry: PluginRegistry,
    private readonly cache: IntegrationCache,
    private readonly clients: ChannelClients,
    private readonly vault: Vault,
    private readonly clock: Clock,
    private readonly queue: Queue,
    private readonly sql: Sql,
    private readonly held: HeldDeliveries,
  ) {}

  list(appId: string, limit: number, before?: string): Promise<Integration[]> {
    const where = before ? { appId, id: LessThan(before) } : { appId };
    return this.integrations.find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** @throws {NotFoundError} */
  async get(appId: string, id: string): Promise<Integration> {
    const integration = await this.integrations.findOneBy({ appId, id });
    if (!integration) throw new NotFoundError('The integration');
    return integration;
  }

  /** @throws {ConfigInvalidError} naming every field. */
  async create(appId: string, { plugin: pluginId, name, config, settings }: NewIntegration): Promise<WithUrlSecret> {
    const plugin = this.pluginFor(pluginId);
    const id = newId();
    const urlSecret = newUrlSecret();
    const integration = this.integrations.create({
      appId,
      id,
      plugin: plugin.id,
      name,
      settings: readSettings(settings ?? {}),
      urlSecretHash: hashOf(urlSecret),
      ...this.sealConfig(plugin, appId, id, config),
    });
    await this.integrations.save(integration);
    this.cache.forget(appId, id);
    return { integration: await this.get(appId, id), urlSecret };
  }

  /**
   * Changes name, settings and configuration; a secret that is left out stays as it is.
   * A new configuration is a new revision, and releases what waited for it.
   */
  async revise(appId: string, id: string, change: Partial<Omit<NewIntegration, 'plugin'>>): Promise<Integration> {
    const integration = await this.get(appId, id);
    if (change.name !== undefined) integration.name = change.name;
    if (change.settings) integration.settings = readSettings({ ...integration.settings, ...change.settings });
    if (change.config) {
      const plugin = this.pluginFor(integration.plugin);
      const known = { ...integration.config, ...this.openSecrets(integration) };
      Object.assign(integration, this.sealConfig(plugin, appId, id, { ...known, ...change.config }));
      integration.revision++;
    }
    await this.integrations.save(integration);
    this.cache.forget(appId, id);
    const mended = change.config && integration.state === 'paused' && integration.pauseReason !== 'operator';
    return mended ? this.resume(appId, id) : integration;
  }

  async pause(appId: string, id: string, detail?: string): Promise<Integration> {
    const integration = await this.get(appId, id);
    Object.assign(integration, { state: 'paused', pauseReason: 'operator', pauseDetail: detail ?? null });
    await this.integrations.save(integration);
    this.cache.forget(appId, id);
    return integration;
  }

  /** Releases what was held. */
  async resume(appId: string, id: string): Promise<Integration> {
    await this.get(appId, id);
    await this.sql.transaction(async (tx) => {
      await tx.query(
        `UPDATE integration SET state = 'active', pause_reason = NULL, pause_detail = NULL, updated_at = $3
         WHERE app_id = $1 AND id = $2`,
        [appId, id, this.clock.now()],
      );
      await this.queue.enqueue(tx, TAG_QUEUE, tagNudges([{ appId, integrationId: id }]));
    });
    this.cache.forget(appId, id);
    await this.held.release(appId, { integrationId: id });
    return this.get(appId, id);
  }

  /** The old secret stays valid for `graceSeconds`, so that the vendor's console can be changed in peace. */
  async rotateUrlSecret(appId: string, id: string, graceSeconds: number): Promise<WithUrlSecret> {
    const integration = await this.get(appId, id);
    const urlSecret = newUrlSecret();
    integration.previousUrlSecretHash = integration.urlSecretHash;
    integration.previousUrlSecretExpiresAt = new Date(this.clock.now().getTime() + graceSeconds * 1000);
    integration.urlSecretHash = hashOf(urlSecret);
    await this.integrations.save(integration);
    this.cache.forget(appId, id);
    return { integration, urlSecret };
  }

  /** Asks the channel whether its credentials work; an adapter without a channel has nothing to ask. */
  async check(appId: string, id: string): Promise<CheckResult> {
    await this.get(appId, id);
    this.cache.forget(appId, id);
    const opened = await this.cache.find(id);
    if (!opened) return { ok: false, code: 'plugin.not_loaded', detail: 'The plugin is not part of this build.' };
    if (!opened.plugin.outbound) return { ok: true, detail: 'The configuration is valid; this plugin makes no calls.' };
    try {
      const client = await this.clients.get(opened);
      return await client.check(AbortSignal.timeout(CHECK_DEADLINE_MS));
    } catch {
      return { ok: false, code: 'plugin.failed', detail: 'The channel could not be opened.' };
    }
  }

  private pluginFor(id: string): Plugin {
    const plugin = this.registry.find(id);
    if (plugin) return plugin;
    const known = this.registry.all().map((other) => other.id);
    throw new ConfigInvalidError([{ field: '/plugin', message: `must be one of ${known.join(', ')}` }]);
  }

  private sealConfig(plugin: Plugin, appId: string, id: string, input: Record<string, unknown>) {
    const type = plugin.manifest.config;
    const config = readConfig(type, input, '/config') as Record<string, unknown>;
    const secret = new Set(secretFields(type));
    const entries = Object.entries(config).filter(([, value]) => value !== undefined);
    const secrets = Object.fromEntries(entries.filter(([name]) => secret.has(name)));
    return {
      config: Object.fromEntries(entries.filter(([name]) => !secret.has(name))),
      sealedSecrets: this.vault.seal(JSON.stringify(secrets), integrationContext(appId, id)),
    };
  }

  private openSecrets({ appId, id, sealedSecrets }: Integration): Record<string, unknown> {
    return JSON.parse(this.vault.open(sealedSecrets, integrationContext(appId, id))) as Record<string, unknown>;
  }

  /** Settings as they may be shown: a secret says only that it is set. */
  visibleConfig(integration: Integration): Record<string, unknown> {
    const secrets = Object.keys(this.openSecrets(integration)).map((name) => [name, { set: true }]);
    return { ...integration.config, ...Object.fromEntries(secrets) };
  }
}

/** 32 random bytes: the address is the only credential of vendors that sign nothing. */
const newUrlSecret = (): string => randomBytes(32).toString('base64url');
const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

function readSettings(input: Partial<IntegrationSettings>): IntegrationSettings {
  const settings = plainToInstance(IntegrationSettings, input, { exposeDefaultValues: true });
  const faults = validateSync(settings, { whitelist: true, forbidNonWhitelisted: true });
  if (faults.length > 0) throw new ConfigInvalidError(issuesOf(faults, '/settings'));
  return settings;
}
