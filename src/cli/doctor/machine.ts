import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { SqlRunner } from '../../platform/sql.js';
import { fail, type Finding, graded, ok, sized, warn } from './finding.js';

const CLOCK = { warnAt: 2, failAt: 30 };

/** Tokens for gateways and signatures of vendors have the time in them. Compared with the clock of the database. */
export async function checkClock(sql: SqlRunner): Promise<Finding> {
  const before = Date.now();
  const [row] = await sql.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  const between = (before + Date.now()) / 2;
  const seconds = Math.abs((row?.now.getTime() ?? 0) - between) / 1000;
  return graded('clock', seconds, CLOCK, {
    detail: `${seconds.toFixed(1)} s from the clock of the database`,
    fix: 'Set both clocks by NTP: APNs refuses tokens, and vendors signatures, of another time.',
  });
}

const FREE = { warn: 0.15, fail: 0.05 };

/** Free space of the database's disk, where it can be seen from here. */
export async function checkDisk(sql: SqlRunner, embeddedDir: string | undefined): Promise<Finding> {
  const [size] = await sql.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes');
  const used = `the database has ${sized(Number(size?.bytes))}`;
  const folder = embeddedDir ?? (await serverFolder(sql));
  if (!folder) return ok('disk', `${used}; the disk of its server cannot be seen from here`);
  const { bavail, blocks, bsize } = await statfs(folder);
  const free = bavail / blocks;
  const detail = `${used}; ${sized(bavail * bsize)} (${Math.round(free * 100)} %) are free`;
  const fix =
    'Drop old partitions and rows (docs/operations.md, "Old rows"), or enlarge the disk: PostgreSQL stops when it is full.';
  if (free < FREE.fail) return fail('disk', detail, fix);
  return free < FREE.warn ? warn('disk', detail, fix) : ok('disk', detail);
}

/** Its data folder, if we may ask for it and it is on this machine. */
async function serverFolder(sql: SqlRunner): Promise<string | undefined> {
  const rows = await sql
    .query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`)
    .catch((): { folder: string }[] => []);
  const folder = rows[0]?.folder;
  // The folder itself belongs to the server; its parent may be looked at.
  return folder && existsSync(path.dirname(folder)) ? path.dirname(folder) : undefined;
}
