import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import type { DataSource } from 'typeorm';
import { SEALED_COLUMNS } from '../core/sealed-columns.js';
import { newKey } from '../platform/env.keys.js';
import { EnvironmentInvalidError } from '../platform/env.js';
import { Sql } from '../platform/sql.js';
import { giveUpDataKeys, rotate, type RotationTools } from '../platform/vault.rotation.js';
import { type KeyStatus, keyStatus } from '../platform/vault.status.js';
import type { VaultKey } from '../platform/vault.js';
import { requireSchema, withDatabase } from './database.js';
import { keyRingOf } from './environment.js';
import { EXIT, type ExitCode, type Io, show, tableOf } from './io.js';
import { whole } from './options.js';
import type { AddCommands } from './add-commands.js';

interface PaceOptions {
  readonly rows: number;
  readonly pause: number;
}

/** `keys new | status | rotate | give-up`: DATABASE_URL and BELLHOP_KEYS, as the processes have them. */
export const addKeys: AddCommands = (program, io, ends) => {
  const keys = program.command('keys').description('the key ring and what is sealed with it');
  keys
    .command('new')
    .argument('<id>', 'name of the key: 1 to 32 of A-Z a-z 0-9 . _ -', keyId)
    .description('print a fresh key in the form of BELLHOP_KEYS; nothing is stored')
    .action((id: string) => io.out(newKey(id)));
  keys
    .command('status')
    .option('--json', 'for programs')
    .description(
      'which key has sealed what, and which processes have it; ends with 2 when there is something to rotate',
    )
    .action(async ({ json }: { json?: boolean }) => {
      ends(await withRing(io, async ({ dataSource, ring }) => status(io, dataSource, ring, json)));
    });
  withPace(keys.command('rotate'))
    .option('--new-data-key', 'make a new data key even if the ring has not changed', false)
    .description(
      'bring everything under the first key of the ring while the platform runs; may be stopped and run again',
    )
    .action(async ({ rows, pause, newDataKey }: PaceOptions & { newDataKey: boolean }) => {
      ends(await withRing(io, (tools) => rotation(io, tools, { rows, pauseMs: pause, newDataKey })));
    });
  withPace(keys.command('give-up'))
    .description(
      'before going back to a release without data keys: seal everything with the ring itself; nothing may run',
    )
    .action(async ({ rows, pause }: PaceOptions) => {
      await withRing(io, (tools) => giveUpDataKeys(tools, { rows, pauseMs: pause }));
      ends(EXIT.done);
    });
};

function withPace(command: ReturnType<Parameters<AddCommands>[0]['command']>) {
  return command
    .option('--rows <number>', 'rows per statement, 1 to 10000', whole(1, 10_000), 500)
    .option('--pause <ms>', 'rest between statements, 0 to 60000', whole(0, 60_000), 20);
}

function keyId(text: string): string {
  if (/^[\w.-]{1,32}$/.test(text)) return text;
  throw new InvalidArgumentError('1 to 32 letters, digits, dots, dashes or underscores.');
}

/** The database and the ring; in the sandbox the one that it keeps. */
function withRing<T>(io: Io, work: (tools: RotationTools) => Promise<T>): Promise<T> {
  const ring = keyRingOf(io.env);
  return withDatabase(io, async (dataSource) => {
    await requireSchema(dataSource);
    return work({ dataSource, ring, columns: SEALED_COLUMNS, say: io.err, sleep });
  });
}

async function status(
  io: Io,
  dataSource: DataSource,
  ring: readonly VaultKey[],
  json: boolean | undefined,
): Promise<ExitCode> {
  const found = await keyStatus(new Sql(dataSource), ring, SEALED_COLUMNS);
  show(io, json, found, linesOf);
  if (found.faults.length > 0) throw new EnvironmentInvalidError(found.faults);
  return found.pending > 0 ? EXIT.pending : EXIT.done;
}

function linesOf({ keys, processes, pending }: KeyStatus): string[] {
  const sealed = Object.keys(keys[0]?.values ?? {});
  return [
    ...tableOf(
      ['key', 'is', 'guarded by', ...sealed],
      keys.map(({ id, is, guardedBy, values }) => [id, is, guardedBy, ...sealed.map((what) => values[what])]),
    ),
    '',
    ...(processes.length > 0
      ? tableOf(
          ['process', 'role', 'ring', 'seals with'],
          processes.map(({ host, pid, role, ringKeys, sealingKey }) => [
            `${host}:${pid}`,
            role,
            ringKeys.join(', '),
            sealingKey,
          ]),
        )
      : ['No process runs.']),
    '',
    pending > 0
      ? `${pending} values and data keys are to be sealed anew: bellhop keys rotate`
      : 'Everything is sealed with the newest data key, under the first key of the ring.',
  ];
}

async function rotation(io: Io, tools: RotationTools, options: Parameters<typeof rotate>[1]): Promise<ExitCode> {
  const { sealingKey, columns, released } = await rotate(tools, options);
  io.out(`Everything is sealed with ${sealingKey}, under "${tools.ring[0]?.id}".`);
  for (const id of released) io.out(`Nothing is sealed with "${id}" any more: take it out of BELLHOP_KEYS.`);
  return columns.some(({ unreadable }) => unreadable > 0) ? EXIT.failed : EXIT.done;
}
