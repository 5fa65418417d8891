import type { Plugin } from './plugin-registry.js';

/** A kind of the names that a vendor has for people. */
export interface IdentityKind {
  /** `{plugin}.{what}`. */
  readonly kind: string;
  /** Without a link the name counts as our user id, unless an operator says otherwise. */
  readonly direct: boolean;
}

/** Those that events of a plugin carry, and the one by which its channel addresses people. */
export function identityKinds({ inbound, outbound }: Plugin): readonly IdentityKind[] {
  const carried = inbound?.manifest.identities.map(({ kind, direct = false }) => ({ kind, direct })) ?? [];
  const addresses = outbound?.manifest.addresses;
  if (!addresses || carried.some(({ kind }) => kind === addresses.identity)) return carried;
  return [...carried, { kind: addresses.identity, direct: addresses.direct }];
}
