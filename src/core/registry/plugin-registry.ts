import {
  type ChannelManifest,
  Inbound,
  type InboundAdapter,
  type InboundManifest,
  NotFoundError,
  Outbound,
  type OutboundChannel,
} from '@bellhop/contracts';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { faultsOf, type Side } from './plugin-faults.js';

/** A plugin under its id: an adapter, a channel, or both with one config class. */
export interface Plugin {
  readonly id: string;
  readonly manifest: InboundManifest | ChannelManifest;
  readonly inbound?: InboundAdapter;
  readonly outbound?: OutboundChannel;
}

/**
 * Finds every decorated adapter and channel at start. The core knows plugins through it alone. One that cannot be used is
 * left out, by name and with all that is wrong with it.
 */
@Injectable()
export class PluginRegistry implements OnModuleInit {
  private readonly log = new Logger(PluginRegistry.name);
  private readonly plugins = new Map<string, Plugin>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const adapter of this.instances<InboundAdapter>(Inbound)) this.add('inbound', adapter, { inbound: adapter });
    for (const channel of this.instances<OutboundChannel>(Outbound))
      this.add('outbound', channel, { outbound: channel });
  }

  all(): Plugin[] {
    return [...this.plugins.values()].sort((a, b) => a.id.localeCompare(b.id));
  }

  find(id: string): Plugin | undefined {
    return this.plugins.get(id);
  }

  /** @throws {NotFoundError} */
  get(id: string): Plugin {
    const plugin = this.plugins.get(id);
    if (!plugin) throw new NotFoundError(`Plugin "${id.slice(0, 64)}"`);
    return plugin;
  }

  /** Channels that reach devices. */
  gateways(): Plugin[] {
    return this.all().filter((plugin) => plugin.outbound?.manifest.gateway);
  }

  private add(side: Side, plugin: InboundAdapter | OutboundChannel, half: Partial<Plugin>): void {
    const faults = faultsOf(plugin, side, this.plugins);
    if (faults.length > 0) {
      this.log.error({ plugin: plugin.constructor.name, side, faults }, 'A plugin cannot be used; the others are');
      return;
    }
    const { manifest } = plugin;
    this.plugins.set(manifest.id, { id: manifest.id, manifest, ...this.plugins.get(manifest.id), ...half });
  }

  private instances<T>(decorator: typeof Inbound): T[] {
    return this.discovery
      .getProviders({ metadataKey: decorator.KEY })
      .map((wrapper) => wrapper.instance as T)
      .filter(Boolean);
  }
}
