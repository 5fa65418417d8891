import { idempotencyContext } from '../platform/idempotency.store.js';
import { type SealedColumn, sealedColumn } from '../platform/vault.columns.js';
import { deviceContext } from './devices/devices.service.js';
import { erasureContext } from './erasure/erasures.js';
import { integrationContext } from './integrations/integration-cache.js';
import { sharedContext } from './integrations/shared-state.js';
import { webhookContext } from './webhooks/webhook-secrets.js';

const APP_ROW = { app_id: 'uuid', id: 'uuid' } as const;

/** Everything that the vault has sealed; secrets of callback addresses and API keys are not among it, for only hashes of them exist. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  sealedColumn({
    what: 'secrets of integrations',
    table: 'integration',
    column: 'sealed_secrets',
    key: APP_ROW,
    context: integrationContext,
  }),
  sealedColumn({
    what: 'secrets of webhooks',
    table: 'webhook_endpoint',
    column: 'sealed_secret',
    key: APP_ROW,
    context: webhookContext,
  }),
  sealedColumn({
    what: 'previous secrets of webhooks',
    table: 'webhook_endpoint',
    column: 'sealed_previous_secret',
    key: APP_ROW,
    context: webhookContext,
  }),
  sealedColumn({
    what: 'values fetched from vendors',
    table: 'shared_value',
    column: 'sealed_value',
    key: { integration_id: 'uuid', key: 'text' },
    context: (id, key) => sharedContext({ id, key }),
  }),
  {
    what: 'kept replies',
    table: 'idempotency_key',
    key: { app_id: 'uuid', key: 'text' },
    read: `decode(response->>'sealed', 'base64')`,
    write: (value) => `response = jsonb_build_object('sealed', replace(encode(${value}, 'base64'), E'\\n', ''))`,
    context: idempotencyContext,
  },
  sealedColumn({
    what: 'device tokens',
    table: 'device',
    column: 'sealed_token',
    key: APP_ROW,
    context: deviceContext,
    hash: { column: 'token_hash', prefix: `gateway || ':'` },
  }),
  sealedColumn({
    what: 'people who are being erased',
    table: 'erasure',
    column: 'sealed_person',
    key: { app_id: 'uuid', subject: 'text' },
    context: erasureContext,
  }),
];
