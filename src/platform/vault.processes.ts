import type { SqlRunner } from './sql.js';

/** A process and the keys it has, as it last said. */
export interface ProcessKeys {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly role: string;
  /** Ids of its ring, the first one first. */
  readonly ringKeys: readonly string[];
  /** Ids of the data keys that it can open. */
  readonly dataKeys: readonly string[];
  readonly sealingKey: string;
}

/** How often a process says that it is there and looks for new keys, in milliseconds. */
export const REPORT_EVERY_MS = 15_000;
/** A process that has said nothing for so long is gone, or hangs. Seconds. */
const GONE_AFTER = 60;

const REPORT = `
  INSERT INTO running_process AS known (id, host, pid, role, ring_keys, data_keys, sealing_key)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (id) DO UPDATE
    SET data_keys = EXCLUDED.data_keys, sealing_key = EXCLUDED.sealing_key, seen_at = now()`;

const RUNNING = `
  SELECT id, host, pid, role, ring_keys AS "ringKeys", data_keys AS "dataKeys", sealing_key AS "sealingKey"
  FROM running_process WHERE seen_at > now() - interval '${GONE_AFTER} seconds' ORDER BY started_at`;

export async function reportProcess(sql: SqlRunner, process: ProcessKeys): Promise<void> {
  const { id, host, pid, role, ringKeys, dataKeys, sealingKey } = process;
  await sql.query(REPORT, [id, host, pid, role, ringKeys, dataKeys, sealingKey]);
}

/** Forgets a process that ends, and those that ended without a word. */
export async function forgetProcess(sql: SqlRunner, id: string): Promise<void> {
  await sql.query(`DELETE FROM running_process WHERE id = $1 OR seen_at < now() - interval '1 day'`, [id]);
}

export const runningProcesses = (sql: SqlRunner): Promise<ProcessKeys[]> => sql.query<ProcessKeys & object>(RUNNING);
