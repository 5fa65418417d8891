import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, Length } from 'class-validator';
import { IsPrintable } from '../../platform/validators.js';
import { UserParams } from '../users/users.params.dto.js';

/** A person as a vendor knows them, in a path. */
export class PushSwitchParams extends UserParams {
  /**
   * Of a plugin with a push switch.
   * @example 'int_0199c3a4b5c67d8e9f00112233445566'
   */
  @Length(1, 64)
  @IsPrintable()
  integrationId: string;
}

export class PushSwitchBody {
  /** True: the vendor is to hand messages over to be pushed. */
  @IsBoolean()
  on: boolean;
}

/** What the vendor answered for one of its names of the person. */
export class PushSwitchAnswer {
  /** @example 'udesk.web_token' */
  readonly kind: string;

  readonly value: string;

  readonly accepted: boolean;

  /** Stable code of the refusal. */
  @ApiPropertyOptional({ type: String })
  readonly code?: string;
}

export class PushSwitchView {
  readonly on: boolean;

  /** At least one of them was accepted. */
  @ApiProperty({ type: [PushSwitchAnswer] })
  readonly identities: readonly PushSwitchAnswer[];
}
