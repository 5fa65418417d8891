import type { Source } from '../platform/env.variable.js';

/** Where a command reads its environment and writes its words. */
export interface Io {
  readonly env: Source;
  /** One line of the answer. */
  readonly out: (line: string) => void;
  /** One line beside the answer: progress, faults. */
  readonly err: (line: string) => void;
}

/** How a command ends. The numbers from 64 on are those of sysexits.h. */
export const EXIT = {
  done: 0,
  /** It was tried and failed, or something is wrong. */
  failed: 1,
  /** All is well and something is left to do: migrations, keys. */
  pending: 2,
  usage: 64,
  configuration: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Says what is wrong in words for the operator; no stack is shown. */
export class CommandFailure extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.failed,
  ) {
    super(message);
  }
}

/** Lines of a table: columns as wide as their widest cell. Control characters of vendors and users cannot steer a terminal. */
export function tableOf(heads: readonly string[], rows: readonly (readonly (string | number | null | undefined)[])[]) {
  const cells = [heads, ...rows].map((row) => row.map((cell) => printable(String(cell ?? ''))));
  const widths = heads.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Without what a terminal would obey, and on one line. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');

/** JSON for programs, a table for people. */
export function show<T>(io: Io, json: boolean | undefined, value: T, lines: (value: T) => readonly string[]): void {
  if (json) io.out(JSON.stringify(value, null, 2));
  else for (const line of lines(value)) io.out(line);
}
