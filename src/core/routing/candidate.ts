import type { Delivery } from '../notifications/delivery.entity.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { DirectoryDevice, Person } from './directory.js';
import type { Facts } from './whether.js';

/** A device as far as the decision goes. */
export type ConsideredDevice = Omit<DirectoryDevice, 'environment' | 'tokenHash'>;

/** Somebody or something to consider: a device, what a vendor is asked to reach, or the reason why there is neither. */
export interface Candidate {
  readonly userId: string | null;
  readonly person: Person | undefined;
  readonly device?: ConsideredDevice;
  /** Instead of a device: a channel that finds the devices itself. */
  readonly through?: { readonly channel: OpenedIntegration; readonly target: NonNullable<Delivery['target']> };
  readonly unreachable?: Facts['unreachable'];
}
