import { identityKinds } from '../registry/identity-kinds.js';
import { NotFoundError, UnprocessableError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { internalId } from '../../platform/ids.js';
import { Integration } from '../integrations/integration.entity.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import { Identity } from './identity.entity.js';

const MOST_LISTED = 1_000;

/** A vendor's name for a person, as a caller writes it. */
export interface IdentityRequest {
  /** Public id. */
  readonly integrationId: string;
  readonly kind: string;
  readonly value: string;
}

/** Links between the names that vendors use and the people of an app. */
@Injectable()
export class IdentitiesService {
  constructor(
    @InjectRepository(Identity) private readonly identities: Repository<Identity>,
    @InjectRepository(Integration) private readonly integrations: Repository<Integration>,
    private readonly registry: PluginRegistry,
    private readonly clock: Clock,
  ) {}

  /**
   * Links the identity to the person; an identity of somebody else moves.
   * @throws {UnprocessableError} for an integration of nobody or of another app, and for a kind its plugin does not have.
   */
  async link(appId: string, userId: string, request: IdentityRequest): Promise<Identity> {
    const integration = await this.integrationOf(appId, request.integrationId);
    this.refuseUnknownKind(integration.plugin, request.kind);
    const key = { appId, integrationId: integration.id, kind: request.kind, value: request.value };
    await this.identities.upsert({ ...key, userId, updatedAt: this.clock.now() }, [
      'appId',
      'integrationId',
      'kind',
      'value',
    ]);
    return this.identities.findOneByOrFail(key);
  }

  list(appId: string, userId: string): Promise<Identity[]> {
    return this.identities.find({ where: { appId, userId }, order: { createdAt: 'DESC' }, take: MOST_LISTED });
  }

  /** @throws {NotFoundError} when the person does not have this identity. */
  async unlink(appId: string, userId: string, { integrationId, kind, value }: IdentityRequest): Promise<void> {
    const key = { appId, userId, integrationId: internalId('int', integrationId), kind, value };
    const { affected } = await this.identities.delete(key);
    if (!affected) throw new NotFoundError('The identity');
  }

  private async integrationOf(appId: string, publicId: string): Promise<Integration> {
    const known = await this.find(appId, publicId);
    if (known) return known;
    throw new UnprocessableError('identity.integration_unknown', 'The integration does not exist.', [
      { field: '/integrationId', message: 'must be an integration of this app' },
    ]);
  }

  private async find(appId: string, publicId: string): Promise<Integration | null> {
    try {
      return await this.integrations.findOneBy({ appId, id: internalId('int', publicId) });
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  private refuseUnknownKind(pluginId: string, kind: string): void {
    const plugin = this.registry.find(pluginId);
    const kinds = plugin ? identityKinds(plugin).map((known) => known.kind) : [];
    if (kinds.includes(kind)) return;
    const message = kinds.length > 0 ? `must be one of ${kinds.join(', ')}` : 'this plugin has no identities';
    throw new UnprocessableError('identity.kind_unknown', 'The plugin has no identities of this kind.', [
      { field: '/kind', message },
    ]);
  }
}
