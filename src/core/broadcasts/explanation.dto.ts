import { ApiProperty } from '@nestjs/swagger';
import { publicId } from '../../platform/ids.js';
import { ProblemField } from '../../platform/problem.js';
import { QuotaView } from '../quotas/quota.dto.js';
import type { Explanation } from './explain.service.js';

/** Targets of one channel and platform. */
export class ExplainedPartView {
  /** Null: no integration serves them. */
  @ApiProperty({ type: String, nullable: true })
  readonly integrationId: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly channel: string | null;

  @ApiProperty({ type: String, nullable: true })
  readonly platform: string | null;

  @ApiProperty({ type: 'integer' })
  readonly targets: number;

  @ApiProperty({ type: 'integer' })
  readonly send: number;

  /** By reason. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  readonly skipped: object;
}

/** What leaves for everybody who shares a channel, a platform and a text. */
export class ExplainedPayloadView {
  readonly integrationId: string;

  readonly channel: string;

  @ApiProperty({ type: String, nullable: true })
  readonly platform: string | null;

  @ApiProperty({ type: 'integer' })
  readonly targets: number;

  @ApiProperty({ type: [String] })
  readonly locales: readonly string[];

  /** Body of the call; the receipt token in it is a sample of the same length. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  readonly payload: unknown;

  /** Headers that depend on the message. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  readonly headers: object;

  /** Of the body. */
  @ApiProperty({ type: 'integer' })
  readonly bytes: number;

  /** Why the gateway would refuse it; empty: it would not. */
  @ApiProperty({ type: [ProblemField] })
  readonly issues: readonly ProblemField[];
}

/** What would happen, and nothing of it does. */
export class ExplanationView {
  @ApiProperty({ type: 'integer' })
  readonly targets: number;

  @ApiProperty({ type: 'integer' })
  readonly send: number;

  /** By reason. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  readonly skipped: object;

  @ApiProperty({ type: [ExplainedPartView] })
  readonly parts: readonly ExplainedPartView[];

  @ApiProperty({ type: [ExplainedPayloadView] })
  readonly payloads: readonly ExplainedPayloadView[];

  /** Of the chosen channel; null: its vendor counts nothing. */
  @ApiProperty({ type: QuotaView, nullable: true })
  readonly quota: QuotaView | null;

  /** When the first one would be sent, the quota considered. */
  readonly firstAt: Date;

  readonly lastAt: Date;

  readonly expiresAt: Date;

  /** What would be sent, and not quite as it was asked. */
  @ApiProperty({ type: [String] })
  readonly warnings: readonly string[];
}

export function explanationView({ parts, payloads, ...rest }: Explanation): ExplanationView {
  return {
    ...rest,
    parts: parts.map((part) => ({ ...part, integrationId: part.integrationId && publicId('int', part.integrationId) })),
    payloads: payloads.map((one) => ({ ...one, integrationId: publicId('int', one.integrationId) })),
  };
}
