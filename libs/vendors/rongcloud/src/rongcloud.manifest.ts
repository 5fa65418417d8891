import { ConfigField, type InboundManifest } from '@bellhop/contracts';
import { IsInt, IsNotEmpty, IsString, Max, Min } from 'class-validator';

export class RongCloudConfig {
  @ConfigField({ title: 'App Key', description: 'Callbacks that name another one are refused.' })
  @IsString()
  @IsNotEmpty()
  appKey!: string;

  @ConfigField({ title: 'App Secret', description: 'Signs every callback.', secret: true })
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
}

export const rongCloudManifest: InboundManifest<RongCloudConfig> = {
  id: 'rongcloud',
  name: 'RongCloud (融云)',
  summary: 'Chat messages by full message routing, and online states, of a RongCloud app.',
  documentation: 'https://docs.rongcloud.cn/platform-chat-api/message/sync',
  setup: [
    '1. In the RongCloud console open your app and copy App Key and App Secret to the settings here.',
    '2. Enable full message routing (全量消息路由) and enter the inbound address of this integration.',
    '3. Enable the online status subscription (用户在线状态订阅) with the same address: it tells who needs no push.',
    '4. If the console asks for them, allow the callbacks by private, group and system conversation.',
  ].join('\n'),
  config: RongCloudConfig,
  authenticity: 'signature',
  methods: ['POST'],
  emits: ['conversation.message', 'message.recalled', 'presence.changed'],
  identities: [{ kind: 'rongcloud.user_id', summary: 'User id, which your backend chose', direct: true }],
};
