import { ArrayNotEmpty, IsBoolean, IsIn, IsOptional, MinLength } from 'class-validator';
import path from 'node:path';
import { IsReceivers, toReceivers } from './env.egress.js';
import { IsKeyRing, sandboxKeys, toKeyRing } from './env.keys.js';
import {
  EnvironmentInvalidError,
  exampleOf,
  faultsOf,
  fill,
  IsAddress,
  IsWhole,
  toBoolean,
  toInteger,
  Variable,
  type EnvironmentFault,
  type Source,
} from './env.variable.js';
import type { VaultKey } from './vault.js';

export { EnvironmentInvalidError, type EnvironmentFault };

export const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const HOW_TO_MAKE_A_KEY = 'echo "k1:$(openssl rand -base64 32)"';

/** What the database needs; enough for migrations, which must not ask for keys. */
export class DatabaseEnvironment {
  /** Absent: the embedded PostgreSQL in `<dataDir>/postgres`. */
  @Variable('DATABASE_URL', {
    about: 'PostgreSQL 15 or newer. Not set: an embedded PostgreSQL under BELLHOP_DATA_DIR, for trials and tests.',
    example: 'postgres://bellhop:password@db.example.com:5432/bellhop',
    secret: true,
  })
  @IsOptional()
  @IsAddress(['postgres', 'postgresql'])
  readonly databaseUrl?: string;

  /** At least 2: the migration lock holds one connection while another one works. */
  @Variable('DATABASE_POOL', { about: 'Most connections this process opens, 2 to 1000.', example: '20' }, toInteger)
  @IsWhole(2, 1000)
  readonly databasePool: number = 20;

  /** Absolute. Holds `postgres/` (embedded database) and `keys` (sandbox). */
  @Variable(
    'BELLHOP_DATA_DIR',
    { about: 'Folder of the embedded database and of the sandbox keys.', example: '.data' },
    (text) => path.resolve(text),
  )
  readonly dataDir: string = path.resolve('.data');

  /** The operator named the data folder: it is used as it is, or refused with a reason, but never moved. */
  readonly dataDirExplicit: boolean = false;
}

/** The typed environment. One declaration: names, defaults, rules, `.env.example` and the hints of faults. */
export class Environment extends DatabaseEnvironment {
  /** 0 lets the system choose one. */
  @Variable('PORT', { about: 'Port of the HTTP server; 0 takes any free one.', example: '3000' }, toInteger)
  @IsWhole(0, 65_535)
  readonly port: number = 3000;

  @Variable('HOST', { about: 'Address to listen on. Not set: 0.0.0.0, in the sandbox 127.0.0.1.', example: '0.0.0.0' })
  readonly host: string;

  @Variable('BELLHOP_ROLE', {
    about: 'all: HTTP and work loops; api: HTTP only; worker: work loops (and health) only.',
    example: 'all',
  })
  @IsIn(ROLES)
  readonly role: Role = 'all';

  @Variable(
    'BELLHOP_SANDBOX',
    { about: 'Simulated vendors and a demo app. Not set: on exactly when DATABASE_URL is not set.', example: 'false' },
    toBoolean,
  )
  @IsBoolean()
  readonly sandbox: boolean;

  @Variable(
    'MIGRATE_ON_BOOT',
    { about: 'Bring the schema up to date at start. Not set: on in the sandbox only.', example: 'false' },
    toBoolean,
  )
  @IsBoolean()
  readonly migrateOnBoot: boolean;

  /** The first key seals, all of them open. In the sandbox never empty: one is made and kept in `<dataDir>/keys`. */
  @Variable(
    'BELLHOP_KEYS',
    {
      about:
        'Keys that seal secrets at rest: id:base64 of 32 bytes, separated by commas. The first one seals, all of them ' +
        'open; rotate by putting a new one in front, and keep the last one last. Required outside the sandbox. ' +
        `A new key: ${HOW_TO_MAKE_A_KEY}`,
      example: 'k1:<base64 of 32 random bytes>',
      secret: true,
    },
    toKeyRing,
  )
  @ArrayNotEmpty({ message: 'must be set when BELLHOP_SANDBOX is off' })
  @IsKeyRing()
  readonly keys: readonly VaultKey[] = [];

  /** Bearer key that manages apps. Absent: nobody can create one. */
  @Variable('BELLHOP_PLATFORM_KEY', {
    about: 'Bearer key that manages apps, 32 characters or more (openssl rand -hex 32). Not set: no such access.',
    example: '<64 hex digits>',
    secret: true,
  })
  @IsOptional()
  @MinLength(32, { message: 'must have 32 characters or more' })
  readonly platformKey?: string;

