import { type ChannelManifest, ConfigField, type InboundManifest } from '@bellhop/contracts';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsNotEmpty,
  IsString,
  IsTimeZone,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { LIMITS, TAG_CHARACTER } from './rongcloud.limits.js';
import { IsCharacterClass, SERVER_ADDRESS } from './rongcloud.validators.js';

export class RongCloudConfig {
  @ConfigField({ title: 'App Key', description: 'Callbacks that name another one are refused.' })
  @IsString()
  @IsNotEmpty()
  appKey!: string;

  @ConfigField({ title: 'App Secret', description: 'Signs every callback and every call.', secret: true })
  @IsString()
  @IsNotEmpty()
  appSecret!: string;

  @ConfigField({
    title: 'Clock tolerance (s)',
    description: 'Accepted age of a callback; RongCloud may deliver minutes late. 0 switches the check off.',
    advanced: true,
  })
  @IsInt()
  @Min(0)
  @Max(86_400)
  toleranceSeconds = 900;

  /** The next one is used when the one in use fails. Source: the vendor's server SDKs, data centres. */
  @ConfigField({
    title: 'Server API addresses',
    description: 'Data centre of the app: its address, then its backups.',
    advanced: true,
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(4)
  @IsString({ each: true })
  @Matches(SERVER_ADDRESS, { each: true, message: 'each address must be http or https, without credentials and query' })
  baseUrls: string[] = ['https://api.rong-api.com', 'https://api-b.rong-api.com'];

  /** Unverified: where the vendor's days begin. */
  @ConfigField({ title: 'Quota time zone', description: 'Whose midnight begins a new daily quota.', advanced: true })
  @IsString()
  @IsTimeZone()
  quotaTimeZone = 'Asia/Shanghai';

  @ConfigField({
    title: 'Characters of tags',
    description: 'A class of a regular expression; tags with other characters are refused.',
    advanced: true,
  })
  @IsCharacterClass()
  tagCharacters: string = TAG_CHARACTER;

  /** Unverified: the platform's name in `/push`. */
  @ConfigField({
    title: 'HarmonyOS',
    description: 'Pushes that are limited to no platform go to HarmonyOS too. RongCloud must have enabled it.',
    advanced: true,
  })
  @IsBoolean()
  harmonyOs = false;

  /** Milliseconds after which a call is given up. */
  @ConfigField({ title: 'Deadline (ms)', advanced: true })
  @IsInt()
  @Min(100)
  @Max(120_000)
  deadlineMs = 10_000;
}

const SETUP = [
  '1. In the RongCloud console open your app and copy App Key and App Secret to the settings here.',
  '2. Enable full message routing (全量消息路由) and enter the inbound address of this integration.',
  '3. Enable the online status subscription (用户在线状态订阅) with the same address: it tells who needs no push.',
  '4. If the console asks for them, allow the callbacks by private, group and system conversation.',
  '5. To send broadcasts and pushes from a production app, enable 广播消息和推送 (broadcast and push) in its advanced features. It is free in the development environment.',
  '6. An app outside China: enter the Server API addresses of its data centre.',
  '7. Save, then check the integration (`POST /v1/integrations/{id}/check`): it asks for the tags of a made-up user.',
  '8. To serve the pushes of an application server that uses a server SDK of RongCloud, give the SDK the inbound address as its API address.',
].join('\n');

export const rongCloudManifest: InboundManifest<RongCloudConfig> = {
  id: 'rongcloud',
  name: 'RongCloud (融云)',
  summary: 'Chat messages and online states of a RongCloud app, and its server API for tags and pushes, served here.',
  documentation: 'https://docs.rongcloud.cn/platform-chat-api/message/sync',
  setup: SETUP,
  config: RongCloudConfig,
  authenticity: 'signature',
  methods: ['POST'],
  // Ten times what a command may have, so that one that is too large is told so in the vendor's words.
  bodyLimit: 10 * LIMITS.bodyBytes,
  emits: ['conversation.message', 'message.recalled', 'presence.changed', 'push.requested', 'tags.replaced'],
  identities: [{ kind: 'rongcloud.user_id', summary: 'User id, which your backend chose', direct: true }],
};

const HOUR_MS = 3_600_000;

export const rongCloudChannelManifest: ChannelManifest<RongCloudConfig> = {
  id: 'rongcloud',
  name: 'RongCloud (融云)',
  summary: 'Pushes and broadcast messages to the devices that RongCloud knows, and the tags that select them.',
  documentation: 'https://docs.rongcloud.cn/platform-chat-api/system/send-push-to-all',
  setup: SETUP,
  config: RongCloudConfig,
  capabilities: {
    send: {
      targets: ['vendorUser', 'audience'],
      maxItemsPerCall: 1,
      audiences: ['everyone', 'users', 'tags'],
      fields: [
        'title',
        'body',
        'badge',
        'collapseId',
        'threadId',
        'deepLink',
        'extras',
        'imageUrl',
        'category',
        'silent',
        'overrides',
        'chatMessage',
        'vendorOptions',
      ],
    },
    tags: { maxPerUser: LIMITS.tags, maxBytes: LIMITS.tagBytes, maxUsersPerCall: LIMITS.taggedUsers },
  },
  addresses: { identity: 'rongcloud.user_id', direct: true },
  // Source: "推送方法": pushes and broadcast messages together. Unverified: that the hour is a rolling one.
  quota: {
    key: ({ appKey }) => appKey,
    rules: ({ quotaTimeZone }) => [
      { id: 'hour', limit: 2, window: { rollingMs: HOUR_MS } },
      { id: 'day', limit: 3, window: { calendarDay: quotaTimeZone } },
    ],
  },
};
