import { ApiProperty } from '@nestjs/swagger';

export class TagMirrorFault {
  /** Stable code. */
  @ApiProperty({ example: 'identity.unknown' })
  readonly reason: string;

  /** People whose tags the vendor does not take for this reason; their next change is tried again. */
  @ApiProperty({ type: 'integer' })
  readonly users: number;
}

/** How far a vendor is behind our tags. */
export class TagMirrorView {
  /** Whether changes of tags are written to the vendor (`settings.mirrorTags`). */
  readonly mirrors: boolean;

  /** People whose tags are still to be written. */
  @ApiProperty({ type: 'integer' })
  readonly waiting: number;

  /** When the first of them were changed, or last tried. */
  @ApiProperty({ type: Date, nullable: true })
  readonly waitingSince: Date | null;

  @ApiProperty({ type: [TagMirrorFault] })
  readonly failed: readonly TagMirrorFault[];
}
