import { ConfigField, type ChannelManifest, type InboundManifest } from '@bellhop/contracts';
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
import {
  AccessTokenInput,
  MetaDataInput,
  NoInput,
  PushInfoInput,
  UnreadCountInput,
  VerifyPushInfoInput,
} from './echat.inputs.js';

/** Needed in secure mode; in plain mode it may be there for `metaData` and access tokens, or be left blank in a form. */
const isNeeded = (config: EchatConfig, value: unknown): boolean =>
  config.mode === 'secure' || (value !== undefined && value !== '');

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

  @ConfigField({
    title: 'App ID',
    description: 'Shown beside the token. Needed in secure mode, for metaData and for access tokens.',
  })
  @ValidateIf(isNeeded)
  @IsString()
  @IsNotEmpty()
  appId?: string;

  @ConfigField({
    title: 'EncodingAESKey',
    description: '43 characters. Needed in secure mode and for metaData.',
    secret: true,
  })
  @ValidateIf(isNeeded)
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

  @ConfigField({
    title: 'Open API server',
    description: 'As the Echat console shows it. For unread counts and access tokens.',
    advanced: true,
  })
  @Matches(/^https?:\/\/[^/?#@\s]+\/?$/, { message: '$property must be an https address without a path' })
  apiServer = 'https://eapi.echatsoft.com';

  @ConfigField({
    title: 'Fetch access tokens',
    description:
      'Only when no other server of yours fetches them: every new token ends the one before. Our address must be on the IP list of the console.',
    advanced: true,
  })
  @IsBoolean()
  accessTokens = false;
}

const identity = {
  id: 'echat',
  name: 'Echat (一洽)',
  documentation: 'https://doc.echatsoft.com/api/getEchatDataInTime/receivePushData.html',
  setup: [
    '1. In the Echat console open 更多设置 › 开放API and note the App ID.',
    '2. Choose a token; for secure mode (安全模式) also an EncodingAESKey. Enter the same values here and save.',
    '3. Enter the inbound address of this integration as receiving URL. Echat checks it at once.',
    '4. Enable 未读消息 pushes for every web route (路由) that should inform people.',
    '5. Let your app or page pass `pushInfo`, or sign people in as members, so that the recipient is known. The actions `push-info` and `meta-data` issue the values.',
  ].join('\n'),
  config: EchatConfig,
};

export const echatManifest: InboundManifest<EchatConfig> = {
  ...identity,
  summary: 'Unread chat messages, replies to left messages and staff outreach of Echat customer service.',
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

export const echatChannelManifest: ChannelManifest<EchatConfig> = {
  ...identity,
  summary: 'Issues signed pushInfo and encrypted metaData, and asks how many messages somebody has not read.',
  capabilities: {},
  actions: [
    {
      id: 'push-info',
      summary: 'Issue a pushInfo that names a user and that visitors cannot change',
      input: PushInfoInput,
      scope: 'send',
    },
    {
      id: 'verify-push-info',
      summary: 'Tell whom a pushInfo names, if it was issued for this integration',
      input: VerifyPushInfoInput,
      scope: 'read',
    },
    {
      id: 'meta-data',
      summary: 'Issue the encrypted metaData that signs a user in as a member',
      input: MetaDataInput,
      scope: 'send',
    },
    {
      id: 'unread-count',
      summary: 'Ask how many messages a visitor has not read; at most two calls a second',
      input: UnreadCountInput,
      scope: 'read',
    },
    {
      id: 'access-token',
      summary: 'Hand the access token to a server of yours that calls Echat itself',
      input: AccessTokenInput,
      scope: 'admin',
    },
    {
      id: 'access-token-status',
      summary: 'Tell until when the access token is good; fetches one when there is none',
      input: NoInput,
      scope: 'read',
    },
  ],
};
