import { type Platform, PLATFORMS } from '@bellhop/contracts';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsOptional, Length, ValidateNested } from 'class-validator';
import { IsMoment, IsPrintable } from '../../platform/validators.js';
import { RECEIPT_KINDS, type ReceiptKind } from './receipt.entity.js';
import { RECEIPT_REFUSALS, type ReceiptRefusal } from './receipts.service.js';

const MAX_RECEIPTS = 100;

export class ReceiptBody {
  /** `bellhop_receipt` of the payload. Exactly one of `receipt` and `link`. */
  @ApiPropertyOptional({ type: String })
  @IsOptional()
  @Length(1, 512)
  @IsPrintable()
  receipt?: string;

  /** The deep link that a vendor's SDK opened the app with. */
  @ApiPropertyOptional({ type: String })
  @IsOptional()
  @Length(1, 8192)
  @IsPrintable()
  link?: string;

  /** `delivered`: the device has it. `opened`: the person tapped it. */
  @ApiProperty({ enum: RECEIPT_KINDS })
  @IsIn(RECEIPT_KINDS)
  kind: ReceiptKind;

  /** When it happened, within 30 days. Absent, or ahead of our clock: now. */
  @ApiPropertyOptional({ format: 'date-time' })
  @IsOptional()
  @IsMoment()
  at?: string;

  /** Id of the app install; tells devices apart where a vendor pushed to all devices of people. */
  @ApiPropertyOptional({ type: String })
  @IsOptional()
  @Length(1, 128)
  @IsPrintable()
  installationId?: string;

  /** Of an install that is not registered here. */
  @ApiPropertyOptional({ enum: PLATFORMS })
  @IsOptional()
  @IsIn(PLATFORMS)
  platform?: Platform;
}

export class ReportReceiptsBody {
  @ApiProperty({ type: [ReceiptBody], minItems: 1, maxItems: MAX_RECEIPTS })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_RECEIPTS)
  @ValidateNested({ each: true })
  @Type(() => ReceiptBody)
  receipts: ReceiptBody[];
}

export class ReceiptAnswerView {
  /** `duplicate`: known already, and nothing has changed. */
  @ApiProperty({ enum: ['recorded', 'duplicate', 'refused'] })
  readonly status: string;

  /** Of `refused`. Sending it again is of no use. */
  @ApiPropertyOptional({ enum: RECEIPT_REFUSALS })
  readonly code?: ReceiptRefusal;
}

export class ReceiptAnswers {
  /** In the order of the receipts. */
  @ApiProperty({ type: [ReceiptAnswerView] })
  readonly data: readonly ReceiptAnswerView[];
}
