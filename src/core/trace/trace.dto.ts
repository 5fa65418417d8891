import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class TraceStepView {
  readonly at: Date;

  @ApiProperty({ enum: ['received', 'routed', 'planned', 'attempt', 'delivery'] })
  readonly stage: string;

  /** In words. */
  readonly text: string;

  /** Id of the event, notification or delivery the step is about. */
  readonly subject: string;

  @ApiPropertyOptional({ type: String })
  readonly state?: string;

  @ApiPropertyOptional({ type: String })
  readonly reason?: string;
}

export class TraceView {
  @ApiProperty({ type: [String] })
  readonly eventIds: readonly string[];

  @ApiProperty({ type: [String] })
  readonly notificationIds: readonly string[];

  /** In the order of time. */
  @ApiProperty({ type: [TraceStepView] })
  readonly steps: readonly TraceStepView[];

  /** Deliveries beyond the first 200, which are left out. */
  @ApiProperty({ type: 'integer' })
  readonly omitted: number;
}
