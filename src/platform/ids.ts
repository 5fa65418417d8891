import { NotFoundError } from '@bellhop/contracts';
import { v7 } from 'uuid';

/** What an id names; the first part of its public form. */
export type IdPrefix = 'app' | 'key' | 'int' | 'dev' | 'evt' | 'ntf' | 'dlv';

/** A new UUIDv7: ordered by time, and within one process strictly ascending. */
export const newId = (): string => v7();

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
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
