import {
  type ChannelManifest,
  Inbound,
  type InboundAdapter,
  type InboundManifest,
  NotFoundError,
  Outbound,
  type OutboundChannel,
} from '@bellhop/contracts';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

/** A plugin under its id: an adapter, a channel, or both with one config class. */
export interface Plugin {
  readonly id: string;
  readonly manifest: InboundManifest | ChannelManifest;
  readonly inbound?: InboundAdapter;
  readonly outbound?: OutboundChannel;
}

/** Finds every decorated adapter and channel at start. The core knows plugins through it alone. */
@Injectable()
export class PluginRegistry implements OnModuleInit {
  private readonly plugins = new Map<string, Plugin>();

  constructor(private readonly discovery: DiscoveryService) {}

  onModuleInit(): void {
    for (const adapter of this.instances<InboundAdapter>(Inbound)) this.add(adapter.manifest, { inbound: adapter });
    for (const channel of this.instances<OutboundChannel>(Outbound)) this.add(channel.manifest, { outbound: channel });
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

  private add(manifest: Plugin['manifest'], half: Pick<Plugin, 'inbound'> | Pick<Plugin, 'outbound'>): void {
    const known = this.plugins.get(manifest.id);
    const side = Object.keys(half)[0] as 'inbound' | 'outbound';
    if (known?.[side]) throw new Error(`Two ${side} plugins have the id "${manifest.id}".`);
    if (known && known.manifest.config !== manifest.config) {
      throw new Error(`The adapter and the channel "${manifest.id}" must share one config class.`);
    }
    this.plugins.set(manifest.id, { id: manifest.id, manifest, ...known, ...half });
  }

  private instances<T>(decorator: typeof Inbound): T[] {
    return this.discovery
      .getProviders({ metadataKey: decorator.KEY })
      .map((wrapper) => wrapper.instance as T)
      .filter(Boolean);
  }
}
