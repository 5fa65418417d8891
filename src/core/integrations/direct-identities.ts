import { identityKinds } from '../registry/identity-kinds.js';
import type { OpenedIntegration } from './integration-cache.js';

/**
 * Whether a vendor's names of a kind count as our user ids where no link exists: as the operator says, else as the plugin
 * advises.
 */
export function isDirect({ row, plugin }: Pick<OpenedIntegration, 'row' | 'plugin'>, kind: string): boolean {
  const known = identityKinds(plugin).find((each) => each.kind === kind);
  return row.settings.identitiesAreUserIds ?? known?.direct ?? false;
}
