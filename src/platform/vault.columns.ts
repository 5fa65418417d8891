import { byteaArray, textArray, uuidArray } from './pg-arrays.js';
import type { SqlRunner } from './sql.js';
import type { Vault } from './vault.js';

type KeyType = 'uuid' | 'text';

/** A column with sealed values. Each part of the service declares its own; what walks over all of them knows no more. */
export interface SealedColumn {
  /** For people: `device tokens`. */
  readonly what: string;
  readonly table: string;
  /** The primary key, in order. */
  readonly key: Readonly<Record<string, KeyType>>;
  /** SQL of the sealed value (`bytea`). */
  readonly read: string;
  /** SQL that assigns another one, given the SQL of it. */
  readonly write: (value: string) => string;
  /** What a value of the row with this key is sealed to. */
  readonly context: (...key: string[]) => string;
  /** SQL of the keyed hash of the text, and of what is put before the text when it is hashed. */
  readonly hash?: { readonly column: string; readonly prefix: string };
}

/** A column that holds nothing but the sealed value. */
export function sealedColumn(column: Omit<SealedColumn, 'read' | 'write'> & { readonly column: string }): SealedColumn {
  const { column: name, ...rest } = column;
  return { ...rest, read: name, write: (value) => `${name} = ${value}` };
}

/** SQL of the id of the key that sealed a value. An id is ASCII; a damaged value may name anything. */
const keyIdOf = (value: string): string =>
  `CASE WHEN length(${value}) > 0 THEN encode(substring(${value} from 2 for get_byte(${value}, 0)), 'escape') END`;

/** How many values each key has sealed, by its id. Reads the whole table. */
export async function countByKey(sql: SqlRunner, { table, read }: SealedColumn): Promise<ReadonlyMap<string, number>> {
  const rows = await sql.query<{ id: string; count: string }>(
    `SELECT coalesce(${keyIdOf(read)}, '') AS id, count(*) FROM ${table} WHERE ${read} IS NOT NULL GROUP BY 1`,
  );
  return new Map(rows.map(({ id, count }) => [id, Number(count)]));
}

/** A value that a key has sealed, as the database has it. */
export interface Sample {
  readonly key: readonly string[];
  readonly sealed: Buffer;
  readonly hash?: Buffer;
  readonly prefix?: string;
}

const SAMPLES = 20;

/** Some values that the key has sealed. There are none: the whole table was read. */
export function samplesOf(sql: SqlRunner, column: SealedColumn, keyId: string): Promise<Sample[]> {
  const { table, read, hash } = column;
  const lookup = hash ? `, ${hash.column} AS hash, ${hash.prefix} AS prefix` : '';
  return sql.query<Sample & object>(
    `SELECT ${keyOf(column)} AS key, ${read} AS sealed${lookup} FROM ${table} WHERE ${keyIdOf(read)} = $1 LIMIT ${SAMPLES}`,
    [keyId],
  );
}

const keyOf = ({ key }: SealedColumn): string =>
  `ARRAY[${Object.keys(key)
    .map((name) => `${name}::text`)
    .join(', ')}]`;

export interface ResealOptions {
  /** Rows that are looked at, and changed, by one statement. */
  readonly rows: number;
  /** Called between statements. */
  readonly pause: () => Promise<void>;
  /** Told now and then how many values have been looked at. */
  readonly progress?: (looked: number) => void;
}

export interface Resealed {
  /** Sealed with the new key now. */
  readonly done: number;
  /** In somebody's hands, or changed meanwhile: the next pass finds them. */
  readonly missed: number;
  /** What no key opens stays as it is. Keys of some of them. */
  readonly unreadable: number;
  readonly examples: readonly string[];
}

interface PageRow {
  readonly key: string[];
  /** Null when the new key has sealed it. */
  readonly sealed: Buffer | null;
}

/**
 * One pass over a column: what another key sealed is sealed with the one that `to` seals with. Set by set, each by
 * itself, so that it may be stopped at any time and started again; rows that others work on are not waited for.
 */
