import type { Environment, Platform } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { newId } from '../../platform/ids.js';
import type { SqlRunner } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { deviceContext, DevicesService } from './devices.service.js';

/** A device that only a vendor's callback knows. */
export interface NamedByCallback {
  readonly gateway: string;
  readonly platform: Platform;
  /** In the gateway's normal form. */
  readonly token: string;
  readonly environment: Environment;
  readonly appIdentifier: string | null;
  readonly userId: string | null;
  readonly seenAt: Date;
}

const ADOPT = `
  INSERT INTO device (app_id, id, user_id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
                      environment, app_identifier, token_updated_at, last_seen_at)
  VALUES ($1, $2, $3, $4, $5, $6, 'token', $7, $8, $9, $10, $11, $11)
  ON CONFLICT DO NOTHING
  RETURNING id`;

/** Puts devices into the registry that no app registered, so that what gateways say of their tokens is remembered. */
@Injectable()
export class CallbackDevices {
  constructor(
    private readonly devices: DevicesService,
    private readonly vault: Vault,
  ) {}

  /** Id of the new row; undefined when another transaction has just registered the same token. */
  async adopt(tx: SqlRunner, appId: string, named: NamedByCallback): Promise<string | undefined> {
    const { gateway, platform, token, environment, appIdentifier, userId, seenAt } = named;
    const id = newId();
    const hash = this.devices.tokenHash(gateway, token);
    const installation = `callback:${gateway}:${hash.toString('hex').slice(0, 32)}`;
    const sealed = this.vault.seal(token, deviceContext(appId, id));
    const values = [
      appId,
      id,
      userId,
      installation,
      platform,
      gateway,
      sealed,
      hash,
      environment,
      appIdentifier,
      seenAt,
    ];
    const [row] = await tx.query<{ id: string }>(ADOPT, values);
    return row?.id;
  }
}
