import { ConfigField } from '@bellhop/contracts';
import { IsByteLength, IsIn, IsObject, IsOptional, IsString, Length, Matches, ValidateBy } from 'class-validator';

const ONE_LINE = /^\P{Cc}+$/u;
const MAX_FIELDS = 30;
const FIELD_NAME = /^(?!uid$)[A-Za-z]\w{0,31}$/;

export class PushInfoInput {
  @ConfigField({ title: 'User', description: 'Id of the user in your system, at most 171 bytes.' })
  @IsString()
  @IsByteLength(1, 171)
  userId!: string;
}

export class VerifyPushInfoInput {
  @ConfigField({ title: 'pushInfo', description: 'As it came, not URL-encoded.' })
  @IsString()
  @Length(1, 255)
  pushInfo!: string;
}

export class MetaDataInput {
  @ConfigField({ title: 'User', description: 'Id of the user in your system; becomes the uid of the member.' })
  @IsString()
  @Length(1, 255)
  @Matches(ONE_LINE, { message: '$property must be one line' })
  uid!: string;

  @ConfigField({
    title: 'Further fields',
    description: 'Of the member, under the names of the Echat documentation; texts of at most 500 characters.',
  })
  @IsOptional()
  @IsObject()
  @IsMemberFields()
  fields?: Record<string, string>;
}

/** How Echat is told whose messages are counted. */
export const VISITOR_KINDS = ['uid', 'metaData', 'visitorId', 'encryptVId'] as const;
export type VisitorKind = (typeof VISITOR_KINDS)[number];

export class UnreadCountInput {
  @ConfigField({
    title: 'Kind of visitor',
    description: 'uid: a member by the id in your system. The others are passed to Echat as they are.',
  })
  @IsIn(VISITOR_KINDS)
  kind: VisitorKind = 'uid';

  @ConfigField({ title: 'Visitor', description: 'Not URL-encoded.' })
  @IsString()
  @Length(1, 4096)
  @Matches(ONE_LINE, { message: '$property must be one line' })
  visitor!: string;

  @ConfigField({ title: 'Company', description: 'Echat company id; absent: the only one that the integration serves.' })
  @IsOptional()
  @Matches(/^\d{1,20}$/, { message: '$property must be 1 to 20 digits' })
  companyId?: string;
}

export class AccessTokenInput {
  @ConfigField({
    title: 'Refused token',
    description: 'An access token that Echat refused: a new one is fetched unless that has been done since.',
  })
  @IsOptional()
  @IsString()
  @Length(1, 1024)
  refused?: string;
}

export class NoInput {}

function IsMemberFields(): PropertyDecorator {
  return ValidateBy({
    name: 'isMemberFields',
    validator: {
      validate: isMemberFields,
      defaultMessage: () => 'fields must be at most 30 names other than uid with texts of one line',
    },
  });
}

function isMemberFields(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  const isField = ([name, text]: [string, unknown]): boolean =>
    FIELD_NAME.test(name) && typeof text === 'string' && text.length <= 500 && ONE_LINE.test(text);
  return entries.length <= MAX_FIELDS && entries.every(isField);
}
