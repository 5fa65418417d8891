import { ArrayNotEmpty, IsNotEmpty } from 'class-validator';
import { IsKeyRing, toKeyRing } from '../platform/env.keys.js';
import {
  DatabaseEnvironment,
  EnvironmentInvalidError,
  readDatabaseEnvironment,
  readEnvironment,
} from '../platform/env.js';
import { faultsOf, fill, IsAddress, type Source, Variable } from '../platform/env.variable.js';
import type { VaultKey } from '../platform/vault.js';

/** What commands need that ask a running platform. */
export class ApiEnvironment {
  /** Without a slash at the end. */
  @Variable('BELLHOP_URL', { about: 'Address of a running platform.', example: 'https://push.example.com' }, (text) =>
    text.replace(/\/+$/, ''),
  )
  @IsAddress(['https', 'http'])
  readonly url: string;

  @Variable('BELLHOP_API_KEY', {
    about: 'API key of the app, with the scope of the command.',
    example: 'bh_…',
    secret: true,
  })
  @IsNotEmpty({ message: 'must be set' })
  readonly apiKey: string;
}

/** What commands need that work on sealed values. */
export class KeysEnvironment extends DatabaseEnvironment {
  @Variable(
    'BELLHOP_KEYS',
    {
      about: 'The key ring of the platform, as its processes have it: id:base64 of 32 bytes, separated by commas.',
      example: 'k2:<base64>,k1:<base64>',
      secret: true,
    },
    toKeyRing,
  )
  @ArrayNotEmpty({ message: 'must be set' })
  @IsKeyRing()
  readonly keys: readonly VaultKey[] = [];
}

/** @throws {EnvironmentInvalidError} listing every fault with a hint. */
export function readSettings<T extends object>(type: new () => T, source: Source): T {
  const settings = fill(type, source);
  const faults = faultsOf(settings, source);
  if (faults.length > 0) throw new EnvironmentInvalidError(faults);
  return settings;
}

/**
 * The key ring; in the sandbox the one that it keeps itself.
 * @throws {EnvironmentInvalidError}
 */
export function keyRingOf(env: Source): readonly VaultKey[] {
  const sandbox = !readDatabaseEnvironment(env).databaseUrl && !env['BELLHOP_KEYS']?.trim();
  return sandbox ? readEnvironment(env).keys : readSettings(KeysEnvironment, env).keys;
}
