import { ConfigField } from '@bellhop/contracts';
import { IsIn, IsInt, IsOptional, IsString, Length, Matches, MaxLength, Min } from 'class-validator';

/** Names under which Udesk knows a customer; exactly one stands in a call. */
export const TOKEN_NAMES = ['web_token', 'customer_token', 'sdk_token'] as const;
export type TokenName = (typeof TOKEN_NAMES)[number];

/** A customer, by the one token that Udesk knows. */
export class CustomerInput {
  @ConfigField({ title: 'Kind of token', description: 'Which of the three customer tokens the value is.' })
  @IsIn(TOKEN_NAMES)
  kind: TokenName = 'web_token';

  @ConfigField({ title: 'Token', description: 'As the page, the backend or the app passed it to Udesk.' })
  @IsString()
  @Length(1, 255)
  token!: string;
}

export class H5LinkInput extends CustomerInput {
  @ConfigField({ title: 'Web plugin', description: 'Id of the web plugin; absent: that of the integration.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  webPluginId?: number;
}

export class SignIdentityInput {
  @ConfigField({ title: 'web_token', description: 'Customer id for the web plugin: letters, digits, underscores.' })
  @IsString()
  @Length(1, 255)
  webToken!: string;
}

export class SurveyAnswerInput {
  @ConfigField({ title: 'Conversation', description: '`conversation.id` of the event that closed it.' })
  @IsString()
  @Matches(/^\d{1,15}$/, { message: '$property must be 1 to 15 digits' })
  conversationId!: string;

  @ConfigField({ title: 'Option', description: 'Id of the chosen option of the survey.' })
  @IsInt()
  @Min(0)
  optionId!: number;

  @ConfigField({ title: 'Remark' })
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  remark?: string;
}
