import type { SendOutcome } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { publicId } from '../../platform/ids.js';
import type { Transaction } from '../../platform/sql.js';
import { WebhookOutbox } from '../webhooks/webhook-outbox.js';
import { IntegrationCache, type OpenedIntegration } from './integration-cache.js';

/** Why nothing may go through an integration until somebody has looked at it. */
export interface IntegrationPause {
  readonly reason: 'misconfigured' | 'mass_invalidation';
  /** For operators. */
  readonly detail: string;
}

/** The pause that an outcome asks for: our credentials or settings are wrong, for every target. */
export function pauseFor(outcome: SendOutcome): IntegrationPause | undefined {
  if (outcome.kind !== 'misconfigured' || outcome.scope === 'target') return undefined;
  const { reason, vendorCode, field } = outcome;
  const detail = [field && `Check "${field}".`, reason, vendorCode].filter(Boolean).join(' ');
  return { reason: 'misconfigured', detail };
}

/** Pauses integrations that cannot work until somebody changes them. */
@Injectable()
export class PauseSwitch {
  private readonly log = new Logger(PauseSwitch.name);

  constructor(
    private readonly cache: IntegrationCache,
    private readonly webhooks: WebhookOutbox,
    private readonly clock: Clock,
  ) {}

  /** Unless somebody has changed or paused the integration since it was opened. */
  async pause(tx: Transaction, { row }: OpenedIntegration, { reason, detail }: IntegrationPause): Promise<void> {
    const { appId, id, revision, plugin } = row;
    const now = this.clock.now();
    const paused = await tx.query(
      `UPDATE integration SET state = 'paused', pause_reason = $4, pause_detail = $5, updated_at = $6
       WHERE app_id = $1 AND id = $2 AND revision = $3 AND state = 'active' RETURNING id`,
      [appId, id, revision, reason, detail, now],
    );
    if (paused.length === 0) return;
    const data = { integrationId: publicId('int', id), plugin, reason, detail };
    await this.webhooks.announce(tx, appId, [{ type: 'integration.paused', data, at: now }]);
  }

  /** Once the transaction of {@link pause} has been committed. */
  done({ row }: OpenedIntegration, pause: IntegrationPause): void {
    this.cache.forget(row.appId, row.id);
    this.log.error({ integrationId: row.id, ...pause }, 'Integration paused');
  }
}
