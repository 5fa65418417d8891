/**
 * The schema of the database the environment names: `migrate up | down | status`.
 *   from the sources   node --import ./scripts/ts-hook.mjs scripts/migrate.ts up
 *   from the build     node dist/scripts/migrate.js up
 * Exit codes: 0 done (status: nothing pending) · 1 failed · 2 status: migrations are pending · 64 wrong usage · 78 wrong environment.
 */
import path from 'node:path';
import { DataSource } from 'typeorm';
import { dataSourceOptions, executedMigrations, migrate, pendingMigrations, revert } from '../src/platform/database.js';
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.js';
import { EnvironmentInvalidError, readDatabaseEnvironment, type DatabaseEnvironment } from '../src/platform/env.js';

const PENDING = 2;
const USAGE = 64;

type Command = (dataSource: DataSource) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = { up, down, status };

async function up(dataSource: DataSource): Promise<number> {
  const ran = await migrate(dataSource);
  for (const name of ran) say(`applied   ${name}`);
  if (ran.length === 0) say('The schema is up to date.');
  return 0;
}

async function down(dataSource: DataSource): Promise<number> {
  const name = await revert(dataSource);
  say(name ? `reverted  ${name}` : 'There is nothing to revert.');
  return 0;
}

async function status(dataSource: DataSource): Promise<number> {
  const pending = await pendingMigrations(dataSource);
  for (const name of await executedMigrations(dataSource)) say(`applied   ${name}`);
  for (const name of pending) say(`pending   ${name}`);
  return pending.length > 0 ? PENDING : 0;
}

async function main(): Promise<number> {
  const [name = ''] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    complain('Usage: migrate up | down | status');
    return USAGE;
  }
  return withDataSource(readDatabaseEnvironment(), command);
}

async function withDataSource(environment: DatabaseEnvironment, command: Command): Promise<number> {
  const embedded = environment.databaseUrl ? undefined : await startEmbedded(environment);
  try {
    const url = environment.databaseUrl ?? embedded?.url ?? '';
    const dataSource = new DataSource(dataSourceOptions({ url, poolSize: 2, entities: [] }));
    await dataSource.initialize();
    try {
      return await command(dataSource);
    } finally {
      await dataSource.destroy();
    }
  } finally {
    await embedded?.stop();
  }
}

function startEmbedded({ dataDir, dataDirExplicit }: DatabaseEnvironment) {
  return startEmbeddedPostgres({ dataDir: path.join(dataDir, 'postgres'), explicit: dataDirExplicit, log: complain });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  complain(error instanceof Error ? error.message || String(error) : String(error));
  process.exitCode = error instanceof EnvironmentInvalidError ? error.exitCode : 1;
}
