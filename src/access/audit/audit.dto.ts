import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Length, Matches } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf, PageQuery } from '../../platform/pagination.js';
import { IsMoment, IsPrintable } from '../../platform/validators.js';
import { ACTOR_KINDS, type ActorKind, type AuditEntry } from './audit-entry.entity.js';

export class AuditQuery extends PageQuery {
  /** The operationId of a call. */
  @ApiPropertyOptional({ example: 'reviseIntegration' })
  @IsOptional()
  @Matches(/^[A-Za-z.]{1,100}$/, { message: 'must be an operationId' })
  action?: string;

  /** Id of what was changed. */
  @ApiPropertyOptional({ example: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  @IsOptional()
  @Length(1, 512)
  @IsPrintable()
  target?: string;

  /** Id of the key or the operator. */
  @ApiPropertyOptional({ example: 'key_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  @IsOptional()
  @Matches(/^(key|opr)_[0-9a-f]{32}$/, { message: 'must be the id of a key or an operator' })
  actor?: string;

  @ApiPropertyOptional({ enum: ACTOR_KINDS })
  @IsOptional()
  @IsIn(ACTOR_KINDS)
  actorKind?: ActorKind;

  /** Not before. */
  @ApiPropertyOptional({ format: 'date-time' })
  @IsOptional()
  @IsMoment()
  from?: string;

  /** Before. */
  @ApiPropertyOptional({ format: 'date-time' })
  @IsOptional()
  @IsMoment()
  to?: string;
}

export class PlatformAuditQuery extends AuditQuery {
  @ApiPropertyOptional({ example: 'app_0199c3a4b5c67d8e9f00112233445566' })
  @IsOptional()
  @Matches(/^app_[0-9a-f]{32}$/, { message: 'must be the id of an app' })
  appId?: string;
}

export class ActorView {
  @ApiProperty({ enum: ACTOR_KINDS })
  readonly kind: string;

  /** Null for the key of the environment, and for what Bellhop did by itself. */
  @ApiProperty({ type: String, nullable: true, example: 'key_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string | null;

  /** As it was at the time: a key with its first characters, or an e-mail address. */
  @ApiProperty({ example: 'Shop backend (bh_Qx3v9Kd)' })
  readonly name: string;
}

/** One change, as it was asked for through the API. */
export class AuditEntryView {
  @ApiProperty({ example: 'aud_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly at: Date;

  /** Null: it concerns no single app. */
  @ApiProperty({ type: String, nullable: true })
  readonly appId: string | null;

  readonly actor: ActorView;

  /** As in `X-Request-Id` and in the log. */
  @ApiProperty({ type: String, nullable: true })
  readonly requestId: string | null;

  /** The operationId of the call. */
  @ApiProperty({ example: 'reviseIntegration' })
  readonly action: string;

  /** Id of what was changed. */
  @ApiProperty({ type: String, nullable: true, example: 'int_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly target: string | null;

  /** Method and path. */
  @ApiProperty({ type: String, nullable: true })
  readonly address: string | null;

  /** What the body named; its values are not kept. */
  @ApiProperty({ type: [String], example: ['/config/appSecret'] })
  readonly fields: readonly string[];

  /** As the API showed it before, without secrets; null when it did not exist or is not followed. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  readonly before: object | null;

  /** As the API showed it afterwards. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  readonly after: object | null;
}

export class AuditPage extends PageOf(AuditEntryView) {}

export function auditEntryView(entry: AuditEntry): AuditEntryView {
  const { id, at, appId, actorKind, actorId, actorName, requestId, action, target, address, fields } = entry;
  const prefix = actorKind === 'operator' ? 'opr' : 'key';
  return {
    id: publicId('aud', id),
    at,
    appId: appId && publicId('app', appId),
    actor: { kind: actorKind, id: actorId && publicId(prefix, actorId), name: actorName },
    requestId,
    action,
    target,
    address,
    fields,
    before: entry.before,
    after: entry.after,
  };
}
