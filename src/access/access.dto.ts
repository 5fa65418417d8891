import { ApiProperty, ApiPropertyOptional, OmitType, PartialType } from '@nestjs/swagger';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  Length,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { publicId } from '../platform/ids.js';
import { PageOf } from '../platform/pagination.js';
import { IfPresent, IsLanguage, IsMoment, IsPrintable, IsZone } from '../platform/validators.js';
import type { ApiKey, Scope } from './api-key.entity.js';
import type { App } from './app.entity.js';
import type { IssuedKey, RotatedKey } from './api-keys.service.js';

/** Scopes that a key of an app can have; each implies those after it. */
const APP_SCOPES = ['admin', 'broadcast', 'send', 'read'] as const;
export type AppScope = (typeof APP_SCOPES)[number];

export class CreateAppBody {
  /** @example 'Acme Shop' */
  @Length(1, 100)
  @IsPrintable()
  name: string;

  /**
   * URI scheme of the app, without `://`.
   * @example 'acme'
   */
  @Length(1, 32)
  @Matches(/^[a-z][a-z0-9+.-]*$/, { message: 'must be a URI scheme: lower-case letters, digits, "+", "." and "-"' })
  deepLinkScheme: string;

  /**
   * Language of people whose devices do not say one, BCP 47. Default `zh-CN`.
   * @example 'zh-CN'
   */
  @IfPresent()
  @IsLanguage()
  defaultLocale?: string;

  /**
   * Zone of people whose devices do not say one, IANA. Default `Asia/Shanghai`.
   * @example 'Asia/Shanghai'
   */
  @IfPresent()
  @IsZone()
  timeZone?: string;
}

export class UpdateAppBody extends PartialType(CreateAppBody, { skipNullProperties: false }) {}

/** One mobile product: the unit of isolation. */
export class AppView {
  /** @example 'app_0199c3a4b5c67d8e9f00112233445566' */
  id: string;

  /** @example 'Acme Shop' */
  name: string;

  /** @example 'acme' */
  deepLinkScheme: string;

  /** @example 'zh-CN' */
  defaultLocale: string;

  /** @example 'Asia/Shanghai' */
  timeZone: string;

  createdAt: Date;
}

export class AppPage extends PageOf(AppView) {}

export class CreateApiKeyBody {
  /**
   * For people.
   * @example 'Shop backend'
   */
  @Length(1, 100)
  @IsPrintable()
  name: string;

  /**
   * `admin` implies `broadcast` (reach everyone), that implies `send`, and that implies `read`.
   * @example ["send"]
   */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(APP_SCOPES, { each: true })
  scopes: AppScope[];

  /**
   * Absent: the key does not expire.
   * @example '2027-12-31T00:00:00Z'
   */
  @ApiPropertyOptional({ format: 'date-time' })
  @IsOptional()
  @IsMoment()
  expiresAt?: string;
}

/** A key of the platform has one scope, `platform`. */
export class CreatePlatformKeyBody extends OmitType(CreateApiKeyBody, ['scopes']) {}

const DAY_SECONDS = 86_400;

export class RotateApiKeyBody {
  /** Seconds for which the old key goes on, at most 30 days. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 30 * DAY_SECONDS, default: DAY_SECONDS, example: 3600 })
  @IsInt()
  @Min(0)
  @Max(30 * DAY_SECONDS)
  overlapSeconds: number = DAY_SECONDS;

  /**
   * End of the new key. Absent: it lives as long as the old one was given.
   * @example '2027-12-31T00:00:00Z'
   */
  @ApiPropertyOptional({ format: 'date-time' })
  @IsOptional()
  @IsMoment()
  expiresAt?: string;
}

/** An API key without the key itself. */
export class ApiKeyView {
  /** @example 'key_0199c3a4b5c67d8e9f00112233445566' */
  id: string;

  /** @example 'Shop backend' */
  name: string;

  /**
   * First characters of the key.
   * @example 'bh_Qx3v9Kd'
   */
  prefix: string;

  /** @example ["send"] */
  scopes: Scope[];

  expiresAt: Date | null;

  /** To the minute. */
  lastUsedAt: Date | null;

  revokedAt: Date | null;

  /** Id of the key that was issued in its place. */
  @ApiProperty({ type: String, nullable: true, example: null })
  replacedBy: string | null;

  createdAt: Date;
}

export class ApiKeyPage extends PageOf(ApiKeyView) {}

/** A fresh API key. This reply is the only one that shows it. */
export class CreatedApiKey extends ApiKeyView {
  /**
   * For `Authorization: Bearer …`.
   * @example 'bh_Qx3v9Kd0aZ1yXw2VuT3sRq4PoN5mLk6JiH7gFe8DcB9'
   */
  key: string;
}

export class RotatedApiKey extends CreatedApiKey {
  /** When the old key ends. */
  previousEndsAt: Date;
}

export function appView({ id, name, deepLinkScheme, defaultLocale, timeZone, createdAt }: App): AppView {
  return { id: publicId('app', id), name, deepLinkScheme, defaultLocale, timeZone, createdAt };
}

export function apiKeyView(row: ApiKey): ApiKeyView {
  const { id, name, prefix, scopes, expiresAt, lastUsedAt, revokedAt, createdAt } = row;
  const replacedBy = row.replacedBy && publicId('key', row.replacedBy);
  return { id: publicId('key', id), name, prefix, scopes, expiresAt, lastUsedAt, revokedAt, replacedBy, createdAt };
}

export function createdApiKey({ key, row }: IssuedKey): CreatedApiKey {
  return Object.assign(apiKeyView(row), { key });
}

export function rotatedApiKey({ previousEndsAt, ...issued }: RotatedKey): RotatedApiKey {
  return Object.assign(createdApiKey(issued), { previousEndsAt });
}
