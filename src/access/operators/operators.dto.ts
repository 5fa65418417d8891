import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsOptional,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { internalId, publicId } from '../../platform/ids.js';
import { PageOf } from '../../platform/pagination.js';
import { IfPresent, IsPrintable } from '../../platform/validators.js';
import type { IssuedLink } from './links.service.js';
import { type Operator, OPERATOR_SOURCES, OPERATOR_STATES, type OperatorState } from './operator.entity.js';
import type { InvitedOperator } from './operators.service.js';
import { OPERATOR_ROLES, type OperatorRole, type RoleGrant } from './roles.js';

/** Something before an @ and something behind it; whether it is anybody's, only the person can tell. */
export const IsMailbox = (): PropertyDecorator =>
  Matches(/^[^\s@\p{C}]{1,64}@[^\s@\p{C}]{1,253}$/u, { message: 'must be an e-mail address' });

/** A role in one app, or in all of them. */
export class RoleView {
  /**
   * `viewer` reads; `operator` sends, to everybody as well; `developer` configures, too; `admin` manages keys and people.
   */
  @ApiProperty({ enum: OPERATOR_ROLES, example: 'operator' })
  @IsIn(OPERATOR_ROLES)
  role: OperatorRole;

  /** Null: in every app. */
  @ApiProperty({ type: String, nullable: true, example: 'app_0199c3a4b5c67d8e9f00112233445566' })
  @ValidateIf((_, value) => value !== null)
  @Matches(/^app_[0-9a-f]{32}$/, { message: 'must be the id of an app, or null' })
  appId: string | null;
}

export class InviteOperatorBody {
  /** @example 'ada@example.com' */
  @MaxLength(254)
  @IsMailbox()
  email: string;

  /** @example 'Ada' */
  @Length(1, 100)
  @IsPrintable()
  name: string;

  @ApiProperty({ type: [RoleView] })
  @IsArray()
  @ArrayMaxSize(200)
  @ValidateNested({ each: true })
  @Type(() => RoleView)
  roles: RoleView[];
}

export class ChangeOperatorBody {
  /** @example 'Ada' */
  @IfPresent()
  @Length(1, 100)
  @IsPrintable()
  name?: string;

  /** Replaces all. */
  @ApiPropertyOptional({ type: [RoleView] })
  @IfPresent()
  @IsArray()
  @ArrayMaxSize(200)
  @ValidateNested({ each: true })
  @Type(() => RoleView)
  roles?: RoleView[];

  /** Whoever is disabled is signed out and cannot sign in. */
  @ApiPropertyOptional({ enum: OPERATOR_STATES })
  @IsOptional()
  @IsIn(OPERATOR_STATES)
  state?: OperatorState;
}

/** A person who signs in. */
export class OperatorView {
  @ApiProperty({ example: 'opr_019a8f3b2c4d7e5fa0b1c2d3e4f50617' })
  readonly id: string;

  /** @example 'ada@example.com' */
  readonly email: string;

  /** @example 'Ada' */
  readonly name: string;

  @ApiProperty({ enum: OPERATOR_STATES })
  readonly state: string;

  /** `provider`: let in by claims of the OpenID provider, which the roles follow at each sign-in. */
  @ApiProperty({ enum: OPERATOR_SOURCES })
  readonly source: string;

  @ApiProperty({ type: [RoleView] })
  readonly roles: RoleView[];

  /** Null: never. */
  @ApiProperty({ type: Date, nullable: true })
  readonly lastSignInAt: Date | null;

  readonly createdAt: Date;

  readonly updatedAt: Date;
}

export class OperatorPage extends PageOf(OperatorView) {}

/** For one person, once, within 24 hours. This reply is the only one that shows it. */
export class LinkView {
  @ApiProperty({ format: 'uri', example: 'https://push.example.com/console/#/welcome/0aZ1yXw2VuT3sRq4' })
  readonly url: string;

  readonly expiresAt: Date;
}

export class InvitedOperatorView extends OperatorView {
  /** With it the person chooses a password. */
  readonly link: LinkView;
}

export const roleGrants = (roles: readonly RoleView[]): RoleGrant[] =>
  roles.map(({ role, appId }) => ({ role, appId: appId && internalId('app', appId) }));

export const roleViews = (grants: readonly RoleGrant[]): RoleView[] =>
  grants.map(({ role, appId }) => ({ role, appId: appId && publicId('app', appId) }));

export function operatorView(operator: Operator): OperatorView {
  const { id, email, name, state, source, lastSignInAt, createdAt, updatedAt } = operator;
  const roles = roleViews(operator.roles);
  return { id: publicId('opr', id), email, name, state, source, roles, lastSignInAt, createdAt, updatedAt };
}

export const linkView = ({ url, expiresAt }: IssuedLink): LinkView => ({ url, expiresAt });

export function invitedOperatorView({ operator, link }: InvitedOperator): InvitedOperatorView {
  return { ...operatorView(operator), link: linkView(link) };
}
