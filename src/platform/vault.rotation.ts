import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { lockNames, Sql, type SqlRunner } from './sql.js';
import { countByKey, reseal, type ResealOptions, type SealedColumn } from './vault.columns.js';
import { type ProcessKeys, runningProcesses } from './vault.processes.js';
import {
  addDataKey,
  type DataKeyRow,
  nextId,
  opened,
  openedKey,
  openRing,
  readDataKeys,
  sealedKey,
} from './vault.ring.js';
import { Vault, type VaultKey } from './vault.js';

/** What a rotation works with. */
export interface RotationTools {
  readonly dataSource: DataSource;
  readonly ring: readonly VaultKey[];
  readonly columns: readonly SealedColumn[];
  /** For the operator: one line each. */
  readonly say: (line: string) => void;
  readonly sleep: (ms: number) => Promise<unknown>;
}

export interface RotationOptions {
  /** A new data key even if the present one was made under the first key of the ring. */
  readonly newDataKey: boolean;
  /** Rows per statement. */
  readonly rows: number;
  /** Milliseconds of rest between statements. */
  readonly pauseMs: number;
}

/** How a rotation ended. */
export interface RotationReport {
  /** Data keys that were sealed with the first key of the ring. */
  readonly rewrapped: number;
  readonly sealingKey: string;
  readonly columns: readonly { readonly what: string; readonly done: number; readonly unreadable: number }[];
  /** Keys of the ring that nothing is sealed with any more. */
  readonly released: readonly string[];
}

/** Somebody has to do something before it can go on. The message says what; what was done so far stays done. */
export class RotationStoppedError extends Error {}

const LOCK = 'bellhop:rotation';
/** How long processes may take to read a new data key: a few of their reports. */
const PATIENCE_MS = 90_000;
const LOOK_EVERY_MS = 1_000;
const PASSES = 10;

/**
 * Brings everything under the first key of the ring while the platform runs: its data keys are sealed with it, a new
 * data key is made and put to use once every process can open with it, and what older keys have sealed is sealed anew,
 * set by set. May be stopped at any time and started again; it then goes on with what is left.
 * @throws {EnvironmentInvalidError} when the ring is not that of the database.
 * @throws {RotationStoppedError}
 */
export function rotate(tools: RotationTools, options: RotationOptions): Promise<RotationReport> {
  return alone(tools.dataSource, async () => {
    const sql = new Sql(tools.dataSource);
    await openRing(sql, tools.ring, tools.columns);
    const rewrapped = await renewDataKeys(sql, tools.ring, options.newDataKey);
    if (rewrapped > 0) tools.say(`${rewrapped} data keys are sealed with "${firstOf(tools.ring).id}" now.`);
    const sealingKey = await putToUse(sql, tools);
    const columns = await resealAll(sql, tools, options, await vaultOf(sql, tools.ring));
    const released = await releaseKeys(sql, tools);
    return { rewrapped, sealingKey, columns, released };
  });
}

/**
 * Seals everything with the first key of the ring itself and drops the data keys: the form of releases before 0.3.
 * @throws {RotationStoppedError} while a process runs, or when that release would not find its devices with this ring.
 */
export function giveUpDataKeys(tools: RotationTools, options: Omit<RotationOptions, 'newDataKey'>) {
  return alone(tools.dataSource, async () => {
    const sql = new Sql(tools.dataSource);
    const running = await runningProcesses(sql);
    if (running.length > 0) throw new RotationStoppedError(`Stop every process first: ${namesOf(running)}.`);
    const keys = await openRing(sql, tools.ring, tools.columns);
    const plain = new Vault(tools.ring);
    const vault = new Vault(tools.ring);
    vault.use(keys);
    if (!plain.tokenHash('').equals(vault.tokenHash(''))) {
      throw new RotationStoppedError(
        'Releases before 0.3 hash device tokens with the last key of the ring. Put the key that was last when this database was new back, as the last one.',
      );
    }
    const columns = await resealAll(sql, tools, options, vault, plain);
    if (columns.some(({ unreadable }) => unreadable > 0)) throw new RotationStoppedError('Some values cannot be read.');
    await sql.query('DELETE FROM data_key');
    await sql.query('DELETE FROM ring_key');
    return { columns };
  });
}

const firstOf = (ring: readonly VaultKey[]): VaultKey => ring[0] as VaultKey;

/** One rotation at a time, whatever machine it runs on. */
async function alone<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  const holder = dataSource.createQueryRunner();
  try {
    const [lock] = (await holder.query('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [LOCK])) as [
      { locked: boolean },
    ];
    if (!lock.locked) throw new RotationStoppedError('Another rotation is under way.');
    try {
      return await work();
    } finally {
      await holder.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [LOCK]);
    }
  } finally {
    await holder.release();
  }
}

/**
 * Data keys that an older key of the ring guards are sealed with the first one. Whoever had the older key and a copy of
 * the database had the data key as well, so a new one takes its place, in the same transaction.
 * @returns how many were sealed anew.
 */
async function renewDataKeys(sql: Sql, keys: readonly VaultKey[], newDataKey: boolean): Promise<number> {
  const ring = new Vault(keys);
  return sql.transaction(async (tx) => {
    await lockNames(tx, 'vault');
    const rows = await readDataKeys(tx);
    const old = rows.filter(({ ringKey }) => ringKey !== ring.sealingKey);
    for (const row of old) {
      const key = openedKey(ring, row) as VaultKey;
      await tx.query('UPDATE data_key SET ring_key = $2, sealed_key = $3 WHERE id = $1', [
        row.id,
        ring.sealingKey,
        sealedKey(ring, key),
      ]);
    }
    await tx.query('UPDATE ring_key SET retired_at = NULL WHERE id = $1', [ring.sealingKey]);
    const waiting = rows.some(({ purpose, activeAt }) => purpose === 'sealing' && !activeAt);
    if (old.length > 0 || (newDataKey && !waiting)) {
      await addDataKey(tx, ring, 'sealing', { id: nextId(rows), bytes: randomBytes(32) });
    }
    return old.length;
  });
}

