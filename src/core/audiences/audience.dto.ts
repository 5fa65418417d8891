import { type AudienceExpression, type Platform, PLATFORMS } from '@bellhop/contracts';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { IsPrintable } from '../../platform/validators.js';

/**
 * Whom to inform. `everyone` wins over all other fields; then `users`, who are reached on every platform; `allOf`,
 * `anyOf` and `packageName` hold together. Nothing at all is refused, never taken for everyone.
 */
export class AudienceBody implements AudienceExpression {
  /** Everybody with a device on `platforms`. */
  @ApiPropertyOptional({ default: false })
  @IsOptional()
  @IsBoolean()
  everyone?: boolean;

  /** User ids, at most 1,000. */
  @ApiPropertyOptional({ type: [String], maxItems: 1_000, example: ['u-1001'] })
  @IsOptional()
  @IsArray()
  @Length(1, 128, { each: true })
  @IsPrintable({ each: true })
  users?: string[];

  /** People with all of these tags, at most 20. */
  @ApiPropertyOptional({ type: [String], maxItems: 20, example: ['vip'] })
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  allOf?: string[];

  /** People with at least one of these tags, at most 20. */
  @ApiPropertyOptional({ type: [String], maxItems: 20, example: ['北京', '上海'] })
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  anyOf?: string[];

  /** Devices whose app has this bundle id or package name. */
  @ApiPropertyOptional({ example: 'com.acme.shop' })
  @IsOptional()
  @Length(1, 255)
  @IsPrintable()
  packageName?: string;

  /** Default: all. */
  @ApiPropertyOptional({ enum: PLATFORMS, isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(PLATFORMS.length)
  @ArrayUnique()
  @IsIn(PLATFORMS, { each: true })
  platforms?: Platform[];
}

export class PreviewAudienceBody {
  @IsDefined()
  @ValidateNested()
  @Type(() => AudienceBody)
  audience: AudienceBody;
}

/** How many an audience reaches on one platform. */
export class PlatformReach {
  @ApiProperty({ enum: PLATFORMS })
  readonly platform: Platform;

  /** People with such a device. */
  @ApiProperty({ type: 'integer' })
  readonly users: number;

  @ApiProperty({ type: 'integer' })
  readonly devices: number;
}

/** How many an audience reaches at this moment: active devices, and the people who have them. */
export class AudiencePreview {
  /** Somebody with devices of both platforms counts once. */
  @ApiProperty({ type: 'integer' })
  readonly users: number;

  @ApiProperty({ type: 'integer' })
  readonly devices: number;

  /** Every platform, with those that nobody is reached on. */
  @ApiProperty({ type: [PlatformReach] })
  readonly platforms: readonly PlatformReach[];
}
