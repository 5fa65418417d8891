import { FreshCache } from '../../platform/fresh-cache.js';
import { readConfig } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { Vault } from '../../platform/vault.js';
import { type Plugin, PluginRegistry } from '../registry/plugin-registry.js';
import { Integration } from './integration.entity.js';
import { IntegrationSettings } from './integration.settings.js';

/** An integration ready for use: its plugin and its settings with the secrets in place. */
export interface OpenedIntegration {
  readonly row: Integration;
  readonly plugin: Plugin;
  readonly config: object;
}

/** What the secrets of an integration are sealed to. */
export const integrationContext = (appId: string, id: string): string => `integration:${appId}:${id}`;

/** Integrations by id and by app, opened once and kept for a moment. */
@Injectable()
export class IntegrationCache {
  private readonly byId: FreshCache<OpenedIntegration | undefined>;
  private readonly channels: FreshCache<OpenedIntegration[]>;

  constructor(
    @InjectRepository(Integration) private readonly integrations: Repository<Integration>,
    private readonly registry: PluginRegistry,
    private readonly vault: Vault,
    clock: Clock,
  ) {
    this.byId = new FreshCache(clock);
    this.channels = new FreshCache(clock);
  }

  /** Undefined when there is none, or when its plugin is not loaded. */
  find(id: string): Promise<OpenedIntegration | undefined> {
    return this.byId.get(id, async () => {
      const row = await this.integrations.findOneBy({ id });
      return row ? this.open(row) : undefined;
    });
  }

  /** The app's integrations that reach devices, oldest first. */
  channelsOf(appId: string): Promise<OpenedIntegration[]> {
    return this.channels.get(appId, async () => {
      const rows = await this.integrations.find({ where: { appId }, order: { id: 'ASC' } });
      const gateways = rows.filter((row) => this.registry.find(row.plugin)?.outbound?.manifest.gateway);
      return gateways.map((row) => this.open(row)).filter((opened) => opened !== undefined);
    });
  }

  forget(appId: string, id: string): void {
    this.byId.forget(id);
    this.channels.forget(appId);
  }

  private open(row: Integration): OpenedIntegration | undefined {
    const plugin = this.registry.find(row.plugin);
    if (!plugin) return undefined;
    const secrets = this.vault.open(row.sealedSecrets, integrationContext(row.appId, row.id));
    const config = readConfig(plugin.manifest.config, { ...row.config, ...(JSON.parse(secrets) as object) });
    // Rows of an earlier release lack the settings that came later.
    row.settings = { ...new IntegrationSettings(), ...row.settings };
    return { row, plugin, config };
  }
}
