import { dashed } from './ids.js';
import { sha256Hex } from '@bellhop/contracts';
import type { Type } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type as Convert } from 'class-transformer';
import { IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** Query of every list: newest first, from a cursor on. */
export class PageQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
  @Convert(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_LIMIT)
  limit: number = DEFAULT_LIMIT;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before. Opaque.', type: String })
  @IsOptional()
  @IsCursor()
  cursor?: string;
}

/** Part of a list. */
export interface Page<T> {
  readonly data: readonly T[];
  /** For the next page; null on the last one. */
  readonly nextCursor: string | null;
}

/**
 * The schema of a page. Extend it to give it a name: `class DevicePage extends PageOf(DeviceView) {}`.
 */
export function PageOf<T>(item: Type<T>): Type<Page<T>> {
  class ItemPage implements Page<T> {
    @ApiProperty({ type: [item] })
    readonly data: readonly T[];

    @ApiProperty({ type: String, nullable: true, description: 'For the next page; null on the last one.' })
    readonly nextCursor: string | null;
  }
  return ItemPage;
}

/** Loads rows in descending order of their id: those below `before` (all when undefined), at most `take`. */
export type PageLoader<Row> = (before: string | undefined, take: number) => Promise<readonly Row[]>;

/** One page by keyset: no matter how deep, it costs the same, and rows that arrive meanwhile shift nothing. */
export async function paginate<Row extends { readonly id: string }, View>(
  { limit, cursor }: PageQuery,
  load: PageLoader<Row>,
  view: (row: Row) => View,
): Promise<Page<View>> {
  const rows = await load(cursor === undefined ? undefined : idOfCursor(cursor), limit + 1);
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { data: shown.map(view), nextCursor: last ? cursorOf(last.id) : null };
}

const ID_BYTES = 16;
const CHECK_BYTES = 4;

/** UUID → cursor. The check digits make a cursor that somebody changed a fault instead of an odd page. */
export function cursorOf(id: string): string {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  return Buffer.concat([bytes, checkOf(bytes)]).toString('base64url');
}

/** The UUID in a cursor; undefined when it is none of ours. */
export function idOfCursor(cursor: string): string | undefined {
  const bytes = Buffer.from(cursor, 'base64url');
  const id = bytes.subarray(0, ID_BYTES);
  const genuine =
    bytes.length === ID_BYTES + CHECK_BYTES &&
    bytes.toString('base64url') === cursor &&
    bytes.subarray(ID_BYTES).equals(checkOf(id));
  return genuine ? dashed(id.toString('hex')) : undefined;
}

function checkOf(bytes: Buffer): Buffer {
  return Buffer.from(sha256Hex('bellhop cursor', bytes), 'hex').subarray(0, CHECK_BYTES);
}

function IsCursor(): PropertyDecorator {
  return ValidateBy({
    name: 'isCursor',
    validator: {
      validate: (value) => typeof value === 'string' && idOfCursor(value) !== undefined,
      defaultMessage: () => 'must be the nextCursor of a page',
    },
  });
}
