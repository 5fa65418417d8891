import type { ChannelClient, ChannelContext } from '@bellhop/contracts';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { GuardedEgress } from '../../platform/egress.js';
import { Telemetry } from '../../platform/telemetry.js';
import type { OpenedIntegration } from './integration-cache.js';
import { SharedStates } from './shared-state.js';
import { traced } from './traced-client.js';

interface Open {
  readonly revision: number;
  readonly client: Promise<ChannelClient>;
}

/** Opened channel clients, one per integration and revision; closed when the revision changes and on stop. */
@Injectable()
export class ChannelClients implements OnApplicationShutdown {
  private readonly log = new Logger(ChannelClients.name);
  private readonly clients = new Map<string, Open>();

  constructor(
    private readonly clock: Clock,
    private readonly egress: GuardedEgress,
    private readonly shared: SharedStates,
    private readonly telemetry: Telemetry,
  ) {}

  /** @throws {Error} when the plugin has no channel or cannot open one. */
  get(integration: OpenedIntegration): Promise<ChannelClient> {
    const { row, plugin, config } = integration;
    const known = this.clients.get(row.id);
    if (known && known.revision >= row.revision) return known.client;
    if (!plugin.outbound) throw new Error(`Plugin "${plugin.id}" has no channel.`);
    const opened = plugin.outbound.open(config, this.contextOf(integration));
    const client = this.telemetry.on ? opened.then((one) => traced(one, integration, this.telemetry)) : opened;
    this.clients.set(row.id, { revision: row.revision, client });
    client.catch(() => this.clients.delete(row.id));
    if (known) void this.close(known);
    return client;
  }

  async onApplicationShutdown(): Promise<void> {
    const open = [...this.clients.values()];
    this.clients.clear();
    await Promise.all(open.map((entry) => this.close(entry)));
  }

  private contextOf(integration: OpenedIntegration): ChannelContext {
    return {
      integrationId: integration.row.id,
      now: () => this.clock.now(),
      shared: this.shared.of(integration),
      egress: this.egress,
    };
  }

  private async close(entry: Open): Promise<void> {
    try {
      await (await entry.client).close();
    } catch (error) {
      this.log.warn(`A channel client did not close: ${(error as Error).name}`);
    }
  }
}
