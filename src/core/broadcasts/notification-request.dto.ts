import { IsLocalTime, IsMoment, WALL_CLOCK } from '../../platform/validators.js';
import { isRecord, type PlatformOverride } from '@bellhop/contracts';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUrl,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { AudienceBody } from '../audiences/audience.dto.js';
import type { Content, Copy } from '../notifications/content.js';
import { MAX_TTL } from '../notifications/notifications.dto.js';
import type { NotificationRequest } from './notification-request.js';

/** `{ [tag]: { title, subtitle, body } }`, texts of at most 4,000 characters. */
function IsLocalizedCopy(): PropertyDecorator {
  const isText = (value: unknown): boolean =>
    value === undefined || (typeof value === 'string' && value.length <= 4_000);
  const isCopy = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([name, text]) => ['title', 'subtitle', 'body'].includes(name) && isText(text));
  return ValidateBy({
    name: 'isLocalizedCopy',
    validator: {
      validate: (value: unknown) =>
        isRecord(value) &&
        Object.entries(value).every(([tag, copy]) => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(tag) && isCopy(copy)),
      defaultMessage: () => 'must map language tags to { title, subtitle, body }',
    },
  });
}

function IsStringMap(): PropertyDecorator {
  return ValidateBy({
    name: 'isStringMap',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(([key, text]) => key.length <= 64 && typeof text === 'string'),
      defaultMessage: () => 'must map names of at most 64 characters to strings',
    },
  });
}

function IsObjectMap(): PropertyDecorator {
  return ValidateBy({
    name: 'isObjectMap',
    validator: {
      validate: (value: unknown) => isRecord(value) && Object.values(value).every(isRecord),
      defaultMessage: () => 'must map plugin ids to objects',
    },
  });
}

const NO_WALL_CLOCK = { message: 'must be HH:mm' };

export class NotificationAudienceBody extends AudienceBody {
  /** Device ids, at most 1,000; stands alone. */
  @ApiPropertyOptional({ type: [String] })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @Matches(/^dev_[0-9a-f]{32}$/, { each: true, message: 'must be device ids' })
  devices?: string[];
}

/** What differs on one platform. */
export class PlatformOverrideBody implements PlatformOverride {
  @ApiPropertyOptional({ minLength: 1 })
  @IsOptional()
  @IsString()
  @Length(1, 4_000)
  title?: string;

  @ApiPropertyOptional({ minLength: 1 })
  @IsOptional()
  @IsString()
  @Length(1, 4_000)
  body?: string;

  /** Absolute number for the app icon; 0 clears it. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 9999 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(9_999)
  badge?: number;

  /** Wakes the app and shows nothing. */
  @IsOptional()
  @IsBoolean()
  silent?: boolean;

  /** Replaces the extras for all. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  @IsOptional()
  @IsObject()
  @IsStringMap()
  extras?: Record<string, string>;
}

export class OverridesBody {
  @IsOptional()
  @ValidateNested()
  @Type(() => PlatformOverrideBody)
  ios?: PlatformOverrideBody;

  @IsOptional()
  @ValidateNested()
  @Type(() => PlatformOverrideBody)
  android?: PlatformOverrideBody;
}

/** A message that the vendor delivers inside the app besides the push. */
export class ChatMessageBody {
  /** Vendor's user id of the sender. */
  @IsString()
  @Length(1, 64)
  from: string;

  /** The vendor's word for the type. */
  @ApiPropertyOptional({ example: 'RC:TxtMsg' })
  @IsString()
  @Length(1, 64)
  type: string;

  /** In the form that the type asks for; JSON text for the vendor's own types. */
  @IsString()
  @Length(1, 65_536)
  content: string;
}

export class ContentBody {
  @ApiPropertyOptional({ example: 'Your order is on its way' })
  @IsOptional()
  @IsString()
  @MaxLength(4_000)
  title?: string;

  @IsOptional()
  @IsString()
  @MaxLength(4_000)
  subtitle?: string;

  @ApiPropertyOptional({ example: 'It arrives tomorrow before noon.' })
  @IsOptional()
  @IsString()
  @MaxLength(4_000)
  body?: string;

  /** Other languages, by BCP 47 tag; a device gets the one nearest to its locale. */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'object' },
    example: { 'zh-CN': { title: '您的订单已发货', body: '预计明天中午前送达' } },
  })
  @IsOptional()
  @IsLocalizedCopy()
  localized?: Record<string, Copy>;

  /** Absolute number for the app icon; 0 clears it. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 9999 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(9_999)
  badge?: number;

  /** File name in the app, or `default`. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  sound?: string;

  /** Newer replaces older on screen. */
  @IsOptional()
  @IsString()
  @Length(1, 256)
  collapseId?: string;

  /** Groups notifications on screen. */
  @IsOptional()
  @IsString()
  @Length(1, 256)
  threadId?: string;

  /** Absolute URI that the app opens. */
  @ApiPropertyOptional({ example: 'acme://orders/42' })
  @IsOptional()
  @Matches(/^[a-z][a-z0-9+.-]*:\/\/\S+$/i, { message: 'must be an absolute URI' })
  @MaxLength(2_000)
  deepLink?: string;

  /** Handed to the app. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' }, example: { orderId: '42' } })
  @IsOptional()
  @IsObject()
  @IsStringMap()
  extras?: Record<string, string>;

  @ApiPropertyOptional({ format: 'uri' })
  @IsOptional()
  @IsUrl({ protocols: ['https'], require_tld: false }, { message: 'must be an https address' })
  @MaxLength(2_000)
  imageUrl?: string;

  /** Action category of iOS. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  category?: string;

  /** Notification channel of Android. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  androidChannel?: string;

  /** Wakes the app and shows nothing; excludes title, subtitle, body, badge and sound. */
  @ApiPropertyOptional({ default: false })
  @IsOptional()
  @IsBoolean()
  silent?: boolean;

  /** What differs per platform. */
  @IsOptional()
  @ValidateNested()
  @Type(() => OverridesBody)
  overrides?: OverridesBody;

  /** For channels that deliver a message inside the app as well. */
  @IsOptional()
  @ValidateNested()
  @Type(() => ChatMessageBody)
  chatMessage?: ChatMessageBody;

  /** Fields that only one vendor has, by plugin id. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'object' } })
  @IsOptional()
  @IsObject()
  @IsObjectMap()
  vendorOptions?: Record<string, Record<string, unknown>>;
}

/** Hours of the day in which people may be told, on their wall. */
export class SendWindowBody {
  @ApiPropertyOptional({ example: '09:00' })
  @Matches(WALL_CLOCK, NO_WALL_CLOCK)
  start: string;

