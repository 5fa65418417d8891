import {
  ArrayNotEmpty,
  IsBoolean,
  IsIn,
  IsNotEmpty,
  IsOptional,
  Matches,
  MinLength,
  ValidateIf,
} from 'class-validator';
import path from 'node:path';
import { IsReceivers, toReceivers } from './env.egress.js';
import { IsKeyRing, IsUnguessable, sandboxKeys, toKeyRing } from './env.keys.js';
import { IsIssuer, IsRoleMapping, type MappedRole, toRoleMapping } from './env.oidc.js';
import { IsProxies, toProxies } from './env.proxies.js';
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

/** A century. */
const MOST_DAYS = 36_500;
const HOURS = /^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/;

const keptFor = (what: string) => ({
  about: `Days for which we keep ${what}, 0 to ${MOST_DAYS}; 0: for ever.`,
  example: '90',
});

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
        'Keys that guard what is sealed at rest: id:base64 of 32 bytes, separated by commas. The first one seals, all of ' +
        'them open; rotate by putting a new one in front (docs/secrets.md). Required outside the sandbox. ' +
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
  @IsUnguessable()
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

  /** Addresses and networks whose `X-Forwarded-For` is believed. */
  @Variable(
    'BELLHOP_TRUSTED_PROXIES',
    {
      about:
        'Proxies in front of this process, whose X-Forwarded-For tells the address of a client: IP addresses or networks ' +
        '(10.0.0.0/8), or loopback, linklocal, uniquelocal; separated by commas. Not set: none, and all who come through ' +
        'one proxy share the limits per client address.',
      example: 'loopback,10.0.0.0/8',
    },
    toProxies,
  )
  @IsProxies()
  readonly trustedProxies: readonly string[] = [];

  /** Calls per minute and key. 0: unlimited. */
  @Variable(
    'BELLHOP_API_RATE',
    {
      about:
        'Calls per minute that each API key, and each operator who is signed in, may make to this process, all at once or ' +
        'spread, 0 to 10000000; 0 takes the limit away.',
      example: '60000',
    },
    toInteger,
  )
  @IsWhole(0, 10_000_000)
  readonly apiRate: number = 60_000;

  /** Callbacks per minute and integration. 0: unlimited. */
  @Variable(
    'BELLHOP_INBOUND_RATE',
    {
      about:
        'Callbacks per minute that this process takes from each integration, 0 to 10000000; the vendor is told to send the ' +
        'others again. 0 takes the limit away.',
      example: '600000',
    },
    toInteger,
  )
  @IsWhole(0, 10_000_000)
  readonly inboundRate: number = 0;

  /** Calls per minute and client address. 0: unlimited. */
  @Variable(
    'BELLHOP_RECEIPTS_RATE',
    {
      about:
        'Calls of POST /v1/receipts per minute and client address that this process answers, 0 to 10000000. Many phones ' +
        'share the address of their carrier. 0 takes the limit away.',
      example: '6000',
    },
    toInteger,
  )
  @IsWhole(0, 10_000_000)
  readonly receiptsRate: number = 6_000;

  /** Days. */
  @Variable(
    'BELLHOP_AUDIT_DAYS',
    { about: 'Days for which the audit is kept, 30 to 36500.', example: '730' },
    toInteger,
  )
  @IsWhole(30, 36_500)
  readonly auditDays: number = 730;

  /** Absent: people sign in with passwords alone. */
  @Variable('BELLHOP_OIDC_ISSUER', {
    about:
      'Issuer of the OpenID provider with which people may sign in; it sends them back to ' +
      'PUBLIC_URL/v1/session/oidc/callback. Not set: passwords alone.',
    example: 'https://login.example.com/realms/acme',
  })
  @IsOptional()
  @IsIssuer()
  readonly oidcIssuer?: string;

  @Variable('BELLHOP_OIDC_CLIENT_ID', { about: 'What the provider calls Bellhop.', example: 'bellhop' })
  @ValidateIf(({ oidcIssuer }: Environment) => oidcIssuer !== undefined)
  @IsNotEmpty({ message: 'must be set when BELLHOP_OIDC_ISSUER is' })
  readonly oidcClientId?: string;

  @Variable('BELLHOP_OIDC_CLIENT_SECRET', {
    about: 'What Bellhop shows the provider.',
    example: '<secret of the client>',
    secret: true,
  })
  @ValidateIf(({ oidcIssuer }: Environment) => oidcIssuer !== undefined)
  @IsNotEmpty({ message: 'must be set when BELLHOP_OIDC_ISSUER is' })
  readonly oidcClientSecret?: string;

  /** Absent: nobody comes in whom no admin has invited. */
  @Variable('BELLHOP_OIDC_ROLE_CLAIM', {
    about:
      'Claim by whose values people come in whom no admin has invited, or the way to it (realm_access.roles). Not set: ' +
      'nobody does.',
    example: 'groups',
  })
  @ValidateIf(({ oidcRoleClaim, oidcRoles }: Environment) => oidcRoleClaim !== undefined || oidcRoles.length > 0)
  @IsNotEmpty({ message: 'must be set when BELLHOP_OIDC_ROLES is' })
  readonly oidcRoleClaim?: string;

  @Variable(
    'BELLHOP_OIDC_ROLES',
    {
      about:
        'What values of that claim stand for: value=role, or value=role@app_… in one app; separated by commas. Roles are ' +
        'viewer, operator, developer and admin.',
      example: 'push-admins=admin,push-team=operator',
    },
    toRoleMapping,
  )
  @IsRoleMapping()
  readonly oidcRoles: readonly MappedRole[] = [];

  /** Days; 0: for ever. */
  @Variable('BELLHOP_RAW_DAYS', keptFor('the bytes of callbacks'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly rawDays: number = 14;

  /** Days; 0: for ever. */
  @Variable('BELLHOP_EVENT_DAYS', keptFor('events'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly eventDays: number = 90;

  /** Days; 0: for ever. */
  @Variable('BELLHOP_DELIVERY_DAYS', keptFor('deliveries; they go by the month'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly deliveryDays: number = 180;

  /** Days; 0: for ever. */
  @Variable('BELLHOP_NOTIFICATION_DAYS', keptFor('notifications without deliveries'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly notificationDays: number = 180;

  /** Days; 0: for ever. */
  @Variable('BELLHOP_RECEIPT_DAYS', keptFor('receipts'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly receiptDays: number = 180;

  /** Days; 0: for ever. */
  @Variable('BELLHOP_WEBHOOK_DAYS', keptFor('messages of webhooks that have ended'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly webhookDays: number = 30;

  /** Days; 0: for ever. */
  @Variable('BELLHOP_STATISTICS_DAYS', keptFor('figures of days'), toInteger)
  @IsWhole(0, MOST_DAYS)
  readonly statisticsDays: number = 1_095;

  /** UTC, `HH:mm-HH:mm`, wrapping over midnight; equal ends: all day. */
  @Variable('BELLHOP_RETENTION_HOURS', {
    about:
      'Hours of the day, UTC, in which what is too old is deleted. Not set: 18:00-22:00, the small hours of East Asia. ' +
      'Equal ends: all day.',
    example: '18:00-22:00',
  })
  @Matches(HOURS, { message: 'must be HH:mm-HH:mm' })
  readonly retentionHours: string = '18:00-22:00';
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
  refuse([...faultsOf(settings, source), ...accidents(settings, source)]);
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

/** A production that has lost its DATABASE_URL must not come up as a demonstration. */
function accidents({ sandbox }: Environment, source: Source): readonly EnvironmentFault[] {
  const meant = source['NODE_ENV'] !== 'production' || source['BELLHOP_SANDBOX']?.trim();
  if (!isTrue(sandbox) || meant) return [];
  return [
    {
      variable: 'DATABASE_URL',
      message: 'must be set in production (NODE_ENV)',
      hint: 'For instance DATABASE_URL=postgres://bellhop:password@db.example.com:5432/bellhop. A sandbox that is meant has BELLHOP_SANDBOX=true.',
    },
  ];
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
