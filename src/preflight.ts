import { createServer } from 'node:net';
import { DataSource } from 'typeorm';
import { SEALED_COLUMNS } from './core/sealed-columns.js';
import { dataSourceOptions, pendingMigrations } from './platform/database.js';
import { parseKeyRing } from './platform/env.keys.js';
import {
  type Environment,
  type EnvironmentFault,
  EnvironmentInvalidError,
  readDatabaseEnvironment,
  readEnvironment,
} from './platform/env.js';
import type { Source } from './platform/env.variable.js';
import { Sql } from './platform/sql.js';
import { inspectRing } from './platform/vault.ring.js';
import type { VaultKey } from './platform/vault.js';

/** The oldest PostgreSQL that has what our statements use. */
const LEAST_VERSION = 150_000;

/** The database cannot be reached: nothing is wrong with the configuration for sure, and the next attempt may succeed. */
export class DatabaseUnreachableError extends Error {}

/**
 * The environment, with everything that would keep the platform from working on it found before anything is built:
 * settings, database, schema, key ring, port.
 * @throws {EnvironmentInvalidError} with every fault at once, each with what to do.
 * @throws {DatabaseUnreachableError} when that is all there is.
 */
export async function preflight(source: Source = process.env): Promise<Environment> {
  const { environment, faults } = settingsOf(source);
  const found = await databaseFaults(source, environment);
  const all = [...faults, ...found.faults, ...(environment ? await portFaults(environment) : [])];
  if (all.length > 0) throw new EnvironmentInvalidError([...all, ...(found.unreachable ? [found.unreachable] : [])]);
  if (found.unreachable) {
    const { variable, message, hint } = found.unreachable;
    throw new DatabaseUnreachableError(`${variable} ${message}\n  → ${hint}`);
  }
  return environment as Environment;
}

interface Settings {
  readonly environment?: Environment;
  readonly faults: readonly EnvironmentFault[];
}

function settingsOf(source: Source): Settings {
  try {
    return { environment: readEnvironment(source), faults: [] };
  } catch (error) {
    if (error instanceof EnvironmentInvalidError) return { faults: error.faults };
    throw error;
  }
}

interface DatabaseFaults {
  readonly faults: readonly EnvironmentFault[];
  readonly unreachable?: EnvironmentFault;
}

const NONE: DatabaseFaults = { faults: [] };

/** What is wrong with the database, as far as the environment names one. */
async function databaseFaults(source: Source, environment: Environment | undefined): Promise<DatabaseFaults> {
  const url = databaseUrlOf(source);
  if (!url) return NONE;
  const dataSource = new DataSource({ ...dataSourceOptions({ url, poolSize: 2, entities: [] }), logging: false });
  try {
    await dataSource.initialize();
  } catch (error) {
    return connectionFault(error as Error & { code?: string });
  }
  try {
    return { faults: await schemaFaults(dataSource, ringOf(source), environment?.migrateOnBoot ?? false) };
  } finally {
    await dataSource.destroy();
  }
}

function databaseUrlOf(source: Source): string | undefined {
  try {
    return readDatabaseEnvironment(source).databaseUrl;
  } catch {
    // Listed among the faults of the settings already.
    return undefined;
  }
}

function ringOf(source: Source): readonly VaultKey[] {
  try {
    return parseKeyRing(source['BELLHOP_KEYS']?.trim() ?? '');
  } catch {
    return [];
  }
}

const fault = (message: string, hint: string): EnvironmentFault => ({ variable: 'DATABASE_URL', message, hint });

/** Codes with which PostgreSQL refuses a connection for good. */
const REFUSALS: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  '28P01': [
    'names a user or a password that the server refuses',
    'Correct it, or set the password: ALTER ROLE … PASSWORD …',
  ],
  '28000': ['names a user that the server does not let in', 'Allow the user, database and address in pg_hba.conf.'],
  '3D000': ['names a database that does not exist', 'Create it: CREATE DATABASE bellhop OWNER bellhop.'],
  '42501': ['names a user who may not connect to this database', 'GRANT CONNECT ON DATABASE … TO …'],
};

function connectionFault({ code, message }: Error & { code?: string }): DatabaseFaults {
  const [known, hint] = REFUSALS[code ?? ''] ?? [];
  if (known && hint) return { faults: [fault(known, hint)] };
  const words = `names a server that cannot be reached (${code ?? message})`;
  return {
    faults: [],
    unreachable: fault(words, 'Start PostgreSQL, or correct host and port; a firewall may be in between.'),
  };
}

async function schemaFaults(
  dataSource: DataSource,
  ring: readonly VaultKey[],
  migrateOnBoot: boolean,
): Promise<EnvironmentFault[]> {
  const sql = new Sql(dataSource);
  const [server] = await sql.query<{ number: number; version: string }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version`,
  );
  if (server && server.number < LEAST_VERSION) {
    return [fault(`names PostgreSQL ${server.version}`, 'Bellhop needs PostgreSQL 15 or newer.')];
  }
  const pending = await pendingMigrations(dataSource);
  // The keys are held against the database once it is up to date; whoever starts then hears of both.
  if (pending.length === 0) return ring.length > 0 ? [...(await inspectRing(sql, ring, SEALED_COLUMNS)).faults] : [];
  if (migrateOnBoot) return [];
  return [
    fault(
      `names a database that lacks ${pending.length} migration(s): ${pending.join(', ')}`,
      'Run "bellhop migrate up" (npm run migrate), or set MIGRATE_ON_BOOT=true.',
    ),
  ];
}

/** The sandbox takes another port by itself. */
async function portFaults({ port, host, sandbox }: Environment): Promise<EnvironmentFault[]> {
  if (port === 0 || sandbox) return [];
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(port, host, resolve));
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      return [
        {
          variable: 'PORT',
          message: `${port} is in use`,
          hint: 'Stop the program that has it, or set PORT to another one.',
        },
      ];
    }
    return [
      {
        variable: 'HOST',
        message: `${host}, port ${port}, cannot be listened on (${code})`,
        hint: 'Name an address of this machine, and a port above 1023.',
      },
    ];
  } finally {
    probe.close();
  }
}
