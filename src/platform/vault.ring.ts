import { randomBytes } from 'node:crypto';
import { type EnvironmentFault, EnvironmentInvalidError } from './env.variable.js';
import { lockNames, type Sql, type SqlRunner } from './sql.js';
import { countByKey, type Sample, samplesOf, type SealedColumn } from './vault.columns.js';
import type { KeyPurpose } from './vault.entity.js';
import { type DataKeys, firstHashKey, Vault, type VaultKey } from './vault.js';

const KEY_BYTES = 32;
const CHECK = 'bellhop key check';

/** A data key as the database has it. */
export interface DataKeyRow {
  readonly id: string;
  readonly purpose: KeyPurpose;
  readonly ringKey: string;
  readonly sealedKey: Buffer;
  readonly activeAt: Date | null;
}

/** A key of the ring as the database knows it. */
export interface RingKeyRow {
  readonly id: string;
  readonly sealedCheck: Buffer;
  readonly retiredAt: Date | null;
}

const DATA_KEYS = `
  SELECT id, purpose, ring_key AS "ringKey", sealed_key AS "sealedKey", active_at AS "activeAt" FROM data_key
  ORDER BY active_at DESC NULLS LAST, id`;

const RING_KEYS = `
  SELECT id, sealed_check AS "sealedCheck", retired_at AS "retiredAt" FROM ring_key ORDER BY created_at, id`;

export const readDataKeys = (sql: SqlRunner): Promise<DataKeyRow[]> => sql.query<DataKeyRow & object>(DATA_KEYS);

const readRingKeys = (sql: SqlRunner): Promise<RingKeyRow[]> => sql.query<RingKeyRow & object>(RING_KEYS);

const checkContext = (id: string): string => `ring-key:${id}`;
const dataKeyContext = (id: string): string => `data-key:${id}`;

/**
 * Holds the ring against what the database was sealed with, before anything is read or written with it: a key that is
 * missing, or another one under its name, would make values unreadable and new ones unreadable for the others. Puts the
 * ring's new keys on record, and makes the data keys where there are none.
 * @throws {EnvironmentInvalidError} with every fault of the ring; the database is then as before.
 */
export async function openRing(
  sql: Sql,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
): Promise<DataKeys> {
  return sql.transaction(async (tx) => {
    await lockNames(tx, 'vault');
    const { faults, unused, ringKeys, dataKeys } = await inspectRing(tx, ring, columns);
    if (faults.length > 0) throw new EnvironmentInvalidError(faults);
    await retire(tx, unused);
    await enrol(tx, ring, ringKeys);
    if (dataKeys.length > 0) return opened(ring, dataKeys);
    return opened(ring, await makeDataKeys(tx, ring, columns));
  });
}

/** A ring, held against the database. */
export interface InspectedRing {
  readonly faults: readonly EnvironmentFault[];
  /** Ids of keys that are on record, missing from the ring, and needed by nothing. */
  readonly unused: readonly string[];
  readonly ringKeys: readonly RingKeyRow[];
  readonly dataKeys: readonly DataKeyRow[];
}

/** Changes nothing. */
export async function inspectRing(
  sql: SqlRunner,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
): Promise<InspectedRing> {
  const ringKeys = await readRingKeys(sql);
  const dataKeys = await readDataKeys(sql);
  const { faults, unused } =
    ringKeys.length > 0
      ? await missingKeys(sql, ring, columns, { ringKeys, dataKeys })
      : { faults: await unrecordedFaults(sql, ring, columns), unused: [] };
  return {
    faults: [...checkFaults(ring, ringKeys), ...dataKeyFaults(ring, dataKeys), ...faults],
    unused,
    ringKeys,
    dataKeys,
  };
}

/** The data keys that this ring opens, in the order of the rows: the one that seals first. */
export function opened(ring: readonly VaultKey[], rows: readonly DataKeyRow[]): DataKeys {
  const vault = new Vault(ring);
  const keysFor = (purpose: KeyPurpose): VaultKey[] =>
    rows.flatMap((row) => (row.purpose === purpose ? (openedKey(vault, row) ?? []) : []));
  const [hashing] = keysFor('hashing');
  if (!hashing) throw new Error('There is no data key for hashes.');
  return {
    inUse: rows.some(({ purpose, activeAt }) => purpose === 'sealing' && activeAt !== null),
    sealing: keysFor('sealing'),
    hashing: hashing.bytes,
    signing: keysFor('signing').map(({ bytes }) => bytes),
  };
}

