import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import type { DataSource, DataSourceOptions } from 'typeorm';

export interface DatabaseOptions {
  /** `postgres://…` */
  readonly url: string;
  /** Most connections of this process; at least 2, because {@link migrate} holds one for its lock. */
  readonly poolSize: number;
  /** Classes or globs. Absent: every `src/**` file that ends in `.entity`. */
  readonly entities?: DataSourceOptions['entities'];
  /** Absent: only slow queries and errors of the driver are reported. */
  readonly logging?: DataSourceOptions['logging'];
}

/** Where TypeORM records what has run. */
const MIGRATIONS_TABLE = 'schema_migration';
/** Any constant serves, as long as every process uses the same (the letters of "bellhop" as a number). */
const MIGRATION_LOCK = '27696064067301232';
const CONNECT_TIMEOUT_MS = 10_000;

/** `.ts` when Node reads the sources through the hook, `.js` in dist: each world sees its own files only. */
const extension = path.extname(fileURLToPath(import.meta.url));
const here = (glob: string): string => path.join(import.meta.dirname, glob + extension);

/**
 * A connection of the pool that may end at any moment. The pool listens to those that it keeps, and who takes one listens
 * to it; in between, what the server says last is heard by nobody, and an error that nobody hears ends the process. Whoever
 * uses the connection afterwards hears of it then.
 */
class MortalClient extends Client {
  constructor(...options: ConstructorParameters<typeof Client>) {
    super(...options);
    this.on('error', () => undefined);
  }
}

/** The one place that says how Bellhop talks to PostgreSQL: the app, the command line and the tests use it. */
export function dataSourceOptions({ url, poolSize, entities, logging }: DatabaseOptions): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    poolSize,
    applicationName: 'bellhop',
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    // Statements of one connection do not wait for the answers of those before them.
    extra: { pipeline: true, Client: MortalClient },
    // gen_random_uuid() is built in; no extension has to be installed, which managed databases often forbid.
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    synchronize: false,
    entities: entities ?? [here('../**/*.entity')],
    migrations: [here('../../migrations/*')],
    migrationsTableName: MIGRATIONS_TABLE,
    migrationsTransactionMode: 'each',
    logging: logging ?? ['warn'],
  };
}

const DEADLOCK = '40P01';
/** Deadlocks that a migration loses before it is given up. */
const DEADLOCKS = 10;

/**
 * Brings the schema up to date, each migration in its own transaction. Any number of processes may call it at once:
 * one works while the others wait for its lock (a session lock, so a pooler in transaction mode must be bypassed).
 * @returns the names of the migrations that this call ran, in order.
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  return underLock(dataSource, async () => {
    const pending = await pendingMigrations(dataSource);
    for (let lost = 0; ; lost++) {
      try {
        await dataSource.runMigrations();
        return pending;
      } catch (error) {
        // Processes of the release before work on meanwhile, and lock tables in an order of their own.
        if ((error as { code?: string }).code !== DEADLOCK || lost === DEADLOCKS) throw error;
      }
    }
  });
}

/**
 * Takes back the latest migration, under the same lock.
 * @returns its name, or undefined when there was none.
 */
export async function revert(dataSource: DataSource): Promise<string | undefined> {
  return underLock(dataSource, async () => {
    const latest = (await executedMigrations(dataSource)).at(-1);
    if (latest) await dataSource.undoLastMigration();
    return latest;
  });
}

/** Names of the migrations that this build has and the database has not, in order. Changes nothing. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  const executed = new Set(await executedMigrations(dataSource));
  return dataSource.migrations
    .map((migration) => migration.name ?? migration.constructor.name)
    .filter((name) => !executed.has(name))
    .sort((a, b) => timestampOf(a) - timestampOf(b));
}

/** Names of the migrations in the database, oldest first. */
export async function executedMigrations(dataSource: DataSource): Promise<string[]> {
  const [table] = await dataSource.query<{ found: boolean }[]>(`SELECT to_regclass($1) IS NOT NULL AS found`, [
    MIGRATIONS_TABLE,
  ]);
  if (!table?.found) return [];
  const rows = await dataSource.query<{ name: string }[]>(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`);
  return rows.map(({ name }) => name);
}

/** The lock lives on a connection of its own: it must outlast every transaction of the migrations. */
async function underLock<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  const holder = dataSource.createQueryRunner();
  try {
    await holder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      return await work();
    } finally {
      await holder.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    }
  } finally {
    await holder.release();
  }
}

/** Migration classes end in the milliseconds of their creation, as TypeORM wants it. */
function timestampOf(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? 0);
}
