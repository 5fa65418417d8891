import path from 'node:path';
import type { DataSource } from 'typeorm';
import { SEALED_COLUMNS } from '../core/sealed-columns.js';
import { type DatabaseEnvironment, EnvironmentInvalidError, readEnvironment } from '../platform/env.js';
import { Sql } from '../platform/sql.js';
import { keyStatus } from '../platform/vault.status.js';
import { reasonOf } from './api-client.js';
import { withDatabase } from './database.js';
import { checkDatabase, checkPartitions, checkSchema } from './doctor/database.js';
import { fail, type Finding, ok, warn } from './doctor/finding.js';
import { checkIntegrations, pluginIds } from './doctor/integrations.js';
import { checkClock, checkDisk } from './doctor/machine.js';
import { checkEvents, checkProcesses, checkQueue, checkTokens } from './doctor/work.js';
import { keyRingOf } from './environment.js';
import { EXIT, type Io, printable, show } from './io.js';
import type { AddCommands } from './add-commands.js';

type Check = () => Promise<Finding | readonly Finding[]>;

/** `doctor`: looks at everything that an installation needs, and changes nothing. */
export const addDoctor: AddCommands = (program, io, ends) => {
  program
    .command('doctor')
    .option('--json', 'for programs')
    .description('look whether an installation is well; ends with 1 when something does not work')
    .action(async ({ json }: { json?: boolean }) => {
      const findings = [...environmentFindings(io), ...(await reachable(io))];
      show(io, json, findings, linesOf);
      ends(findings.some(({ state }) => state === 'fail') ? EXIT.failed : EXIT.done);
    });
};

/** Faults of the whole environment, whatever the commands here need of it. */
function environmentFindings({ env }: Io): Finding[] {
  try {
    const { role, sandbox } = readEnvironment(env);
    return [ok('environment', `role ${role}${sandbox ? ', sandbox' : ''}`)];
  } catch (error) {
    if (!(error instanceof EnvironmentInvalidError)) throw error;
    return error.faults.map(({ variable, message, hint }) => fail('environment', `${variable} ${message}`, hint));
  }
}

async function reachable(io: Io): Promise<Finding[]> {
  try {
    return [
      ...(await withDatabase(io, (dataSource, environment) => databaseFindings(io, dataSource, environment))),
      ...(await platformFindings(io)),
    ];
  } catch (error) {
    if (error instanceof EnvironmentInvalidError) return [];
    return [fail('database', (error as Error).message, 'Start PostgreSQL, or correct DATABASE_URL.')];
  }
}

async function databaseFindings(
  io: Io,
  dataSource: DataSource,
  { databaseUrl, dataDir }: DatabaseEnvironment,
): Promise<Finding[]> {
  const sql = new Sql(dataSource);
  const schema = await checkSchema(dataSource);
  const always: Check[] = [
    () => checkDatabase(sql),
    async () => schema,
    () => checkClock(sql),
    () => checkDisk(sql, databaseUrl ? undefined : path.join(dataDir, 'postgres')),
  ];
  const withSchema: Check[] = [
    () => checkKeys(io, sql),
    () => checkProcesses(sql),
    () => checkEvents(sql),
    () => checkQueue(sql),
    () => checkPartitions(sql, new Date()),
    () => checkTokens(sql),
    async () => checkIntegrations(sql, await pluginIds()),
  ];
  return collect(schema.state === 'fail' ? always : [...always, ...withSchema]);
}

/** One after the other; a check that cannot be made is a finding as well. */
async function collect(checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    try {
      findings.push(...[await check()].flat());
    } catch (error) {
      findings.push(fail('doctor', `a check failed: ${(error as Error).message}`, 'Report it with this message.'));
    }
  }
  return findings;
}

async function checkKeys(io: Io, sql: Sql): Promise<Finding[]> {
  const ring = attempt(() => keyRingOf(io.env));
  if (!ring)
    return [
      warn('keys', 'BELLHOP_KEYS is not set here: not looked at', 'Run this with the environment of the platform.'),
    ];
  const { faults, pending, keys } = await keyStatus(sql, ring, SEALED_COLUMNS);
  const found = faults.map(({ message, hint }) => fail('keys', `BELLHOP_KEYS ${message}`, hint));
  const unknown = keys.filter(({ is }) => is === 'unknown').flatMap(({ values }) => Object.values(values));
  const unreadable = unknown.reduce((sum, count) => sum + count, 0);
  if (unreadable > 0)
    found.push(warn('keys', `${unreadable} values name a key that nobody knows`, 'bellhop keys status'));
  if (found.length > 0) return found;
  if (pending > 0) return [warn('keys', `${pending} values are sealed with older keys`, 'bellhop keys rotate')];
  return [ok('keys', `everything is sealed under "${ring[0]?.id}"`)];
}

/** Undefined when it fails: the environment's own finding says why. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const PATIENCE_MS = 5_000;

/** A running platform, if BELLHOP_URL names one. */
async function platformFindings({ env }: Io): Promise<Finding[]> {
  const url = env['BELLHOP_URL']?.trim().replace(/\/+$/, '');
  if (!url) return [];
  try {
    const reply = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (reply.ok) return [ok('platform', `${url} is ready`)];
    return [
      fail('platform', `${url}/health/ready answers ${reply.status}`, 'Read its answer, and the logs of the process.'),
    ];
  } catch (error) {
    const words = `${url} cannot be reached: ${reasonOf(error as Error)}`;
    return [fail('platform', words, 'Start it, or correct BELLHOP_URL.')];
  }
}

const MARK = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

function linesOf(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap(({ check, state, detail, fix }) => [
    `${MARK[state]}  ${check.padEnd(12)}  ${printable(detail)}`,
    ...(fix ? [`      ${' '.repeat(12)}  → ${printable(fix)}`] : []),
  ]);
  const count = (state: Finding['state']): number => findings.filter((finding) => finding.state === state).length;
  return [...lines, '', `${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} wrong.`];
}
