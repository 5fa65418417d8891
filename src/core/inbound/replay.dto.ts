import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, Length, Matches, Max, Min, ValidateBy } from 'class-validator';
import { internalId, publicId } from '../../platform/ids.js';
import { cursorOf, idOfCursor } from '../../platform/pagination.js';
import { IsMoment, IsPrintable } from '../../platform/validators.js';
import type { InboundEventState } from './inbound-event.entity.js';
import { placeOf } from './replay.differences.js';
import { REPLAYABLE_STATES, type ReplayFilter, type ReplayPage } from './replay.filter.js';
import type { Replayed } from './replay.service.js';
import type { Shadow, ShadowDifference } from './replay.shadow.js';

const STATES = ['accepted', 'routed', 'ignored', 'quarantined', 'failed'] as const;
const SHADOW_KINDS = ['changed', 'added', 'missing', 'readable', 'unreadable'] as const;
const EXAMPLE_INTEGRATION = 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617';

/** What is shown of the differences of a page; all of them are counted. */
const SHOWN_EVENTS = 100;
const SHOWN_PER_EVENT = 20;
/** Characters of a value. */
const SHOWN_TEXT = 200;
const TOKEN = /^\/recipient\/devices\/\d+\/token$/;

function IsReplayCursor(): PropertyDecorator {
  return ValidateBy({
    name: 'isCursor',
    validator: {
      validate: (value) => typeof value === 'string' && idOfCursor(value) !== undefined,
      defaultMessage: () => 'must be the nextCursor of a page',
    },
  });
}

class ReplayRange {
  /** Received at this moment or later. */
  @ApiProperty({ format: 'date-time', example: '2026-11-20T08:00:00Z' })
  @IsMoment()
  from: string;

  /** Received before this moment. Absent: now. */
  @ApiPropertyOptional({ format: 'date-time', example: '2026-11-20T12:00:00Z' })
  @IsOptional()
  @IsMoment()
  to?: string;

  @ApiPropertyOptional({ example: EXAMPLE_INTEGRATION })
  @IsOptional()
  @Matches(/^int_[0-9a-f]{32}$/, { message: 'must be an integration id' })
  integrationId?: string;

  /** `nextCursor` of the call before. Opaque. */
  @ApiPropertyOptional({ type: String })
  @IsOptional()
  @IsReplayCursor()
  cursor?: string;
}

/** Which events are handled once more. */
export class ReplayBody extends ReplayRange {
  /** Absent: any of them. */
  @ApiPropertyOptional({ enum: REPLAYABLE_STATES })
  @IsOptional()
  @IsIn(REPLAYABLE_STATES)
  state?: (typeof REPLAYABLE_STATES)[number];

  @ApiPropertyOptional({ example: 'unroutable' })
  @IsOptional()
  @Length(1, 128)
  @IsPrintable()
  reason?: string;

  /** Counts what is meant, and changes nothing. */
  @ApiPropertyOptional()
  @IsBoolean()
  dryRun: boolean = false;

  /** Events of this call, the oldest first. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 10_000, default: 1_000 })
  @IsInt()
  @Min(1)
  @Max(10_000)
  limit: number = 1_000;
}

/** Which callbacks are read again, for comparison. */
export class ShadowBody extends ReplayRange {
  /** Callbacks with an event in this state. Absent: in any. */
  @ApiPropertyOptional({ enum: STATES })
  @IsOptional()
  @IsIn(STATES)
  state?: InboundEventState;

  /** Callbacks that this call looks at, the oldest first. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1_000, default: 200 })
  @IsInt()
  @Min(1)
  @Max(1_000)
  limit: number = 200;
}

/** What became of the events. */
export class ReplayView {
  readonly dryRun: boolean;

  /** Events that the filter meets, from the cursor on. */
  @ApiProperty({ type: 'integer', example: 42 })
  readonly matched: number;

  /** They had been read, and wait to be routed again. */
  @ApiProperty({ type: 'integer', example: 40 })
  readonly routed: number;

  /** Their callbacks could be read at last; what they brought waits to be routed. */
  @ApiProperty({ type: 'integer', example: 1 })
  readonly read: number;

  /** Their callbacks still cannot be used. */
  @ApiProperty({ type: 'integer', example: 0 })
  readonly unusable: number;

  /** The bytes of their callbacks are not kept any more. */
  @ApiProperty({ type: 'integer', example: 1 })
  readonly gone: number;

  /** For the rest; null when there is none. */
  @ApiProperty({ type: String, nullable: true })
  readonly nextCursor: string | null;
}

/** A place at which events differ. */
export class ShadowPlace {
  /** JSON Pointer into the event, `*` for every place in a list; empty for the whole. */
  @ApiProperty({ example: '/push/collapseId' })
  readonly place: string;

  @ApiProperty({ type: 'integer', example: 12 })
  readonly count: number;
}

/** A value then and now, as JSON of at most 200 characters. */
export class ShadowFieldView {
  /** JSON Pointer into the event; empty for the whole. */
  @ApiProperty({ example: '/push/collapseId' })
  readonly pointer: string;

