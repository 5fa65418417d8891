import { type IdentityRef, type SendOutcome, UnprocessableError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql } from '../../platform/sql.js';
import { getActive } from '../integrations/active-integration.js';
import { ChannelClients } from '../integrations/channel-clients.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { askVendor, refusedByVendor } from '../integrations/vendor-refusal.js';
import type { PushSwitchView } from './push-switch.dto.js';
import { vendorIdentitiesOf } from './vendor-ids.js';

const DEADLINE_MS = 15_000;

export interface PushSwitchRequest {
  readonly appId: string;
  readonly userId: string;
  readonly integrationId: string;
  readonly on: boolean;
}

/** Tells vendors to hand the messages of a person over, or to stop. */
@Injectable()
export class PushSwitchService {
  constructor(
    private readonly integrations: IntegrationCache,
    private readonly clients: ChannelClients,
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  /**
   * Asks the vendor for every name that it has for the person.
   * @throws {UnprocessableError} when the plugin has no switch, or the vendor has no name for the person.
   * @throws {AppError} for the vendor's refusal, when it accepted none of them.
   */
  async set({ appId, userId, integrationId, on }: PushSwitchRequest): Promise<PushSwitchView> {
    const integration = await getActive(this.integrations, appId, integrationId);
    const people = await this.identitiesOf(integration, userId);
    const answers = await askVendor(integration, async () => {
      const { pushSwitch } = await this.clients.get(integration);
      if (!pushSwitch) throw new Error('The channel has no push switch.');
      const signal = AbortSignal.timeout(DEADLINE_MS);
      return Promise.all(people.map((person) => pushSwitch.set(person, on, signal)));
    });
    const refusals = answers.filter((answer) => answer.kind !== 'accepted');
    const [first] = refusals;
    if (first && refusals.length === answers.length) throw refusedByVendor(first, this.clock.now());
    return { on, identities: people.map((person, i) => ({ ...person, ...answerOf(answers[i] as SendOutcome) })) };
  }

  private async identitiesOf(integration: OpenedIntegration, userId: string): Promise<IdentityRef[]> {
    const { plugin } = integration;
    if (!plugin.outbound?.manifest.capabilities.pushSwitch) {
      throw new UnprocessableError('push_switch.unsupported', `The plugin "${plugin.id}" has no push switch.`);
    }
    const people = await vendorIdentitiesOf(this.sql, integration, userId);
    if (people.length > 0) return people;
    throw new UnprocessableError('identity.unknown', 'The vendor has no name for this person: link an identity first.');
  }
}

function answerOf(outcome: SendOutcome): { accepted: boolean; code?: string } {
  return outcome.kind === 'accepted' ? { accepted: true } : { accepted: false, code: outcome.reason };
}
