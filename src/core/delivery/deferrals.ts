import { chunks } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { BATCH_SIZE, type DeliverNudge } from './deliver.nudge.js';
import { DeliveryRecorder } from './delivery-recorder.js';

/** What is put off within this time is written together. */
const GATHER_MS = 250;

interface Gathering {
  readonly integration: OpenedIntegration;
  readonly ids: string[];
  readonly until: Date;
  readonly timer: NodeJS.Timeout;
}

/**
 * Deliveries that wait for the next trial of their lane. They come one by one, as what caused them, and would come back one
 * by one at each trial: gathered, a lane that is out of order costs next to nothing. What a process that dies has gathered
 * is found by the sweep.
 */
@Injectable()
export class Deferrals {
  private readonly log = new Logger(Deferrals.name);
  private readonly gatherings = new Map<string, Gathering>();
  private readonly writing = new Set<Promise<void>>();

  constructor(private readonly recorder: DeliveryRecorder) {}

  add(integration: OpenedIntegration, { ids }: DeliverNudge, until: Date): void {
    const key = `${integration.row.id} ${Math.ceil(until.getTime() / 1000)}`;
    const known = this.gatherings.get(key);
    if (known) return void known.ids.push(...ids);
    const timer = setTimeout(() => this.end(key), GATHER_MS);
    this.gatherings.set(key, { integration, ids: [...ids], until, timer });
  }

  /** Resolves when all that was gathered is written. */
  async drained(): Promise<void> {
    for (const key of this.gatherings.keys()) this.end(key);
    await Promise.all(this.writing);
  }

  private end(key: string): void {
    const gathering = this.gatherings.get(key);
    if (!gathering) return;
    clearTimeout(gathering.timer);
    this.gatherings.delete(key);
    const writing = this.write(gathering).finally(() => this.writing.delete(writing));
    this.writing.add(writing);
  }

  private async write({ integration, ids, until }: Gathering): Promise<void> {
    const { appId, id: integrationId } = integration.row;
    try {
      for (const some of chunks([...new Set(ids)], BATCH_SIZE)) {
        await this.recorder.defer(integration, { appId, integrationId, ids: some }, until);
      }
    } catch (error) {
      this.log.warn({ integrationId, cause: (error as Error).message }, 'Deliveries that wait are left to the sweep');
    }
  }
}
