import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, IsOptional } from 'class-validator';

export class RunActionBody {
  /** As the action's schema in `GET /v1/plugins/{pluginId}` says. Default: empty. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { userId: 'u-1001' } })
  @IsOptional()
  @IsObject()
  input?: Record<string, unknown>;
}

export class ActionView {
  /** What the vendor, or the plugin itself, answered. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly data: Readonly<Record<string, unknown>>;
}
