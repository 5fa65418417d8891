import { run } from '../../../bench/support/postgres.js';
import type { Stage } from './stage.js';

const CLAIMED = 'SELECT unnest(ids) AS id FROM delivery_claim';

/** The deliveries that processes held when they were killed: these alone may be pushed twice. */
export class InFlight {
  private readonly ids = new Set<string>();

  constructor(private readonly stage: Stage) {}

  /** To be called after a kill: what was sent had been claimed before. @returns how many are in flight now. */
  async note(): Promise<number> {
    const { rows } = await run(this.stage.databaseUrl, (client) => client.query<{ id: string }>(CLAIMED));
    for (const { id } of rows) this.ids.add(id);
    return rows.length;
  }

  expectNoOthersTwice(): void {
    const { chaos, gateways } = this.stage;
    chaos.findings.figure('in flight at kills', this.ids.size);
    chaos.findings.expectNone(
      'pushed twice without being in flight at a kill',
      [...gateways.pushedTwice].filter((id) => !this.ids.has(id)),
    );
  }
}
