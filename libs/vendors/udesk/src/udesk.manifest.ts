import { ConfigField, type ChannelManifest, type InboundManifest } from '@bellhop/contracts';
import { IsEmail, IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Matches, Min } from 'class-validator';
import { CustomerInput, H5LinkInput, SignIdentityInput, SurveyAnswerInput } from './udesk.inputs.js';
import type { IdentityAlgorithm, SignVersion } from './udesk.signature.js';

/** Callbacks need no setting: Udesk signs nothing, and the inbound address is the proof. These are for calls to Udesk. */
export class UdeskConfig {
  @ConfigField({
    title: 'Address',
    description: 'Where you sign in, such as https://acme.udesk.cn. For calls to Udesk.',
  })
  @IsOptional()
  @Matches(/^https?:\/\/[^/?#@\s]+\/?$/, { message: '$property must be an https address without a path' })
  baseUrl?: string;

  @ConfigField({ title: 'E-mail', description: 'Of the super administrator. For calls to Udesk.' })
  @IsOptional()
  @IsEmail()
  email?: string;

  @ConfigField({
    title: 'Open API token',
    description: 'As POST /open_api_v1/log_in answers it for that e-mail. For calls to Udesk.',
    secret: true,
  })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  apiToken?: string;

  @ConfigField({ title: 'Web plugin', description: 'Id of the web plugin (web_plugin_id in its link).' })
  @IsOptional()
  @IsInt()
  @Min(1)
  imWebPluginId?: number;

  @ConfigField({
    title: 'Key of the web plugin',
    description: 'im_user_key of the web plugin. Signs customer ids, so that a visitor cannot pose as another.',
    secret: true,
  })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  imUserKey?: string;

  @ConfigField({ title: 'Digest of customer signatures', advanced: true })
  @IsIn(['SHA1', 'SHA256'])
  identityAlgorithm: IdentityAlgorithm = 'SHA1';

  @ConfigField({
    title: 'Signature of calls',
    description: 'v1 only for an account that refuses v2: it has no nonce.',
    advanced: true,
  })
  @IsIn(['v2', 'v1'])
  signVersion: SignVersion = 'v2';
}

const identity = {
  id: 'udesk',
  name: 'Udesk',
  documentation: 'https://github.com/udesk/open_udesk_doc/blob/master/doc/im_h5_push.md',
  setup: `1. Create an integration; copy its inbound address. The address is the only credential that Udesk offers: treat it as a password.
2. In the Udesk console, open 管理员 → 设置 → 网页插件 → 其他设置 and enter the inbound address as H5 push address (H5 推送地址). It must be https.
3. For the interface channel (接口消息), enter the same address under 设置 → 渠道管理 → 接口消息.
4. Open the chat page with \`web_token\` set to your own user id (letters, digits and underscores), signed with the key of the web plugin, and with \`h5push=true\`. The action \`h5-link\` issues such links.
5. Register the devices of the app and link the identity \`udesk.web_token\` to your user id: Udesk sends no device tokens.
6. For links, ratings and the push switch, enter address, e-mail, Open API token, web plugin and its key, and check the integration.
7. Put the app into the background and have a colleague write; the event appears under this integration.`,
  config: UdeskConfig,
};

export const udeskManifest: InboundManifest<UdeskConfig> = {
  ...identity,
  summary:
    'Messages of staff and robots in the H5 chat page and the interface channel, with start, transfer and close.',
  authenticity: 'url-secret',
  methods: ['POST'],
  bodyLimit: 262_144,
  emits: ['conversation.message', 'conversation.started', 'conversation.transferred', 'conversation.closed'],
  identities: [
    { kind: 'udesk.web_token', summary: 'Customer id that the site gave to the web plugin.' },
    { kind: 'udesk.customer_token', summary: 'Customer id that your backend gave to the interface channel.' },
    { kind: 'udesk.sdk_token', summary: 'Customer id that the app gave to the mobile SDK.' },
  ],
};

export const udeskChannelManifest: ChannelManifest<UdeskConfig> = {
  ...identity,
  summary: "Switches H5 push, issues chat links and customer signatures, and passes on customers' ratings.",
  capabilities: { pushSwitch: {} },
  actions: [
    {
      id: 'h5-link',
      summary: 'Issue a link to the chat page, and turn H5 push on unless that was done within 24 hours',
      input: H5LinkInput,
      scope: 'send',
    },
    {
      id: 'sign-identity',
      summary: 'Sign a web_token for the web plugin',
      input: SignIdentityInput,
      scope: 'send',
    },
    {
      id: 'survey-answer',
      summary: "Pass on a customer's rating of a closed conversation",
      input: SurveyAnswerInput,
      scope: 'send',
    },
    {
      id: 'customer-status',
      summary: 'Ask whether a customer is in a conversation or queueing',
      input: CustomerInput,
      scope: 'read',
    },
  ],
};
