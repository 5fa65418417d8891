import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsNotEmpty, IsObject, IsOptional, IsString, Length, Max, MaxLength, Min } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf } from '../../platform/pagination.js';
import { IfPresent } from '../../platform/validators.js';
import type { Integration } from './integration.entity.js';
import type { IntegrationSettings } from './integration.settings.js';

const CONFIG_EXAMPLE = { appKey: '0eb5f0c1d2e3f4a5b6c7d8e9fa0b1c2d', appSecret: 'nim-demo-app-secret' };

export class CreateIntegrationBody {
  /** Id of a plugin (`GET /v1/plugins`). */
  @ApiProperty({ example: 'nim' })
  @IsString()
  @IsNotEmpty()
  @MaxLength(64)
  plugin: string;

  /** For people. */
  @ApiProperty({ example: 'NIM production' })
  @IsString()
  @Length(1, 100)
  name: string;

  /** Settings of the plugin, as its `configSchema` says. Secrets are sealed and never returned. */
  @ApiProperty({ type: 'object', additionalProperties: true, example: CONFIG_EXAMPLE })
  @IsObject()
  config: Record<string, unknown>;

  /** What the core does with its events: `hideContent`, `trustCallbackDevices`, `callbackEnvironment`, … */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { hideContent: false } })
  @IsOptional()
  @IsObject()
  settings?: Partial<IntegrationSettings>;
}

export class ReviseIntegrationBody {
  @IfPresent()
  @IsString()
  @Length(1, 100)
  name?: string;

  /** Fields to change; a secret that is left out stays. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { appSecret: 'another-app-secret' } })
  @IfPresent()
  @IsObject()
  config?: Record<string, unknown>;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { hideContent: true } })
  @IfPresent()
  @IsObject()
  settings?: Partial<IntegrationSettings>;
}

export class PauseIntegrationBody {
  /** For people. */
  @ApiPropertyOptional({ example: 'maintenance at the vendor' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  detail?: string;
}

export class RotateUrlSecretBody {
  /** Seconds for which the old address stays valid. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 604800, default: 86400, example: 86400 })
  @IsInt()
  @Min(0)
  @Max(604_800)
  graceSeconds: number = 86_400;
}

export class IntegrationView {
  @ApiProperty({ example: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly plugin: string;

  readonly name: string;

  @ApiProperty({ enum: ['active', 'paused'] })
  readonly state: string;

  /** `operator`, `misconfigured` or `mass_invalidation`. */
  @ApiProperty({ type: String, nullable: true })
  readonly pauseReason: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly pauseDetail: string | null;

  /** Grows with every change of the configuration. */
  @ApiProperty({ type: 'integer' })
  readonly revision: number;

  /** A secret shows as `{ "set": true }`. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly config: Record<string, unknown>;

  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly settings: IntegrationSettings;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

export class IntegrationWithAddress extends IntegrationView {
  /** Address to enter in the vendor's console. It holds the secret and is shown this once. */
  @ApiProperty({ format: 'uri' })
  readonly callbackUrl: string;
}

export class IntegrationPage extends PageOf(IntegrationView) {}

export class CheckView {
  readonly ok: boolean;

  /** In words. */
  readonly detail: string;

  /** Stable code of the fault. */
  @ApiPropertyOptional({ type: String })
  readonly code?: string;

  /** The setting to look at. */
  @ApiPropertyOptional({ type: String })
  readonly field?: string;
}

export function integrationView(integration: Integration, config: Record<string, unknown>): IntegrationView {
  const { id, plugin, name, state, pauseReason, pauseDetail, revision, settings, createdAt, updatedAt } = integration;
  return {
    id: publicId('int', id),
    plugin,
    name,
    state,
    pauseReason,
    pauseDetail,
    revision,
    config,
    settings,
    createdAt,
    updatedAt,
  };
}
