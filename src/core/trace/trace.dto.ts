import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { TRACE_STAGES } from './trace-steps.js';

export class TraceStepView {
  readonly at: Date;

  /** `receipt` is what an app reported; `delivery` a state that no attempt explains, such as skipped, held or queued. */
  @ApiProperty({ enum: TRACE_STAGES })
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

  /** Deliveries beyond the first 200 that are left out; the one that was asked for never is. */
  @ApiProperty({ type: 'integer' })
  readonly omitted: number;
}
