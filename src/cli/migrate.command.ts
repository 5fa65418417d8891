import type { DataSource } from 'typeorm';
import { executedMigrations, migrate, pendingMigrations, revert } from '../platform/database.js';
import { withDatabase } from './database.js';
import { EXIT, type ExitCode, type Io } from './io.js';
import type { AddCommands } from './add-commands.js';

type Work = (dataSource: DataSource, io: Io) => Promise<ExitCode>;

/** `migrate up | down | status`: needs DATABASE_URL and no keys. */
export const addMigrate: AddCommands = (program, io, ends) => {
  const command = program.command('migrate').description('bring the schema of the database up to date');
  const add = (name: string, about: string, work: Work): void => {
    command
      .command(name)
      .description(about)
      .action(async () => ends(await withDatabase(io, (dataSource) => work(dataSource, io))));
  };
  add('up', 'run what is pending; any number of processes may do so at once', up);
  add('down', 'take back the latest migration', down);
  add('status', 'list them; ends with 2 when some are pending', status);
};

async function up(dataSource: DataSource, { out }: Io): Promise<ExitCode> {
  const ran = await migrate(dataSource);
  for (const name of ran) out(`applied   ${name}`);
  if (ran.length === 0) out('The schema is up to date.');
  return EXIT.done;
}

async function down(dataSource: DataSource, { out }: Io): Promise<ExitCode> {
  const name = await revert(dataSource);
  out(name ? `reverted  ${name}` : 'There is nothing to revert.');
  return EXIT.done;
}

async function status(dataSource: DataSource, { out }: Io): Promise<ExitCode> {
  const pending = await pendingMigrations(dataSource);
  for (const name of await executedMigrations(dataSource)) out(`applied   ${name}`);
  for (const name of pending) out(`pending   ${name}`);
  return pending.length > 0 ? EXIT.pending : EXIT.done;
}
