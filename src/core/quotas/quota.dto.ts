import { ApiProperty } from '@nestjs/swagger';

export class QuotaRuleView {
  /** `hour` or `day`, for example. */
  readonly id: string;

  @ApiProperty({ type: 'integer' })
  readonly limit: number;

  /** Calls made or reserved within the window. */
  @ApiProperty({ type: 'integer' })
  readonly used: number;
}

/** What is left of a vendor's quota. */
export class QuotaView {
  @ApiProperty({ type: [QuotaRuleView] })
  readonly rules: readonly QuotaRuleView[];

  /** The vendor itself refuses calls until then. */
  @ApiProperty({ type: Date, nullable: true })
  readonly frozenUntil: Date | null;

  /** When the next call may be made; null: now. */
  @ApiProperty({ type: Date, nullable: true })
  readonly nextAt: Date | null;
}
