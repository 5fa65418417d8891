import path from 'node:path';
import { DataSource } from 'typeorm';
import { dataSourceOptions, pendingMigrations } from '../platform/database.js';
import { startEmbeddedPostgres } from '../platform/embedded-postgres.js';
import { type DatabaseEnvironment, readDatabaseEnvironment } from '../platform/env.js';
import { CommandFailure, EXIT, type Io } from './io.js';

/** Runs a command on the database that the environment names, or on the embedded one. */
export async function withDatabase<T>(
  io: Io,
  command: (dataSource: DataSource, environment: DatabaseEnvironment) => Promise<T>,
): Promise<T> {
  const environment = readDatabaseEnvironment(io.env);
  const embedded = environment.databaseUrl ? undefined : await startEmbedded(environment, io);
  try {
    const url = environment.databaseUrl ?? embedded?.url ?? '';
    const dataSource = await connect(url);
    try {
      return await command(dataSource, environment);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await embedded?.stop();
  }
}

/** @throws {CommandFailure} when the schema is not that of this build. */
export async function requireSchema(dataSource: DataSource): Promise<void> {
  const pending = await pendingMigrations(dataSource);
  if (pending.length === 0) return;
  throw new CommandFailure(
    `The database lacks ${pending.length} migration(s). Run "bellhop migrate up" first.`,
    EXIT.configuration,
  );
}

async function connect(url: string): Promise<DataSource> {
  const options = { ...dataSourceOptions({ url, poolSize: 4, entities: [] }), logging: false as const };
  try {
    return await new DataSource(options).initialize();
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    throw new CommandFailure(`The database cannot be used: ${message || code}. Check DATABASE_URL.`);
  }
}

function startEmbedded({ dataDir, dataDirExplicit }: DatabaseEnvironment, io: Io) {
  return startEmbeddedPostgres({ dataDir: path.join(dataDir, 'postgres'), explicit: dataDirExplicit, log: io.err });
}
