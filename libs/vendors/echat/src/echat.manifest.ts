import { ConfigField, type InboundManifest } from '@bellhop/contracts';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  MinLength,
  ValidateIf,
} from 'class-validator';

const isSecure = (config: EchatConfig): boolean => config.mode === 'secure';

export class EchatConfig {
  @ConfigField({
    title: 'Message mode',
    description: 'As chosen in the Echat console. In secure mode a body that is not encrypted is refused.',
  })
  @IsIn(['plain', 'secure'])
  mode: 'plain' | 'secure' = 'plain';

  @ConfigField({ title: 'Token', description: 'The token entered in the Echat console.', secret: true })
  @IsString()
  @IsNotEmpty()
  token!: string;

  @ConfigField({ title: 'App ID', description: 'Shown beside the token. Needed in secure mode.' })
  @ValidateIf(isSecure)
  @IsString()
  @IsNotEmpty()
  appId?: string;

  @ConfigField({ title: 'EncodingAESKey', description: '43 characters. Needed in secure mode.', secret: true })
  @ValidateIf(isSecure)
  @Matches(/^[A-Za-z\d+/]{43}$/, { message: 'must be 43 letters, digits, + or /' })
  encodingAesKey?: string;

  @ConfigField({
    title: 'Companies',
    description: 'Echat company ids that are served; callbacks of others are ignored. Empty: every one.',
  })
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  allowedCompanyIds: string[] = [];

  @ConfigField({
    title: 'Reply channels',
    description:
      'Replies and outreach become pushes only when the staff member chose one of these (email, sms, …). Empty: always.',
  })
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  replyChannels: string[] = [];

  @ConfigField({
    title: 'Key for pushInfo',
    description: 'Signs the pushInfo values that your backend issues, so that a visitor cannot choose another user.',
    secret: true,
  })
  @IsOptional()
  @IsString()
  @MinLength(16)
  pushInfoKey?: string;

  @ConfigField({
    title: 'Trust unsigned pushInfo',
    description: 'Looks unsigned pushInfo up as it is. Visitors can set it in their browser.',
    advanced: true,
  })
  @IsBoolean()
  trustRawPushInfo = false;

  @ConfigField({
    title: 'Hosts of detail pages',
    description: 'A viewUrl is handed to the app only when it is https and on one of these hosts or below.',
    advanced: true,
  })
  @IsArray()
  @ArrayMaxSize(20)
  @IsString({ each: true })
  viewUrlHosts: string[] = ['echatsoft.com'];

  @ConfigField({
    title: 'Oldest timestamp (s)',
    description: 'It is not known whether Echat signs again when it sends again, hence a day.',
    advanced: true,
  })
  @IsInt()
  @Min(300)
  @Max(604_800)
  maxAgeSeconds = 86_400;
}

export const echatManifest: InboundManifest<EchatConfig> = {
  id: 'echat',
  name: 'Echat (一洽)',
  summary: 'Unread chat messages, replies to left messages and staff outreach of Echat customer service.',
  documentation: 'https://doc.echatsoft.com/api/getEchatDataInTime/receivePushData.html',
  setup: [
    '1. In the Echat console open 更多设置 › 开放API and note the App ID.',
    '2. Choose a token; for secure mode (安全模式) also an EncodingAESKey. Enter the same values here and save.',
    '3. Enter the inbound address of this integration as receiving URL. Echat checks it at once.',
    '4. Enable 未读消息 pushes for every web route (路由) that should inform people.',
    '5. Let your app or page pass `pushInfo`, or sign people in as members, so that the recipient is known.',
  ].join('\n'),
  config: EchatConfig,
  authenticity: 'signature',
  // One edition of the documentation checks the address by GET, the other by POST.
  methods: ['GET', 'POST'],
  emits: [
    'conversation.message',
    'conversation.started',
    'conversation.notice',
    'conversation.closed',
    'conversation.survey_invited',
    'leave_message.replied',
    'staff.outreach',
  ],
  identities: [
    { kind: 'echat.push_info', summary: 'pushInfo of the page or app; used when we signed it' },
    { kind: 'echat.member_uid', summary: 'uid of a member, which is the id in your system', direct: true },
    { kind: 'echat.guest_uid', summary: 'uid of a visitor who is not signed in; used when it was linked' },
  ],
};
