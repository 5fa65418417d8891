import type { SendOutcome } from '@bellhop/contracts';
import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
} from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf, PageQuery } from '../../platform/pagination.js';
import { IsPrintable } from '../../platform/validators.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';
import { WEBHOOK_EVENT_TYPES, type WebhookEventType } from './webhook-event.js';
import { WEBHOOK_MESSAGE_STATES, type WebhookMessage, type WebhookMessageState } from './webhook-message.entity.js';

const present = (_: object, value: unknown): boolean => value !== undefined;

export class CreateWebhookBody {
  /**
   * https, port 443 or 8443, reachable from the Internet.
   * @example 'https://hooks.example.com/bellhop'
   */
  @IsString()
  @MaxLength(2048)
  url: string;

  /**
   * For people.
   * @example 'Order service'
   */
  @ValidateIf(present)
  @MaxLength(200)
  @IsPrintable()
  description?: string;

  /** What it is told of. */
  @ApiProperty({ enum: WEBHOOK_EVENT_TYPES, isArray: true, example: ['delivery.dead', 'integration.paused'] })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(WEBHOOK_EVENT_TYPES, { each: true })
  events: WebhookEventType[];
}

export class ReviseWebhookBody extends PartialType(CreateWebhookBody, { skipNullProperties: false }) {}

export class RotateWebhookSecretBody {
  /** Seconds for which calls are signed with the old secret as well. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 604800, default: 86400, example: 86400 })
  @IsInt()
  @Min(0)
  @Max(604_800)
  graceSeconds: number = 86_400;
}

export class WebhookView {
  @ApiProperty({ example: 'whk_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  readonly url: string;

  readonly description: string;

  @ApiProperty({ enum: WEBHOOK_EVENT_TYPES, isArray: true })
  readonly events: readonly WebhookEventType[];

  @ApiProperty({ enum: ['active', 'disabled'] })
  readonly state: string;

  /** `gone`: it answered 410. `failing`: no call has succeeded for five days. */
  @ApiProperty({ type: String, nullable: true })
  readonly stateReason: string | null;

  /** First failure since the last success. */
  @ApiProperty({ type: Date, nullable: true })
  readonly failingSince: Date | null;

  /** Until then calls are signed with the previous secret as well. */
  @ApiProperty({ type: Date, nullable: true })
  readonly previousSecretExpiresAt: Date | null;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

export class WebhookWithSecret extends WebhookView {
  /** Verifies the signatures. Shown this once. */
  @ApiProperty({ example: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' })
  readonly secret: string;
}

export class WebhookPage extends PageOf(WebhookView) {}

export class WebhookTestView {
  /** The receiver answered 2xx. */
  readonly ok: boolean;

  /** Stable code of the fault: `webhook.refused`, `webhook.no_answer`, `egress.refused`, … */
  @ApiPropertyOptional({ type: String })
  readonly code?: string;

  /** `HTTP 404`, the code of a network fault, or why the address may not be called. */
  @ApiPropertyOptional({ type: String })
  readonly detail?: string;
}

export class WebhookMessageQuery extends PageQuery {
  /** `dead`: ran out of attempts. */
  @ApiPropertyOptional({ enum: WEBHOOK_MESSAGE_STATES })
  @IsOptional()
  @IsIn(WEBHOOK_MESSAGE_STATES)
  state?: WebhookMessageState;
}

export class WebhookAttemptView {
  @ApiProperty({ format: 'date-time' })
  readonly at: string;

  /** Absent when the call was lost with its worker. */
  @ApiPropertyOptional({ type: 'integer' })
  readonly ms?: number;

  /** `accepted`, or the class of the fault. */
  readonly outcome: string;

  @ApiPropertyOptional({ type: String, example: 'webhook.failed' })
  readonly reason?: string;

  /** `HTTP 500`, or the code of a network fault. */
  @ApiPropertyOptional({ type: String, example: 'HTTP 500' })
  readonly vendorCode?: string;

  @ApiPropertyOptional({ type: String })
  readonly detail?: string;
}

export class WebhookMessageView {
  @ApiProperty({ example: 'whm_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  /** As receivers see it, in `webhook-id`; the same on every attempt. */
  @ApiProperty({ example: 'msg_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly webhookId: string;

  @ApiProperty({ enum: WEBHOOK_EVENT_TYPES })
  readonly type: string;

  @ApiProperty({ enum: WEBHOOK_MESSAGE_STATES })
  readonly state: string;

  /** Of the last failure. */
  @ApiProperty({ type: String, nullable: true })
  readonly reason: string | null;

  /** When it is tried again. */
  @ApiProperty({ type: Date, nullable: true })
  readonly notBefore: Date | null;

  @ApiProperty({ type: [WebhookAttemptView] })
  readonly attempts: readonly WebhookAttemptView[];

  /** The body, as it is sent. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  readonly payload: Record<string, unknown>;

  readonly createdAt: Date;
}

export class WebhookMessagePage extends PageOf(WebhookMessageView) {}

export function webhookView(endpoint: WebhookEndpoint, now: Date): WebhookView {
  const { appId: _app, sealedSecret: _secret, sealedPreviousSecret: _previous, previousExpiresAt, ...shown } = endpoint;
  const previousSecretExpiresAt = previousExpiresAt && previousExpiresAt > now ? previousExpiresAt : null;
  return { ...shown, id: publicId('whk', endpoint.id), previousSecretExpiresAt };
}

export function webhookTestView(outcome: SendOutcome): WebhookTestView {
  if (outcome.kind === 'accepted') return { ok: true };
  return { ok: false, code: outcome.reason, detail: outcome.detail ?? outcome.vendorCode };
}

export function webhookMessageView(message: WebhookMessage): WebhookMessageView {
  const { id, type, state, reason, notBefore, attempts, payload, createdAt } = message;
  return {
    id: publicId('whm', id),
    webhookId: `msg_${id.replaceAll('-', '')}`,
    type,
    state,
    reason,
    notBefore,
    attempts,
    payload: JSON.parse(payload) as Record<string, unknown>,
    createdAt,
  };
}
