import type { Command } from 'commander';
import type { ExitCode, Io } from './io.js';

/** Adds commands to the program. `ends` takes the exit code of what was run. */
export type AddCommands = (program: Command, io: Io, ends: (code: ExitCode) => void) => void;
