import { ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsBoolean, IsOptional, Length, Matches, ValidateIf } from 'class-validator';
import { IsPrintable, IsZone, WALL_CLOCK } from '../../platform/validators.js';
import type { Preference } from './preference.entity.js';
import type { PreferenceValues } from './preferences.service.js';

const MOST_ITEMS = 1_000;
const NO_WALL_CLOCK = { message: 'must be HH:mm, and stand with the other end of the window' };

/** One end of the window asks for the other one. */
const hasWindow = ({ dndStart, dndEnd }: PreferencesBody): boolean => (dndStart ?? dndEnd ?? null) !== null;

/** What a person wants to be told. Replaces everything: an absent field gets its default. */
export class PreferencesBody {
  /** False: no pushes at all. */
  @ApiPropertyOptional()
  @IsBoolean()
  pushEnabled: boolean = true;

  /**
   * Start of do-not-disturb, local wall clock, inclusive. A start after the end wraps over midnight.
   * @example '22:00'
   */
  @ApiPropertyOptional({ type: String, nullable: true })
  @ValidateIf(hasWindow)
  @Matches(WALL_CLOCK, NO_WALL_CLOCK)
  dndStart: string | null = null;

  /**
   * End of do-not-disturb, local wall clock, inclusive.
   * @example '07:30'
   */
  @ApiPropertyOptional({ type: String, nullable: true })
  @ValidateIf(hasWindow)
  @Matches(WALL_CLOCK, NO_WALL_CLOCK)
  dndEnd: string | null = null;

  /**
   * IANA zone of the window; null: the device's, then the app's.
   * @example 'Asia/Shanghai'
   */
  @ApiPropertyOptional({ type: String, nullable: true })
  @IsOptional()
  @IsZone()
  dndTimeZone: string | null = null;

  /** Conversation ids. */
  @ApiPropertyOptional()
  @IsArray()
  @ArrayMaxSize(MOST_ITEMS)
  @Length(1, 256, { each: true })
  @IsPrintable({ each: true })
  mutedConversations: string[] = [];

  /** Event kinds, or categories that `POST /v1/notifications` names. */
  @ApiPropertyOptional()
  @IsArray()
  @ArrayMaxSize(MOST_ITEMS)
  @Length(1, 256, { each: true })
  @IsPrintable({ each: true })
  optedOut: string[] = [];

  /** Sender ids as the vendor writes them. */
  @ApiPropertyOptional()
  @IsArray()
  @ArrayMaxSize(MOST_ITEMS)
  @Length(1, 256, { each: true })
  @IsPrintable({ each: true })
  blockedSenders: string[] = [];

  /** Sender ids that count as friends; null: not known, and everybody does. */
  @ApiPropertyOptional({ type: [String], nullable: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MOST_ITEMS)
  @Length(1, 256, { each: true })
  @IsPrintable({ each: true })
  friends: string[] | null = null;

  /** Whether people who are no friends may reach this person. */
  @ApiPropertyOptional()
  @IsBoolean()
  allowStrangers: boolean = true;

  /** No push to phones while a desktop session is online. */
  @ApiPropertyOptional()
  @IsBoolean()
  quietOnDesktop: boolean = false;
}

export class PreferencesView implements PreferenceValues {
  pushEnabled: boolean;
  dndStart: string | null;
  dndEnd: string | null;
  dndTimeZone: string | null;
  mutedConversations: string[];
  optedOut: string[];
  blockedSenders: string[];
  friends: string[] | null;
  allowStrangers: boolean;
  quietOnDesktop: boolean;

  /** Null: nobody has set anything, these are the defaults. */
  updatedAt: Date | null;
}

export function preferencesView(row: Preference | null): PreferencesView {
  if (!row) return Object.assign(new PreferencesBody(), { updatedAt: null });
  const { appId: _app, userId: _user, ...view } = row;
  return view;
}