  /** Null: there was none. */
  @ApiProperty({ type: String, nullable: true, example: '"kf5-ticket-1"' })
  readonly stored: string | null;

  /** Null: there would be none. */
  @ApiProperty({ type: String, nullable: true, example: '"kf5-1"' })
  readonly parsed: string | null;
}

/** An event that would be another one today. */
export class ShadowDifferenceView {
  /**
   * `changed`: in what it says. `added`, `missing`: there was none, or would be none. `readable`, `unreadable`: its
   * callback can be used now, or no more.
   */
  @ApiProperty({ enum: SHADOW_KINDS })
  readonly kind: string;

  @ApiProperty({ type: String, nullable: true, example: 'evt_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly eventId: string | null;

  readonly integrationId: string;

  readonly receivedAt: Date;

  /** Why the callback cannot be used now. */
  @ApiProperty({ type: String, nullable: true })
  readonly reason: string | null;

  /** At most 20. */
  @ApiProperty({ type: [ShadowFieldView] })
  readonly fields: readonly ShadowFieldView[];
}

/** What today's adapters would make of callbacks of then. Nothing was stored or sent. */
export class ShadowView {
  /** Callbacks that were read again. */
  @ApiProperty({ type: 'integer', example: 200 })
  readonly callbacks: number;

  /** Events that would be the same. */
  @ApiProperty({ type: 'integer', example: 188 })
  readonly same: number;

  /** Events that would be others. */
  @ApiProperty({ type: 'integer', example: 12 })
  readonly different: number;

  /** Callbacks of plugins that this process does not have. */
  @ApiProperty({ type: 'integer', example: 0 })
  readonly skipped: number;

  /** Where they differ, the most frequent place first. */
  @ApiProperty({ type: [ShadowPlace] })
  readonly places: readonly ShadowPlace[];

  /** The first 100. */
  @ApiProperty({ type: [ShadowDifferenceView] })
  readonly differences: readonly ShadowDifferenceView[];

  /** For the rest; null when there is none. */
  @ApiProperty({ type: String, nullable: true })
  readonly nextCursor: string | null;
}

/** @param states when the body names none. @param now of our clock. */
export function replayFilter(
  body: ReplayRange & { readonly state?: InboundEventState; readonly reason?: string },
  states: readonly InboundEventState[],
  now: Date,
): ReplayFilter {
  const { from, to, integrationId, state, reason } = body;
  return {
    from: new Date(from),
    // What comes at this very moment was not meant.
    to: to ? new Date(to) : now,
    integrationId: integrationId ? internalId('int', integrationId) : undefined,
    states: state ? [state] : states,
    reason: reason ?? undefined,
  };
}

export const ALL_STATES: readonly InboundEventState[] = STATES;

export const replayPage = ({ cursor, limit }: ReplayBody | ShadowBody): ReplayPage => {
  return { limit, after: cursor ? idOfCursor(cursor) : undefined };
};

export function replayView({ last, ...counts }: Replayed, dryRun: boolean): ReplayView {
  return { dryRun, ...counts, nextCursor: last ? cursorOf(last) : null };
}

export function shadowView({ callbacks, same, different, skipped, last }: Shadow): ShadowView {
  return {
    callbacks,
    same,
    different: different.length,
    skipped,
    places: placesOf(different),
    differences: different.slice(0, SHOWN_EVENTS).map(differenceView),
    nextCursor: last ? cursorOf(last) : null,
  };
}

function placesOf(different: readonly ShadowDifference[]): ShadowPlace[] {
  const places = different.flatMap(({ differences }) => [
    ...new Set(differences.map(({ pointer }) => placeOf(pointer))),
  ]);
  const counted = [...Map.groupBy(places, (place) => place)].map(([place, all]) => ({ place, count: all.length }));
  return counted.sort((a, b) => b.count - a.count || a.place.localeCompare(b.place)).slice(0, SHOWN_EVENTS);
}

function differenceView({ kind, eventId, integrationId, receivedAt, reason, differences }: ShadowDifference) {
  return {
    kind,
    eventId: eventId ? publicId('evt', eventId) : null,
    integrationId: publicId('int', integrationId),
    receivedAt,
    reason: reason ?? null,
    fields: differences.slice(0, SHOWN_PER_EVENT).map(({ pointer, stored, parsed }) => ({
      pointer,
      stored: valueView(pointer, stored),
      parsed: valueView(pointer, parsed),
    })),
  };
}

/** Addresses of devices are secrets, wherever in a value they stand. */
function valueView(pointer: string, value: unknown): string | null {
  if (value === undefined) return null;
  const at = (path: readonly string[]): string => [pointer, ...path].join('/');
  const json = JSON.stringify(hidden(value, at, []));
  return json.length > SHOWN_TEXT ? `${json.slice(0, SHOWN_TEXT - 1)}…` : json;
}

function hidden(value: unknown, at: (path: readonly string[]) => string, path: readonly string[]): unknown {
  if (typeof value === 'string') return TOKEN.test(at(path)) ? '(hidden)' : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((part, i) => hidden(part, at, [...path, String(i)]));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, hidden(part, at, [...path, name])]));
}