  /** Exclusive; before the start: the window wraps over midnight. */
  @ApiPropertyOptional({ example: '21:00' })
  @Matches(WALL_CLOCK, NO_WALL_CLOCK)
  end: string;
}

export class ScheduleBody {
  /** An instant, the same for everybody. */
  @ApiPropertyOptional({ format: 'date-time', example: '2030-01-15T10:00:00Z' })
  @IsOptional()
  @IsMoment()
  at?: string;

  /** A time on the wall of whoever receives it: the zone of the device, else of the app. */
  @ApiPropertyOptional({ example: '2030-01-15T18:00' })
  @IsOptional()
  @IsLocalTime()
  localTime?: string;

  /** Outside of it a delivery waits until it opens. */
  @IsOptional()
  @ValidateNested()
  @Type(() => SendWindowBody)
  window?: SendWindowBody;
}

export class CreateNotificationBody {
  @IsDefined()
  @ValidateNested()
  @Type(() => NotificationAudienceBody)
  audience: NotificationAudienceBody;

  @IsDefined()
  @ValidateNested()
  @Type(() => ContentBody)
  content: ContentBody;

  /** What people can opt out of. */
  @ApiPropertyOptional({ default: 'general', example: 'orders' })
  @Matches(/^[a-z][a-z0-9_.-]{0,63}$/, { message: 'must be 1 to 64 of a-z 0-9 _ . -' })
  category: string = 'general';

  @ApiPropertyOptional({ enum: ['high', 'normal'], default: 'high' })
  @IsIn(['high', 'normal'])
  priority: 'high' | 'normal' = 'high';

  /** Seconds that the message stays useful. */
  @ApiPropertyOptional({ type: 'integer', minimum: 60, maximum: MAX_TTL, default: 86400 })
  @IsInt()
  @Min(60)
  @Max(MAX_TTL)
  ttlSeconds: number = 86_400;

  /** Overrides do-not-disturb and mutes, nothing else. */
  @ApiPropertyOptional({ default: false })
  @IsBoolean()
  forced: boolean = false;

  /** The integration it goes through; absent: each device's own gateway. */
  @ApiPropertyOptional({ example: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  @IsOptional()
  @Matches(/^int_[0-9a-f]{32}$/, { message: 'must be an integration id' })
  channel?: string;

  /** What becomes of a call for which the vendor's quota has no room: it waits for the next slot, or is refused with 429. */
  @ApiPropertyOptional({ enum: ['hold', 'reject'], default: 'hold' })
  @IsIn(['hold', 'reject'])
  onQuota: 'hold' | 'reject' = 'hold';

  @IsOptional()
  @ValidateNested()
  @Type(() => ScheduleBody)
  schedule?: ScheduleBody;
}

/** The body → the request, with the copy per language. */
export function requestOf({
  content,
  schedule,
  channel,
  audience,
  ...rest
}: CreateNotificationBody): NotificationRequest {
  return {
    ...rest,
    audience: withoutGaps(audience),
    content: contentOf(content),
    ...(channel && { channel }),
    ...(schedule && { schedule: withoutGaps(schedule) }),
  };
}

/** The body's flat form → content with the copy per language. */
function contentOf(content: ContentBody): Content {
  const { title, subtitle, body, localized, overrides, ...shared } = withoutGaps(content);
  const own = withoutGaps({ title, subtitle, body });
  const spoken = Object.values(localized ?? {}).find(({ title: heading, body: text }) => heading || text);
  const fallback = Object.keys(own).length > 0 ? own : (spoken ?? {});
  return {
    ...shared,
    extras: shared.extras ?? {},
    copy: { ...localized, default: fallback },
    ...(overrides && { overrides: withoutGaps({ ios: gapless(overrides.ios), android: gapless(overrides.android) }) }),
  };
}

const gapless = (override: PlatformOverrideBody | null | undefined) => (override ? withoutGaps(override) : undefined);

/** Without the fields that are absent or null, as a plain object. */
function withoutGaps<T extends object>(value: T): T {
  const given = Object.entries(value).filter(([, field]) => field !== undefined && field !== null);
  return Object.fromEntries(given) as T;
}