/** Undefined when the ring lacks the key that it is sealed with. */
export function openedKey(ring: Vault, { id, sealedKey }: DataKeyRow): VaultKey | undefined {
  try {
    return { id, bytes: Buffer.from(ring.open(sealedKey, dataKeyContext(id)), 'base64') };
  } catch {
    return undefined;
  }
}

/** A data key, sealed with the first key of the ring. */
export function sealedKey(ring: Vault, { id, bytes }: VaultKey): Buffer {
  return ring.seal(bytes.toString('base64'), dataKeyContext(id));
}

/** `@1`, `@2`, … in the order in which they were made. */
export function nextId(rows: readonly DataKeyRow[]): string {
  const numbers = rows.flatMap(({ id }) => /^@(\d+)$/.exec(id)?.slice(1).map(Number) ?? []);
  return `@${Math.max(0, ...numbers) + 1}`;
}

const INSERT_DATA_KEY = `
  INSERT INTO data_key (id, purpose, ring_key, sealed_key, active_at) VALUES ($1, $2, $3, $4, $5)
  RETURNING id, purpose, ring_key AS "ringKey", sealed_key AS "sealedKey", active_at AS "activeAt"`;

/** @param activeAt absent: processes learn to open with it before the first one seals with it. */
export async function addDataKey(
  tx: SqlRunner,
  ring: Vault,
  purpose: KeyPurpose,
  key: VaultKey,
  activeAt: Date | null = null,
): Promise<DataKeyRow> {
  const values = [key.id, purpose, ring.sealingKey, sealedKey(ring, key), activeAt];
  const [row] = await tx.query<DataKeyRow & object>(INSERT_DATA_KEY, values);
  return row as DataKeyRow;
}

/**
 * Where something is sealed already, processes of the release before may run, which could not read what a data key seals:
 * the first one waits for a rotation there.
 */
async function makeDataKeys(
  tx: SqlRunner,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
): Promise<DataKeyRow[]> {
  const vault = new Vault(ring);
  const hashKey = await findHashKey(tx, ring, columns);
  const now = new Date();
  const since = (await isEmpty(tx, columns)) ? now : null;
  return [
    await addDataKey(tx, vault, 'sealing', { id: '@1', bytes: randomBytes(KEY_BYTES) }, since),
    await addDataKey(tx, vault, 'hashing', { id: '@hash', bytes: hashKey }, now),
    await addDataKey(tx, vault, 'signing', { id: '@sign', bytes: randomBytes(KEY_BYTES) }, now),
  ];
}

async function isEmpty(tx: SqlRunner, columns: readonly SealedColumn[]): Promise<boolean> {
  for (const column of columns) if ((await countByKey(tx, column)).size > 0) return false;
  return true;
}

async function enrol(tx: SqlRunner, ring: readonly VaultKey[], rows: readonly RingKeyRow[]): Promise<void> {
  const known = new Set(rows.map(({ id }) => id));
  for (const key of ring.filter(({ id }) => !known.has(id))) {
    const check = new Vault([key]).seal(CHECK, checkContext(key.id));
    await tx.query('INSERT INTO ring_key (id, sealed_check) VALUES ($1, $2)', [key.id, check]);
  }
}

/** From now on they may be missing from the ring. */
async function retire(sql: SqlRunner, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql.query('UPDATE ring_key SET retired_at = now() WHERE id = ANY($1::text[])', [ids]);
}

const fault = (message: string, hint: string): EnvironmentFault => ({ variable: 'BELLHOP_KEYS', message, hint });

const otherKey = (id: string): EnvironmentFault =>
  fault(
    `has another key under the name "${id}" than the one this database was sealed with`,
    `Put the first "${id}" back; a new key needs a name of its own. Or DATABASE_URL names the wrong database.`,
  );

const missingKey = (id: string, what: string): EnvironmentFault =>
  fault(
    `lacks the key "${id}", under which ${what}`,
    `Put "${id}" back behind the others, start, and run "bellhop keys rotate" before you take it out. Or DATABASE_URL names the wrong database.`,
  );

