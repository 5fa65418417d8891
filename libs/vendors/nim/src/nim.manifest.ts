import { ConfigField, type InboundManifest } from '@bellhop/contracts';
import { IsInt, IsNotEmpty, IsString, Max, Min } from 'class-validator';

export class NimConfig {
  @ConfigField({ title: 'App Key', description: 'Copies that name another one are refused.' })
  @IsString()
  @IsNotEmpty()
  appKey!: string;

  @ConfigField({ title: 'App Secret', description: 'Signs every copy.', secret: true })
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
}

export const nimManifest: InboundManifest<NimConfig> = {
  id: 'nim',
  name: 'NetEase NIM (网易云信)',
  summary: 'Messages, custom notifications, recalls and logins of a NIM app, by message copy.',
  documentation: 'https://doc.yunxin.163.com/messaging/guide/TcxNzU4NzU?platform=server',
  setup: [
    '1. In the Yunxin console open your app and copy App Key and App Secret to the settings here.',
    '2. Enable message copy (消息抄送) and enter the inbound address of this integration; the console probes it at once.',
    '3. Choose the copies of conversations (会话类), and of recalls if your app uses them.',
    '4. Have the login and logout copies (登录登出抄送) enabled too: they tell who must not be pushed.',
  ].join('\n'),
  config: NimConfig,
  authenticity: 'signature',
  methods: ['POST'],
  emits: ['conversation.message', 'notification.custom', 'message.recalled', 'presence.changed'],
  identities: [{ kind: 'nim.accid', summary: 'Account (accid), which your backend chose', direct: true }],
};
