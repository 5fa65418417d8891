import type { EnvironmentFault } from './env.variable.js';
import type { SqlRunner } from './sql.js';
import { countByKey, type SealedColumn } from './vault.columns.js';
import { type ProcessKeys, runningProcesses } from './vault.processes.js';
import { type InspectedRing, inspectRing } from './vault.ring.js';
import type { VaultKey } from './vault.js';

/** A key and what hangs on it. */
export interface KeyUse {
  readonly id: string;
  /** `first in the ring`, `in the ring`, `retired`, `missing`, or of a data key its purpose and whether it is in use. */
  readonly is: string;
  /** Of a data key: the key of the ring that it is sealed with. */
  readonly guardedBy?: string;
  /** Sealed values by what they are. */
  readonly values: Readonly<Record<string, number>>;
}

export interface KeyStatus {
  readonly keys: readonly KeyUse[];
  readonly processes: readonly ProcessKeys[];
  /** Values that another key than the newest data key has sealed, and data keys that another than the first of the ring guards. */
  readonly pending: number;
  /** Why no process could start with this ring. */
  readonly faults: readonly EnvironmentFault[];
}

/** Which key has sealed what. Reads every table with sealed values once; changes nothing. */
export async function keyStatus(
  sql: SqlRunner,
  ring: readonly VaultKey[],
  columns: readonly SealedColumn[],
): Promise<KeyStatus> {
  const inspected = await inspectRing(sql, ring, columns);
  const values = await valuesByKey(sql, columns);
  const sealing = inspected.dataKeys.find(({ purpose }) => purpose === 'sealing')?.id;
  const guarded = inspected.dataKeys.filter(({ ringKey }) => ringKey !== ring[0]?.id).length;
  const older = [...values].flatMap(([id, counts]) => (id === sealing ? [] : Object.values(counts)));
  return {
    keys: usesOf(ring, inspected, values, columns),
    processes: await runningProcesses(sql),
    pending: older.reduce((sum, count) => sum + count, guarded),
    faults: inspected.faults,
  };
}

type Values = ReadonlyMap<string, Readonly<Record<string, number>>>;

async function valuesByKey(sql: SqlRunner, columns: readonly SealedColumn[]): Promise<Values> {
  const values = new Map<string, Record<string, number>>();
  for (const column of columns) {
    for (const [id, count] of await countByKey(sql, column)) {
      values.set(id, { ...values.get(id), [column.what]: count });
    }
  }
  return values;
}

function usesOf(
  ring: readonly VaultKey[],
  { ringKeys, dataKeys }: InspectedRing,
  values: Values,
  columns: readonly SealedColumn[],
): KeyUse[] {
  const none = Object.fromEntries(columns.map(({ what }) => [what, 0]));
  const valuesOf = (id: string) => ({ values: { ...none, ...values.get(id) } });
  const inRing = ring.map(({ id }, i) => ({ id, is: i === 0 ? 'first in the ring' : 'in the ring', ...valuesOf(id) }));
  const names = new Set(ring.map(({ id }) => id));
  const gone = ringKeys
    .filter(({ id }) => !names.has(id))
    .map(({ id, retiredAt }) => ({ id, is: retiredAt ? 'retired' : 'missing', ...valuesOf(id) }));
  const data = dataKeys.map(({ id, purpose, ringKey, activeAt }) => ({
    id,
    is: purpose === 'sealing' && !activeAt ? 'sealing, not in use yet' : purpose,
    guardedBy: ringKey,
    ...valuesOf(id),
  }));
  const known = new Set([...names, ...ringKeys.map(({ id }) => id), ...dataKeys.map(({ id }) => id)]);
  const unknown = [...values.keys()].filter((id) => !known.has(id));
  return [...inRing, ...gone, ...data, ...unknown.map((id) => ({ id: id || '?', is: 'unknown', ...valuesOf(id) }))];
}
