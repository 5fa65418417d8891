import { Deferrals } from '../../src/core/delivery/deferrals.js';
import { DeliveryWorker } from '../../src/core/delivery/delivery-worker.js';
import { Sweeper } from '../../src/core/delivery/sweeper.js';
import { Clock } from '../../src/platform/clock.js';
import type { TestPlatform } from './app.js';
import type { DeliveryRow, Shop } from './shop.js';

/** Does by hand what the work loops of a worker do, on a platform that has none (`role: 'api'`). */
export class Handwork {
  constructor(
    readonly shop: Shop,
    readonly platform: TestPlatform = shop.app.platform,
  ) {}

  get now(): Date {
    return this.platform.app.get(Clock).now();
  }

  /** Moves the clock of the platform. */
  wait(ms: number): void {
    this.platform.setTime(new Date(this.now.getTime() + ms));
  }

  /** The nudges for everything that is open: one per channel, whatever its time. */
  async nudges() {
    const rows = (await this.shop.deliveries()).filter(({ state }) => state === 'queued' || state === 'held');
    const groups = Map.groupBy(rows, ({ integration_id: id }) => id);
    return [...groups].map(([integrationId, deliveries]) => ({
      appId: this.shop.app.id,
      integrationId: integrationId as string,
      ids: deliveries.map(({ id }) => id),
    }));
  }

  /** One batch per channel of whatever is due. */
  async work(): Promise<void> {
    const worker = this.platform.app.get(DeliveryWorker);
    for (const nudge of await this.nudges()) await worker.deliver(nudge);
    await this.platform.app.get(Deferrals).drained();
  }

  /** Moves the clock to the next attempt of the only delivery, and makes it. */
  async workWhenDue(): Promise<DeliveryRow> {
    const due = (await this.only()).not_before;
    if (due) this.platform.setTime(due);
    await this.work();
    return this.only();
  }

  sweep(): Promise<void> {
    return this.platform.app.get(Sweeper).sweep();
  }

  /** The only delivery of the app. */
  async only(): Promise<DeliveryRow> {
    const rows = await this.shop.deliveries();
    expect(rows).toHaveLength(1);
    return rows[0] as DeliveryRow;
  }
}

/** Outcomes of the attempts of a delivery, `!` behind those that may have made a duplicate. */
export function attemptsOf({ attempts }: DeliveryRow): string[] {
  return attempts.map(({ outcome, possibleDuplicate }) => outcome + (possibleDuplicate ? '!' : ''));
}
