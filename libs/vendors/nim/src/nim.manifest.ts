import { type ChannelManifest, ConfigField, type InboundManifest } from '@bellhop/contracts';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUrl,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { BroadcastMessageInput, DesktopPushInput } from './nim.inputs.js';

/** Whether http and private addresses are acceptable is for the egress to say. */
const HOST = { protocols: ['https', 'http'], require_protocol: true, require_tld: false, disallow_auth: true };

export class NimConfig {
  @ConfigField({ title: 'App Key', description: 'Copies that name another one are refused.' })
  @IsString()
  @IsNotEmpty()
  appKey!: string;

  @ConfigField({ title: 'App Secret', description: 'Signs every copy and every call.', secret: true })
  @IsString()
  @IsNotEmpty()
  appSecret!: string;

  @ConfigField({
    title: 'Clock tolerance (s)',
    description: 'Accepted difference between CurTime and our clock. 0 switches the check off.',
    advanced: true,
  })
  @IsInt()
  @Min(0)
  @Max(86_400)
  toleranceSeconds = 900;

  /** An account of the app. Needed for sending only. */
  @ConfigField({ title: 'Sender', description: 'Account (accid) that messages come from. Empty: nothing can be sent.' })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(32)
  sender?: string;

  /** A message with `chatMessage` always stands in the conversation. */
  @ConfigField({
    title: 'Sent as',
    description: 'notification: custom system notification. message: text that stays in the conversation.',
  })
  @IsIn(['notification', 'message'])
  mode: 'notification' | 'message' = 'notification';

  @ConfigField({
    title: 'Storing',
    description: '1: notifications reach clients that are online only. 2: kept for the others. Empty: as NIM does, 2.',
    advanced: true,
  })
  @IsOptional()
  @IsIn([1, 2])
  save?: 1 | 2;

  /** A call has one payload, so a call for several people cannot carry their receipts. */
  @ConfigField({
    title: 'Receipts',
    description: 'On: one call per person, whose opening is counted. Off: up to 500 people a call, nothing is counted.',
  })
  @IsBoolean()
  receipts = true;

  @ConfigField({
    title: 'Message ids of batches',
    description: 'On: at most 100 people a call, with an id each. Off: 500 without. For messages.',
    advanced: true,
  })
  @IsBoolean()
  messageIds = true;

  /** Push to all users: NIM documents neither its quota nor who exactly gets it. */
  @ConfigField({ title: 'Push to everyone', description: 'Allows the audience "everyone", by the v2 API.' })
  @IsBoolean()
  pushToAll = false;

  @ConfigField({ title: 'Copy target', description: 'Sent as env: name of a copy target in the console.' })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(64)
  env?: string;

  @ConfigField({
    title: 'Messages per second',
    description: 'Of sendMsg, as your plan allows. Other calls: the same, at most 50.',
    advanced: true,
  })
  @IsInt()
  @Min(1)
  @Max(5000)
  ratePerSecond = 100;

  @ConfigField({
    title: 'API addresses',
    description: 'The first one, then its backups. Overseas: https://api-sg.yunxinapi.com/nimserver.',
    advanced: true,
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(8)
  @IsUrl(HOST, { each: true, message: '$property must be addresses' })
  baseUrls: string[] = [
    'https://api-cn.yunxinapi.com/nimserver',
    'https://api-cn-bak.yunxinapi.com/nimserver',
    'https://api-cn-01.yunxinapi.com/nimserver',
    'https://api-cn-02.yunxinapi.com/nimserver',
    'https://api-cn-03.yunxinapi.com/nimserver',
  ];

  @ConfigField({ title: 'API address, v2', description: 'For pushes to everyone.', advanced: true })
  @IsUrl(HOST, { message: '$property must be an address' })
  v2BaseUrl = 'https://open.yunxinapi.com';

  @ConfigField({
    title: 'Spelling of the SDKs',
    description:
      'pushContent and forcePush… on messages, as the server SDKs write them, instead of the documented names.',
    advanced: true,
  })
  @IsBoolean()
  sdkNames = false;

  @ConfigField({ title: 'Deadline (ms)', description: 'A call is given up after it.', advanced: true })
  @IsInt()
  @Min(100)
  @Max(30_000)
  deadlineMs = 10_000;
}

const SETUP = [
  '1. In the Yunxin console open your app and copy App Key and App Secret to the settings here.',
  '2. To receive: enable message copy (消息抄送) and enter the inbound address of this integration; the console probes it at once.',
  '3. Choose the copies of conversations (会话类), and of recalls if your app uses them.',
  '4. Have the login and logout copies (登录登出抄送) enabled too: they tell who must not be pushed.',
  '5. To send: create an account that messages come from and enter it as the sender. Upload the push certificates of your app in the console.',
  '6. Check the integration (`POST /v1/integrations/{id}/check`): it asks whether the sender exists and tells nobody anything.',
].join('\n');

const IDENTITY = { kind: 'nim.accid', direct: true } as const;

const about = {
  id: 'nim',
  name: 'NetEase NIM (网易云信)',
  summary:
    'Takes messages, custom notifications, recalls and logins of a NIM app by message copy; sends messages and notifications, which NIM pushes to devices that are away.',
  documentation: 'https://doc.yunxin.163.com/messaging/guide/TcxNzU4NzU?platform=server',
  setup: SETUP,
  config: NimConfig,
};

export const nimManifest: InboundManifest<NimConfig> = {
  ...about,
  authenticity: 'signature',
  methods: ['POST'],
  emits: ['conversation.message', 'notification.custom', 'message.recalled', 'presence.changed'],
  identities: [{ ...IDENTITY, summary: 'Account (accid), which your backend chose' }],
};

export const nimChannelManifest: ChannelManifest<NimConfig> = {
  ...about,
  capabilities: {
    send: {
      targets: ['vendorUser', 'audience'],
      audiences: ['everyone'],
      maxItemsPerCall: 500,
      fields: [
        'title',
        'subtitle',
        'body',
        'badge',
        'sound',
        'threadId',
        'deepLink',
        'extras',
        'imageUrl',
        'category',
        'androidChannel',
        'overrides',
        'chatMessage',
        'vendorOptions',
      ],
    },
  },
  addresses: { identity: IDENTITY.kind, direct: IDENTITY.direct },
  actions: [
    {
      id: 'set-desktop-push',
      summary: 'Whether the phone of an account is pushed to while a desktop client is online.',
      input: DesktopPushInput,
      scope: 'send',
    },
    {
      id: 'broadcast-message',
      summary: 'A message to every client of the app that is online, or that comes online in time.',
      input: BroadcastMessageInput,
      scope: 'admin',
    },
  ],
};
