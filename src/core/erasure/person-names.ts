import { Injectable, Logger } from '@nestjs/common';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { deviceContext } from '../devices/devices.service.js';
import { isDirect } from '../integrations/direct-identities.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { identityKinds } from '../registry/identity-kinds.js';
import type { EventSource } from './forgotten.js';
import type { Person, PersonalDevice, PersonalName } from './person.js';

interface DeviceRow {
  readonly id: string;
  readonly installationId: string;
  readonly sealedToken: Buffer;
}

/** Finds out by what names rows may tell of a person. */
@Injectable()
export class PersonNames {
  private readonly log = new Logger(PersonNames.name);

  constructor(
    private readonly sql: Sql,
    private readonly vault: Vault,
    private readonly integrations: IntegrationCache,
  ) {}

  async find(appId: string, userId: string): Promise<Person> {
    const [linked, devices, integrations] = await Promise.all([
      this.sql.query<PersonalName & object>(
        `SELECT integration_id AS "integrationId", kind, value FROM identity WHERE app_id = $1 AND user_id = $2`,
        [appId, userId],
      ),
      this.sql.query<DeviceRow & object>(
        `SELECT id, installation_id AS "installationId", sealed_token AS "sealedToken" FROM device
         WHERE app_id = $1 AND user_id = $2`,
        [appId, userId],
      ),
      this.integrationsOf(appId),
    ]);
    const direct = await this.directNames(appId, userId, integrations, linked);
    return { appId, userId, names: [...linked, ...direct], devices: devices.map((row) => this.deviceOf(appId, row)) };
  }

  /** Who vouches for names in events, by integration. Events of an integration that is not here are not vouched for. */
  async sources(appId: string): Promise<EventSources> {
    return new EventSources(await this.integrationsOf(appId));
  }

  /** The user id, wherever it is a name at a vendor that nobody else is linked to. */
  private async directNames(
    appId: string,
    userId: string,
    integrations: readonly OpenedIntegration[],
    linked: readonly PersonalName[],
  ): Promise<PersonalName[]> {
    const taken = await this.sql.query<PersonalName & object>(
      `SELECT integration_id AS "integrationId", kind, value FROM identity
       WHERE app_id = $1 AND integration_id = ANY($2) AND value = $3`,
      [appId, integrations.map(({ row }) => row.id), userId],
    );
    const known = [...taken, ...linked];
    return integrations.flatMap((integration) => {
      const { id: integrationId } = integration.row;
      const kinds = identityKinds(integration.plugin).filter(({ kind }) => isDirect(integration, kind));
      return kinds
        .map(({ kind }) => ({ integrationId, kind, value: userId }))
        .filter((name) => !known.some((other) => isSame(name, other)));
    });
  }

  private async integrationsOf(appId: string): Promise<OpenedIntegration[]> {
    const rows = await this.sql.query<{ id: string }>('SELECT id FROM integration WHERE app_id = $1', [appId]);
    const opened = await Promise.all(rows.map(({ id }) => this.integrations.find(id)));
    return opened.filter((integration) => integration !== undefined);
  }

  /** A token that does not open is looked for nowhere; the row goes all the same. */
  private deviceOf(appId: string, { id, installationId, sealedToken }: DeviceRow): PersonalDevice {
    try {
      return { id, installationId, token: this.vault.open(sealedToken, deviceContext(appId, id)) };
    } catch (error) {
      this.log.warn({ cause: (error as Error).message }, 'A device token could not be opened');
      return { id, installationId, token: '' };
    }
  }
}

const isSame = (a: PersonalName, b: PersonalName): boolean =>
  a.integrationId === b.integrationId && a.kind === b.kind && a.value === b.value;

/** Where the events of an app come from. */
export class EventSources {
  private readonly byId: ReadonlyMap<string, OpenedIntegration>;

  constructor(integrations: readonly OpenedIntegration[]) {
    this.byId = new Map(integrations.map((integration) => [integration.row.id, integration]));
  }

  /** Integrations whose events may name people in words that only their plugin can read. */
  get vouching(): readonly string[] {
    return [...this.byId].flatMap(([id, { plugin }]) => (plugin.inbound?.vouch ? id : []));
  }

  of(integrationId: string): EventSource {
    const integration = this.byId.get(integrationId);
    return {
      integrationId,
      vouchedFor: (identity) => {
        const vouched = integration?.plugin.inbound?.vouch?.(identity, integration.config, integrationId);
        return typeof vouched === 'object' ? vouched.userId : undefined;
      },
    };
  }
}
