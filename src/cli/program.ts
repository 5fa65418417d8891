import { Command, CommanderError } from 'commander';
import { EnvironmentInvalidError } from '../platform/env.js';
import { RotationStoppedError } from '../platform/vault.rotation.js';
import type { AddCommands } from './add-commands.js';
import { addDeadLetters } from './dead-letters.command.js';
import { addDoctor } from './doctor.command.js';
import { addEvents } from './events.command.js';
import { addIntegrations } from './integrations.command.js';
import { CommandFailure, EXIT, type ExitCode, type Io } from './io.js';
import { addKeys } from './keys.command.js';
import { addMigrate } from './migrate.command.js';
import { addTokens } from './tokens.command.js';

const COMMANDS: readonly AddCommands[] = [
  addDoctor,
  addMigrate,
  addKeys,
  addIntegrations,
  addEvents,
  addDeadLetters,
  addTokens,
];

const ABOUT = `Operates Bellhop.

doctor, migrate and keys work on the database: they read DATABASE_URL and, where secrets are opened, BELLHOP_KEYS.
The others ask a running platform: they read BELLHOP_URL and BELLHOP_API_KEY.`;

const CODES = `
Exit codes: 0 done · 1 failed, or something is wrong · 2 something is left to do · 64 wrong usage · 78 wrong environment`;

/** Runs one command line (`['keys', 'status']`). @returns its exit code. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = programFor(io, (ended) => (code = ended));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    return failureOf(error, io);
  }
}

function programFor(io: Io, ends: (code: ExitCode) => void): Command {
  const program = new Command('bellhop')
    .description(ABOUT)
    .addHelpText('after', CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    });
  for (const add of COMMANDS) add(program, io, ends);
  return program;
}

function failureOf(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const { message } = error as Error;
  io.err(message || String(error));
  if (error instanceof EnvironmentInvalidError) return EXIT.configuration;
  if (error instanceof CommandFailure) return error.exitCode;
  if (!(error instanceof RotationStoppedError))
    io.err((error as Error).stack?.split('\n').slice(1, 4).join('\n') ?? '');
  return EXIT.failed;
}
