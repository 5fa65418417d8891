import {
  type ActionManifest,
  type ActionResult,
  AppError,
  ConfigInvalidError,
  NotFoundError,
  readConfig,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { Scope } from '../../access/api-key.entity.js';
import { grants } from '../../access/scope.js';
import { Clock } from '../../platform/clock.js';
import { invalidRequest } from '../../platform/validation.js';
import { getActive } from './active-integration.js';
import { ChannelClients } from './channel-clients.js';
import { IntegrationCache, type OpenedIntegration } from './integration-cache.js';
import { askVendor, refusedByVendor } from './vendor-refusal.js';

const DEADLINE_MS = 15_000;

export interface ActionRequest {
  readonly appId: string;
  readonly integrationId: string;
  readonly actionId: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Of the key that asks. */
  readonly scopes: readonly Scope[];
}

/** What vendors offer besides messages: signed values, links, answers to surveys. */
@Injectable()
export class ActionsService {
  constructor(
    private readonly integrations: IntegrationCache,
    private readonly clients: ChannelClients,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws {NotFoundError} for an integration or action that does not exist.
   * @throws {AppError} 400 naming fields of the input, 403 when the key lacks the scope of the action, and whatever the
   *   vendor's refusal is told as.
   */
  async run({ appId, integrationId, actionId, input, scopes }: ActionRequest): Promise<ActionData> {
    const integration = await getActive(this.integrations, appId, integrationId);
    const action = actionOf(integration, actionId);
    refuseWeaker(scopes, action.scope);
    const read = readInput(action, input);
    const result = await askVendor(integration, () => this.call(integration, actionId, read));
    if (result.ok) return result.data;
    throw refusedByVendor(result.outcome, this.clock.now());
  }

  private async call(integration: OpenedIntegration, actionId: string, input: object): Promise<ActionResult> {
    const { actions } = await this.clients.get(integration);
    const run = actions && Object.hasOwn(actions, actionId) ? actions[actionId] : undefined;
    if (!run) throw new Error(`Channel "${integration.plugin.id}" lacks the action "${actionId}" that it declares.`);
    return run(input, AbortSignal.timeout(DEADLINE_MS));
  }
}

type ActionData = Readonly<Record<string, unknown>>;

function actionOf({ plugin }: OpenedIntegration, id: string): ActionManifest {
  const action = plugin.outbound?.manifest.actions?.find((one) => one.id === id);
  if (!action) throw new NotFoundError('The action');
  return action;
}

function refuseWeaker(scopes: readonly Scope[], needed: Scope): void {
  if (grants(scopes, needed)) return;
  throw new AppError('auth.scope_missing', 403, `For this action, the API key needs the scope "${needed}".`);
}

function readInput({ input: type }: ActionManifest, input: object): object {
  try {
    return readConfig(type, input, '/input');
  } catch (error) {
    throw error instanceof ConfigInvalidError ? invalidRequest(error.issues) : error;
  }
}
