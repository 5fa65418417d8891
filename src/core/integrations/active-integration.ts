import { ConflictError, NotFoundError } from '@bellhop/contracts';
import type { IntegrationCache, OpenedIntegration } from './integration-cache.js';

/**
 * An integration through which calls may go. A pause is looked up afresh: what another process has just resumed would
 * otherwise be kept waiting.
 */
export async function findActive(
  cache: IntegrationCache,
  appId: string,
  id: string,
): Promise<OpenedIntegration | undefined> {
  const known = await cache.find(id);
  if (known?.row.appId === appId && known.row.state === 'active') return known;
  cache.forget(appId, id);
  const fresh = await cache.find(id);
  return fresh?.row.appId === appId && fresh.row.state === 'active' ? fresh : undefined;
}

/**
 * @throws {NotFoundError} when the app has no such integration, or its plugin is not loaded.
 * @throws {ConflictError} when it is paused.
 */
export async function getActive(cache: IntegrationCache, appId: string, id: string): Promise<OpenedIntegration> {
  const active = await findActive(cache, appId, id);
  if (active) return active;
  const known = await cache.find(id);
  if (known?.row.appId !== appId) throw new NotFoundError('The integration');
  throw new ConflictError('integration.paused', 'The integration is paused; nothing is asked of its vendor.');
}