/** Keys of the ring that are not the ones which the database knows by these names. */
function checkFaults(ring: readonly VaultKey[], known: readonly RingKeyRow[]): EnvironmentFault[] {
  return ring.flatMap((key) => {
    const row = known.find(({ id }) => id === key.id);
    return row && !opens(new Vault([key]), row.sealedCheck, checkContext(row.id)) ? otherKey(key.id) : [];
  });
}

function dataKeyFaults(ring: readonly VaultKey[], rows: readonly DataKeyRow[]): EnvironmentFault[] {
  const names = new Set(ring.map(({ id }) => id));
  const missing = new Set(rows.map(({ ringKey }) => ringKey).filter((id) => !names.has(id)));
  return [...missing].map((id) => missingKey(id, 'the data keys are sealed'));
}

type Records = Pick<InspectedRing, 'ringKeys' | 'dataKeys'>;

/** Keys on record that the ring lacks, beside those that guard data keys: values may need them. */
async function missingKeys(
  sql: SqlRunner,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
  { ringKeys, dataKeys }: Records,
): Promise<{ faults: EnvironmentFault[]; unused: string[] }> {
  const names = new Set([...ring.map(({ id }) => id), ...dataKeys.map(({ ringKey }) => ringKey)]);
  const faults: EnvironmentFault[] = [];
  const unused: string[] = [];
  for (const { id } of ringKeys.filter(({ id, retiredAt }) => !retiredAt && !names.has(id))) {
    const user = await userOf(sql, columns, id);
    if (user) faults.push(missingKey(id, `${user.what} are sealed`));
    else unused.push(id);
  }
  return { faults, unused };
}

/** A column that holds values of this key. Reads every table when there is none; the key is retired then, so only once. */
async function userOf(
  tx: SqlRunner,
  columns: readonly SealedColumn[],
  keyId: string,
): Promise<SealedColumn | undefined> {
  for (const column of columns) if ((await samplesOf(tx, column, keyId)).length > 0) return column;
  return undefined;
}

/** Of a key of the ring; a damaged value may name anything. */
const KEY_ID = /^[\w.-]{1,32}$/;

/** At the first start of this release the values themselves have to tell whether the ring is theirs. */
async function unrecordedFaults(
  tx: SqlRunner,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
): Promise<EnvironmentFault[]> {
  const vault = new Vault(ring);
  const names = new Set(ring.map(({ id }) => id));
  const faults = new Map<string, EnvironmentFault>();
  for (const column of columns) {
    const used = [...(await countByKey(tx, column)).keys()].filter((id) => KEY_ID.test(id));
    for (const id of used) {
      if (faults.has(id)) continue;
      if (!names.has(id)) faults.set(id, missingKey(id, `${column.what} are sealed`));
      else if (!(await someOpen(tx, vault, column, id))) faults.set(id, otherKey(id));
    }
  }
  return [...faults.values()];
}

async function someOpen(tx: SqlRunner, vault: Vault, column: SealedColumn, keyId: string): Promise<boolean> {
  const samples = await samplesOf(tx, column, keyId);
  return samples.some(({ key, sealed }) => opens(vault, sealed, column.context(...key)));
}

/**
 * The key under which the tokens of this database are hashed: that of the ring's last key, unless somebody has changed
 * the order of the ring.
 */
async function findHashKey(
  tx: SqlRunner,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
): Promise<Buffer> {
  for (const column of columns.filter(({ hash }) => hash)) {
    for (const { id } of ring) {
      const samples = await samplesOf(tx, column, id);
      const found = samples.map((sample) => hasherOf(ring, column, sample)).find((key) => key !== undefined);
      if (found) return firstHashKey([found]);
    }
  }
  return firstHashKey(ring);
}

/** The key of the ring whose hash stands beside a value. */
function hasherOf(ring: readonly VaultKey[], column: SealedColumn, sample: Sample): VaultKey | undefined {
  const { key, sealed, hash, prefix = '' } = sample;
  const text = textOf(new Vault(ring), sealed, column.context(...key));
  if (text === undefined || !hash) return undefined;
  return ring.findLast((one) => new Vault([one]).tokenHash(prefix + text).equals(hash));
}

const opens = (vault: Vault, sealed: Buffer, context: string): boolean => textOf(vault, sealed, context) !== undefined;

function textOf(vault: Vault, sealed: Buffer, context: string): string | undefined {
  try {
    return vault.open(sealed, context);
  } catch {
    return undefined;
  }
}
