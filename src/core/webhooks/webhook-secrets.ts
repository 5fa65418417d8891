import type { Vault } from '../../platform/vault.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';

/** What the secrets of an endpoint are sealed to. */
export const webhookContext = (appId: string, id: string): string => `webhook:${appId}:${id}`;

type Sealed = Pick<WebhookEndpoint, 'appId' | 'id' | 'sealedSecret' | 'sealedPreviousSecret' | 'previousExpiresAt'>;

/** The secrets that sign now: the present one, and the one before it while receivers change over. */
export function signingSecrets(vault: Vault, endpoint: Sealed, now: Date): readonly string[] {
  const { appId, id, sealedSecret, sealedPreviousSecret, previousExpiresAt } = endpoint;
  const previous = previousExpiresAt && previousExpiresAt > now ? sealedPreviousSecret : null;
  const sealed = previous ? [sealedSecret, previous] : [sealedSecret];
  return sealed.map((secret) => vault.open(secret, webhookContext(appId, id)));
}
