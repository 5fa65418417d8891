import { NotFoundError } from '@bellhop/contracts';
import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

/** What an id names; the first part of its public form. */
export type IdPrefix = 'app' | 'key' | 'int' | 'dev' | 'evt' | 'ntf' | 'dlv' | 'tpl' | 'whk' | 'whm' | 'opr' | 'aud';

const RANDOM_BYTES = 16;
/** Random bytes in stock: asking the system for them one id at a time costs more than the id. */
let stock = Buffer.alloc(0);
let lastMs = 0;
let sequence = 0;

function random(): Buffer {
  if (stock.length < RANDOM_BYTES) stock = randomBytes(256 * RANDOM_BYTES);
  const bytes = stock.subarray(0, RANDOM_BYTES);
  stock = stock.subarray(RANDOM_BYTES);
  return bytes;
}

/** A new UUIDv7: ordered by time, and within one process strictly ascending, whatever the clock does. */
export function newId(): string {
  const bytes = random();
  const now = Date.now();
  sequence = now > lastMs ? bytes.readUInt32BE(0) >>> 1 : sequence + 1;
  lastMs = Math.max(lastMs, now);
  return v7({ msecs: lastMs, seq: sequence, random: bytes });
}

/** How far apart the clocks of two processes may be, in milliseconds: what one of them named first may look that much younger. */
export const SKEW_MS = 5 * 60_000;

/** The first id that can have been made `ms` after this one: the end of a range of ids. */
export function idAfter(id: string, ms: number): string {
  const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) + ms;
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** The first id that can have been made at this moment. */
export function idFloor(at: Date): string {
  return dashed(Math.max(0, at.getTime()).toString(16).padStart(12, '0').padEnd(32, '0'));
}

/** `evt` + UUID → `evt_0199…`, the form in every reply. */
export function publicId(prefix: IdPrefix, id: string): string {
  return `${prefix}_${id.replaceAll('-', '')}`;
}

/**
 * The UUID behind a public id.
 * @throws {NotFoundError} for anything else: a foreign or malformed id names nothing.
 */
export function internalId(prefix: IdPrefix, id: string): string {
  const hex = id.startsWith(`${prefix}_`) ? id.slice(prefix.length + 1) : '';
  if (!/^[0-9a-f]{32}$/.test(hex)) throw new NotFoundError(id.slice(0, 64));
  return dashed(hex);
}

/** The 32 digits of a UUID in their usual form. */
export function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