export async function reseal(
  sql: SqlRunner,
  column: SealedColumn,
  from: Vault,
  to: Vault,
  { rows, pause, progress }: ResealOptions,
): Promise<Resealed> {
  let [done, missed, unreadable, looked] = [0, 0, 0, 0];
  const examples: string[] = [];
  for (let after: readonly string[] | undefined = []; after;) {
    const page: PageRow[] = await sql.query<PageRow>(pageOf(column, after.length > 0), [to.sealingKey, rows, ...after]);
    const due = page.flatMap(({ key, sealed }) => (sealed ? { key, sealed } : []));
    const fresh = due.flatMap((row) => resealed(column, from, to, row) ?? []);
    const written = fresh.length > 0 ? await sql.query(changeOf(column), changes(column, fresh)) : [];
    const lost = due.filter(({ key }) => !fresh.some((one) => one.key === key));
    done += written.length;
    missed += fresh.length - written.length;
    unreadable += lost.length;
    examples.push(...lost.slice(0, 5 - examples.length).map(({ key }) => key.join(' ')));
    looked += page.length;
    after = page.length < rows ? undefined : page.at(-1)?.key;
    progress?.(looked);
    await pause();
  }
  return { done, missed, unreadable, examples };
}

interface Change {
  readonly key: string[];
  readonly old: Buffer;
  readonly fresh: Buffer;
}

function resealed({ context }: SealedColumn, from: Vault, to: Vault, row: Pick<Sample, 'sealed'> & { key: string[] }) {
  const { key, sealed } = row;
  try {
    return { key, old: sealed, fresh: to.seal(from.open(sealed, context(...key)), context(...key)) };
  } catch {
    return undefined;
  }
}

function pageOf(column: SealedColumn, hasCursor: boolean): string {
  const { table, key, read } = column;
  const names = Object.keys(key).join(', ');
  const cursor = Object.values(key).map((type, i) => `$${i + 3}::${type}`);
  return `
    WITH page AS MATERIALIZED (
      SELECT ${names}, ${read} AS sealed FROM ${table}
      WHERE ${hasCursor ? `(${names}) > (${cursor.join(', ')})` : 'true'} ORDER BY ${names} LIMIT $2
    )
    SELECT ${keyOf(column)} AS key, CASE WHEN ${keyIdOf('sealed')} = $1 THEN NULL ELSE sealed END AS sealed
    FROM page ORDER BY ${names}`;
}

// A row that somebody has locked is left for the next pass: who waits for nobody takes part in no deadlock. And a value
// that has changed since it was read is another one.
function changeOf(column: SealedColumn): string {
  const { table, key, read, write } = column;
  const names = Object.keys(key);
  const same = (one: string, other: string): string =>
    names.map((name) => `${one}.${name} = ${other}.${name}`).join(' AND ');
  const arrays = [...Object.values(key), 'bytea', 'bytea'].map((type, i) => `$${i + 1}::${type}[]`);
  return `
    UPDATE ${table} changed SET ${write('due.sealed_anew')}
    FROM (
      SELECT given.* FROM unnest(${arrays.join(', ')}) AS given (${[...names, 'sealed_before', 'sealed_anew'].join(', ')})
      JOIN ${table} seen ON ${same('seen', 'given')} AND ${read} = given.sealed_before
      FOR UPDATE OF seen SKIP LOCKED
    ) due
    WHERE ${same('changed', 'due')} RETURNING 1`;
}

function changes({ key }: SealedColumn, rows: readonly Change[]): Buffer[] {
  const arrays = { uuid: uuidArray, text: textArray };
  return [
    ...Object.values(key).map((type, i) => arrays[type](rows.map((row) => row.key[i] as string))),
    byteaArray(rows.map(({ old }) => old)),
    byteaArray(rows.map(({ fresh }) => fresh)),
  ];
}