/** The newest data key seals, once every process that runs can open with it. @returns its id. */
async function putToUse(sql: Sql, tools: RotationTools): Promise<string> {
  const rows = (await readDataKeys(sql)).filter(({ purpose }) => purpose === 'sealing');
  const waiting = rows
    .filter(({ activeAt }) => !activeAt)
    .toSorted(byNumber)
    .at(-1);
  const { id } = waiting ?? rows[0] ?? missing();
  if (waiting) {
    tools.say(`Waiting until every process has read the data key ${id}.`);
    await untilAll(sql, tools, ({ dataKeys }) => dataKeys.includes(id), `have the data key ${id}`);
    await sql.query('UPDATE data_key SET active_at = now() WHERE id = $1', [id]);
  }
  await untilAll(sql, tools, ({ sealingKey }) => sealingKey === id, `seal with ${id}`);
  return id;
}

function missing(): never {
  throw new Error('There is no data key that seals.');
}

const byNumber = (a: DataKeyRow, b: DataKeyRow): number => Number(a.id.slice(1)) - Number(b.id.slice(1));

async function untilAll(
  sql: Sql,
  { say, sleep }: RotationTools,
  ready: (process: ProcessKeys) => boolean,
  what: string,
): Promise<void> {
  for (let waited = 0; ; waited += LOOK_EVERY_MS) {
    const late = (await runningProcesses(sql)).filter((process) => !ready(process));
    if (late.length === 0) return;
    if (waited >= PATIENCE_MS) {
      throw new RotationStoppedError(
        `These processes do not ${what}: ${namesOf(late)}. Restart them with the present BELLHOP_KEYS, then run this again.`,
      );
    }
    if (waited === 15_000) say(`Still waiting for ${namesOf(late)}.`);
    await sleep(LOOK_EVERY_MS);
  }
}

const namesOf = (processes: readonly ProcessKeys[]): string =>
  processes
    .map(({ host, pid, role, ringKeys }) => `${role} on ${host} (pid ${pid}, ring ${ringKeys.join(', ')})`)
    .join('; ');

async function vaultOf(sql: SqlRunner, ring: readonly VaultKey[]): Promise<Vault> {
  const vault = new Vault(ring);
  vault.use(opened(ring, await readDataKeys(sql)));
  return vault;
}

/** Every column, pass after pass, until a pass finds nothing that it could seal anew. */
async function resealAll(
  sql: Sql,
  { columns, say, sleep }: RotationTools,
  { rows, pauseMs }: Omit<RotationOptions, 'newDataKey'>,
  from: Vault,
  to: Vault = from,
): Promise<RotationReport['columns']> {
  const results: { what: string; done: number; unreadable: number }[] = [];
  for (const column of columns) {
    const result = await resealColumn(sql, column, from, to, {
      rows,
      pause: async () => void (await sleep(pauseMs)),
      progress: told(column, say),
    });
    say(`${column.what}: ${result.done} sealed with ${to.sealingKey}${unreadableWords(result)}`);
    results.push({ what: column.what, done: result.done, unreadable: result.unreadable });
  }
  return results;
}

async function resealColumn(sql: Sql, column: SealedColumn, from: Vault, to: Vault, options: ResealOptions) {
  let done = 0;
  for (let passes = 1; ; passes++) {
    const pass = await reseal(sql, column, from, to, options);
    done += pass.done;
    if ((pass.done === 0 && pass.missed === 0) || passes >= PASSES) return { ...pass, done };
  }
}

const unreadableWords = ({ unreadable, examples }: { unreadable: number; examples: readonly string[] }): string =>
  unreadable > 0 ? `; ${unreadable} cannot be read with any key and stay as they are: ${examples.join(', ')}` : '';

const TELL_EVERY = 100_000;

function told({ what }: SealedColumn, say: (line: string) => void): (looked: number) => void {
  let next = TELL_EVERY;
  return (looked) => {
    if (looked < next) return;
    next = looked + TELL_EVERY;
    say(`${what}: ${looked} looked at`);
  };
}

/** Keys of the ring that have nothing left may be taken out of it. A data key stays for a day: a process may have hung. */
async function releaseKeys(sql: Sql, { ring, columns }: RotationTools): Promise<string[]> {
  const used = new Set<string>();
  for (const column of columns) for (const id of (await countByKey(sql, column)).keys()) used.add(id);
  await sql.query(
    `DELETE FROM data_key WHERE purpose = 'sealing' AND NOT id = ANY($1::text[])
       AND active_at < (SELECT max(active_at) FROM data_key WHERE purpose = 'sealing') AND
       (SELECT max(active_at) FROM data_key WHERE purpose = 'sealing') < now() - interval '1 day'`,
    [[...used]],
  );
  const released = ring.slice(1).filter(({ id }) => !used.has(id));
  const ids = released.map(({ id }) => id);
  await sql.query('UPDATE ring_key SET retired_at = coalesce(retired_at, now()) WHERE id = ANY($1::text[])', [ids]);
  return ids;
}
