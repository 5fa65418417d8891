import { isRecord, MESSAGE_FIELDS } from '@bellhop/contracts';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
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
import { publicId } from '../../platform/ids.js';
import { PageOf } from '../../platform/pagination.js';
import type { Content, Copy } from './content.js';
import { type Attempt, type Delivery, DELIVERY_STATES } from './delivery.entity.js';
import type { Notification } from './notification.entity.js';
import type { DeliveryCounts } from './notifications.service.js';

const MAX_TTL = 2_419_200;

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

export class AudienceBody {
  /** User ids, at most 1,000. Exactly one of `users` and `devices`. */
  @ApiPropertyOptional({ type: [String], example: ['user_10086'] })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @IsString({ each: true })
  @Length(1, 128, { each: true })
  users?: string[];

  /** Device ids, at most 1,000. */
  @ApiPropertyOptional({ type: [String] })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @Matches(/^dev_[0-9a-f]{32}$/, { each: true, message: 'must be device ids' })
  devices?: string[];
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
}

export class CreateNotificationBody {
  @IsDefined()
  @ValidateNested()
  @Type(() => AudienceBody)
  audience: AudienceBody;

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
}

export class RetryDeliveryBody {
  /** Seconds that the message stays useful from now on. */
  @ApiPropertyOptional({ type: 'integer', minimum: 60, maximum: MAX_TTL, default: 86400 })
  @IsInt()
  @Min(60)
  @Max(MAX_TTL)
  ttlSeconds: number = 86_400;
}

export class NotificationView {
  @ApiProperty({ example: 'ntf_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  @ApiProperty({ enum: ['event', 'api'] })
  readonly source: string;

  @ApiProperty({ type: String, nullable: true })
  readonly eventId: string | null;

  readonly category: string;

  @ApiProperty({ enum: ['scheduled', 'planning', 'sending', 'done', 'cancelled'] })
  readonly state: string;

  @ApiProperty({ enum: ['high', 'normal'] })
  readonly priority: string;

  /** What is shown; `copy` by language. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly content: object;

  /** Deliveries, skipped ones included. */
  @ApiProperty({ type: 'integer' })
  readonly targets: number;

  /** Deliveries that have not ended. */
  @ApiProperty({ type: 'integer' })
  readonly pending: number;

  readonly expiresAt: Date;

  readonly createdAt: Date;

  @ApiProperty({ type: Date, nullable: true })
  readonly doneAt: Date | null;
}

export class NotificationWithCounts extends NotificationView {
  /** Deliveries by state, and by reason where there is one. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly counts: DeliveryCounts;
}

export class NotificationPage extends PageOf(NotificationView) {}

export class DeliveryView {
  @ApiProperty({ example: 'dlv_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly notificationId: string;

  @ApiProperty({ type: String, nullable: true })
  readonly integrationId: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly channel: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly deviceId: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly userId: string | null;

  @ApiProperty({ enum: DELIVERY_STATES })
  readonly state: string;

  /** Stable code; there is one for every state that is not `queued`, `sending` or `accepted`. */
  @ApiProperty({ type: String, nullable: true })
  readonly reason: string | null;

  /** Every call to the gateway, oldest first. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  readonly attempts: readonly Attempt[];

  @ApiProperty({ type: Date, nullable: true })
  readonly notBefore: Date | null;

  @ApiProperty({ type: String, nullable: true })
  readonly vendorMessageId: string | null;

  readonly expiresAt: Date;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

export class DeliveryPage extends PageOf(DeliveryView) {}

export function notificationView(row: Notification): NotificationView {
  return {
    id: publicId('ntf', row.id),
    source: row.source,
    eventId: row.eventId && publicId('evt', row.eventId),
    category: row.category,
    state: row.state,
    priority: row.priority,
    content: row.content,
    targets: row.targetCount,
    pending: row.pendingCount,
    expiresAt: row.expiresAt,
    createdAt: row.createdAt,
    doneAt: row.doneAt,
  };
}

export function deliveryView(row: Delivery): DeliveryView {
  const { channel, userId, state, reason, attempts, notBefore, vendorMessageId, expiresAt, createdAt, updatedAt } = row;
  return {
    id: publicId('dlv', row.id),
    notificationId: publicId('ntf', row.notificationId),
    integrationId: row.integrationId && publicId('int', row.integrationId),
    channel,
    deviceId: row.deviceId && publicId('dev', row.deviceId),
    userId,
    state,
    reason,
    attempts,
    notBefore,
    vendorMessageId,
    expiresAt,
    createdAt,
    updatedAt,
  };
}

/** The body's flat form → content with the copy per language. */
export function contentOf(content: ContentBody): Content {
  const given = Object.entries(content).filter(([, value]) => value !== undefined && value !== null);
  const { title, subtitle, body, localized, ...shared } = Object.fromEntries(given) as ContentBody;
  const own = Object.fromEntries(Object.entries({ title, subtitle, body }).filter(([, text]) => text !== undefined));
  const spoken = Object.values(localized ?? {}).find(({ title: heading, body: text }) => heading || text);
  const fallback = Object.keys(own).length > 0 ? own : (spoken ?? {});
  return { ...shared, extras: shared.extras ?? {}, copy: { ...localized, default: fallback } };
}

/** Message fields that a body uses, in the words of the capabilities. */
export function fieldsUsed(body: ContentBody): string[] {
  const texts = new Set(Object.values(body.localized ?? {}).flatMap((copy) => Object.keys(copy)));
  return MESSAGE_FIELDS.filter((field) => body[field] !== undefined || texts.has(field));
}
