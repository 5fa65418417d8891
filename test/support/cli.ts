import { EXIT, type ExitCode } from '../../src/cli/io.js';
import { run } from '../../src/cli/program.js';

/** What a command line did. */
export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs `bellhop …` in this process, with this environment and no other. */
export async function bellhop(env: Readonly<Record<string, string>>, ...argv: readonly string[]): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(argv, { env, out: (line) => void out.push(line), err: (line) => void err.push(line) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

export { EXIT };
