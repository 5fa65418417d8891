import { readConfig } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { Vault } from '../../platform/vault.js';
import { type Plugin, PluginRegistry } from '../registry/plugin-registry.js';
import { Integration } from './integration.entity.js';
import { IntegrationSettings } from './integration.settings.js';

/** Changes made by another process are seen after this time at the latest. */
const FRESH_MS = 2_000;

/** An integration ready for use: its plugin and its settings with the secrets in place. */
export interface OpenedIntegration {
  readonly row: Integration;
  readonly plugin: Plugin;
  readonly config: object;
}

interface Entry<T> {
  readonly loadedAt: number;
  readonly value: Promise<T>;
}

/** What the secrets of an integration are sealed to. */
export const integrationContext = (appId: string, id: string): string => `integration:${appId}:${id}`;

/** Integrations by id and by app, opened once and kept for {@link FRESH_MS}. */
@Injectable()
export class IntegrationCache {
  private readonly byId = new Map<string, Entry<OpenedIntegration | undefined>>();
  private readonly channels = new Map<string, Entry<OpenedIntegration[]>>();

  constructor(
    @InjectRepository(Integration) private readonly integrations: Repository<Integration>,
    private readonly registry: PluginRegistry,
    private readonly vault: Vault,
    private readonly clock: Clock,
  ) {}

  /** Undefined when there is none, or when its plugin is not loaded. */
  find(id: string): Promise<OpenedIntegration | undefined> {
    return this.cached(this.byId, id, async () => {
      const row = await this.integrations.findOneBy({ id });
      return row ? this.open(row) : undefined;
    });
  }

  /** The app's integrations that reach devices, oldest first. */
  channelsOf(appId: string): Promise<OpenedIntegration[]> {
    return this.cached(this.channels, appId, async () => {
      const rows = await this.integrations.find({ where: { appId }, order: { id: 'ASC' } });
      const gateways = rows.filter((row) => this.registry.find(row.plugin)?.outbound?.manifest.gateway);
      return gateways.map((row) => this.open(row)).filter((opened) => opened !== undefined);
    });
  }

  forget(appId: string, id: string): void {
    this.byId.delete(id);
    this.channels.delete(appId);
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

  private cached<T>(entries: Map<string, Entry<T>>, key: string, load: () => Promise<T>): Promise<T> {
    const now = this.clock.now().getTime();
    const known = entries.get(key);
    if (known && Math.abs(now - known.loadedAt) < FRESH_MS) return known.value;
    const value = load();
    entries.set(key, { loadedAt: now, value });
    value.catch(() => entries.delete(key));
    if (entries.size > 10_000) entries.clear();
    return value;
  }
}
