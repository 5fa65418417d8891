import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Length, Matches, MaxLength, MinLength } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { IsPrintable } from '../../platform/validators.js';
import { IsMailbox, RoleView, roleViews } from '../operators/operators.dto.js';
import type { Session } from './sessions.service.js';

/** Long ones are the only good ones; what one is made of is the person's affair. */
const SHORTEST = 12;
const LONGEST = 256;

export class SignInBody {
  /** @example 'ada@example.com' */
  @IsString()
  @MaxLength(254)
  email: string;

  /** @example 'correct horse battery staple' */
  @IsString()
  @MaxLength(LONGEST)
  password: string;
}

export class RedeemLinkBody {
  /**
   * What stands behind the last slash of the link.
   * @example 'Qx3v9Kd0aZ1yXw2VuT3sRq4PoN5mLk6JiH7gFe8DcB9'
   */
  @Matches(/^[\w-]{43}$/, { message: 'must be the end of a link' })
  token: string;

  /** @example 'correct horse battery staple' */
  @IsString()
  @MinLength(SHORTEST)
  @MaxLength(LONGEST)
  password: string;

  /** Of the first admin; other links know whose they are. */
  @ApiPropertyOptional({ example: 'ada@example.com' })
  @IsOptional()
  @MaxLength(254)
  @IsMailbox()
  email?: string;

  /** Of the first admin. */
  @ApiPropertyOptional({ example: 'Ada' })
  @IsOptional()
  @Length(1, 100)
  @IsPrintable()
  name?: string;
}

export class ChangePasswordBody {
  /** @example 'correct horse battery staple' */
  @IsString()
  @MaxLength(LONGEST)
  current: string;

  /** @example 'wrong horse battery staple' */
  @IsString()
  @MinLength(SHORTEST)
  @MaxLength(LONGEST)
  next: string;
}

/** Who is signed in. */
export class SessionView {
  @ApiProperty({ example: 'opr_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly operatorId: string;

  /** @example 'ada@example.com' */
  readonly email: string;

  /** @example 'Ada' */
  readonly name: string;

  @ApiProperty({ type: [RoleView] })
  readonly roles: RoleView[];

  /** When it ends at the latest; an hour without a call ends it, too. */
  readonly expiresAt: Date;
}

export function sessionView({ operatorId, email, name, roles, expiresAt }: Session): SessionView {
  return { operatorId: publicId('opr', operatorId), email, name, roles: roleViews(roles), expiresAt };
}
