import { type DeviceGateway, type FieldIssue, type Platform, UnprocessableError } from '@bellhop/contracts';
import type { PluginRegistry } from '../registry/plugin-registry.js';

/** What a registration says about its address. */
export interface ClaimedToken {
  readonly gateway: string;
  readonly token: string;
  readonly identifier: 'token' | 'fid';
  readonly platform: Platform;
}

/** How devices of a gateway are addressed; undefined when no plugin of that id addresses devices. */
export function findGateway(registry: PluginRegistry, id: string): DeviceGateway | undefined {
  return registry.find(id)?.outbound?.manifest.gateway;
}

/**
 * Checks a token against what its gateway says of its shape.
 * @returns the token in the gateway's normal form: what is compared, stored and sent.
 * @throws {UnprocessableError} naming the field; the token is never quoted.
 */
export function readToken(
  registry: PluginRegistry,
  { gateway: id, token, identifier, platform }: ClaimedToken,
): string {
  const gateway = findGateway(registry, id);
  if (!gateway) throw unknownGateway(registry);
  if (!gateway.platforms.includes(platform)) {
    throw refused('device.platform_unsupported', '/platform', `must be one of ${gateway.platforms.join(', ')}`);
  }
  const shape = gateway.identifiers[identifier];
  if (!shape) {
    const known = Object.keys(gateway.identifiers).join(', ');
    throw refused('device.identifier_unsupported', '/identifier', `must be one of ${known}`);
  }
  const normal = gateway.normalize(token);
  if (normal.search(shape) < 0) throw refused('device.token_malformed', '/token', `must be ${gateway.shape}`);
  return normal;
}

function unknownGateway(registry: PluginRegistry): UnprocessableError {
  const ids = registry.gateways().map(({ id }) => id);
  return refused('device.gateway_unknown', '/gateway', `must be one of ${ids.join(', ')}`);
}

const WORDS: Readonly<Record<string, string>> = {
  'device.gateway_unknown': 'No channel of this id reaches devices.',
  'device.platform_unsupported': 'The gateway does not reach this platform.',
  'device.identifier_unsupported': 'The gateway has no identifiers of this kind.',
  'device.token_malformed': 'The token does not have the shape that the gateway issues.',
};

function refused(code: string, field: string, message: string): UnprocessableError {
  const issue: FieldIssue = { field, message };
  return new UnprocessableError(code, WORDS[code] ?? code, [issue]);
}