  /** Without a slash at the end. Absent: derived from the listening address. */
  @Variable(
    'PUBLIC_URL',
    { about: 'Base of the callback addresses we print, as vendors reach it.', example: 'https://push.example.com' },
    (text) => text.replace(/\/+$/, ''),
  )
  @IsOptional()
  @IsAddress(['https', 'http'])
  readonly publicUrl?: string;

  @Variable('LOG_LEVEL', {
    about: `One of ${LOG_LEVELS.join(', ')}. Not set: info, in the sandbox warn.`,
    example: 'info',
  })
  @IsIn(LOG_LEVELS)
  readonly logLevel: LogLevel;

  /** Seconds. */
  @Variable(
    'SHUTDOWN_GRACE_SECONDS',
    { about: 'Seconds that running work may take after SIGTERM, 0 to 3600.', example: '30' },
    toInteger,
  )
  @IsWhole(0, 3600)
  readonly shutdownGraceSeconds: number = 30;

  /** Seconds. */
  @Variable(
    'BELLHOP_LEASE_SECONDS',
    {
      about:
        'Seconds after which deliveries of a worker that fell silent are given to another one, 10 to 3600. A batch has ' +
        'half of it to be sent: shorter is sooner after a crash, and cuts more batches off at a slow gateway.',
      example: '90',
    },
    toInteger,
  )
  @IsWhole(10, 3600)
  readonly leaseSeconds: number = 90;

  /** `host:port`, in the form that addresses have once they are parsed; port `*` stands for all. */
  @Variable(
    'BELLHOP_EGRESS_ALLOW',
    {
      about:
        'Receivers of webhooks and servers of vendors that may be in a private network, speak http and use any port: ' +
        'host:port as in their address, separated by commas; the port may be *. Not set: none, in the sandbox 127.0.0.1:* and localhost:*.',
      example: 'hooks.corp.internal:8080',
    },
    toReceivers,
  )
  @IsReceivers()
  readonly egressAllow: readonly string[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The whole environment, checked. In the sandbox this makes `<dataDir>/keys` when BELLHOP_KEYS is not set.
 * @throws {EnvironmentInvalidError} listing every fault with a hint.
 */
export function readEnvironment(source: Source = process.env): Environment {
  const settings: Writable<Environment> = fill(Environment, source);
  settings.dataDirExplicit = Boolean(source['BELLHOP_DATA_DIR']?.trim());
  settings.sandbox ??= !settings.databaseUrl;
  // Compared, because a setting that is neither yes nor no is still text here and would count as two faults.
  settings.migrateOnBoot ??= isTrue(settings.sandbox);
  settings.logLevel ??= isTrue(settings.sandbox) ? 'warn' : 'info';
  settings.host ??= settings.sandbox ? '127.0.0.1' : '0.0.0.0';
  settings.egressAllow ??= isTrue(settings.sandbox) ? ['127.0.0.1:*', 'localhost:*'] : [];
  const ownKeys = settings.sandbox && settings.keys.length === 0;
  // A placeholder, so that a missing ring is no fault here and nothing is written while other faults stand.
  if (ownKeys) settings.keys = [PLACEHOLDER];
  refuse(faultsOf(settings, source));
  if (ownKeys) settings.keys = keptKeys(settings.dataDir);
  return settings;
}

/**
 * The part that migrations and the TypeORM command line need.
 * @throws {EnvironmentInvalidError}
 */
export function readDatabaseEnvironment(source: Source = process.env): DatabaseEnvironment {
  const settings: Writable<DatabaseEnvironment> = fill(DatabaseEnvironment, source);
  settings.dataDirExplicit = Boolean(source['BELLHOP_DATA_DIR']?.trim());
  refuse(faultsOf(settings, source));
  return settings;
}

const isTrue = (value: unknown): boolean => value === true;

const PLACEHOLDER: VaultKey = { id: 'sandbox', bytes: Buffer.alloc(0) };

function refuse(faults: readonly EnvironmentFault[]): void {
  if (faults.length > 0) throw new EnvironmentInvalidError(faults);
}

function keptKeys(dataDir: string): readonly VaultKey[] {
  try {
    return sandboxKeys(dataDir);
  } catch (error) {
    const message = `is not set, and the sandbox has no key of its own: ${(error as Error).message}`;
    throw new EnvironmentInvalidError([
      {
        variable: 'BELLHOP_KEYS',
        message,
        hint: `Make BELLHOP_DATA_DIR writable, or set BELLHOP_KEYS (${HOW_TO_MAKE_A_KEY}).`,
      },
    ]);
  }
}

/** The text of `.env.example`; a spec keeps the committed file equal to it. */
export function environmentExample(): string {
  return exampleOf(Environment, 'Settings of Bellhop. Copy to .env and take away the mark before what you change.');
}
