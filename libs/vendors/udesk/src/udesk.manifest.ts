import type { InboundManifest } from '@bellhop/contracts';

/** Udesk signs nothing, so there is nothing to set: the inbound address is the whole configuration. */
export class UdeskConfig {}

export const udeskManifest: InboundManifest<UdeskConfig> = {
  id: 'udesk',
  name: 'Udesk',
  summary:
    'Messages of staff and robots in the H5 chat page and the interface channel, with start, transfer and close.',
  documentation: 'https://github.com/udesk/open_udesk_doc/blob/master/doc/im_h5_push.md',
  setup: `1. Create an integration; copy its inbound address. The address is the only credential that Udesk offers: treat it as a password.
2. In the Udesk console, open 管理员 → 设置 → 网页插件 → 其他设置 and enter the inbound address as H5 push address (H5 推送地址). It must be https.
3. For the interface channel (接口消息), enter the same address under 设置 → 渠道管理 → 接口消息.
4. Open the chat page with \`web_token\` set to your own user id (letters, digits and underscores), signed with the key of the web plugin, and with \`h5push=true\`.
5. Register the devices of the app and link the identity \`udesk.web_token\` to your user id: Udesk sends no device tokens.
6. Put the app into the background and have a colleague write; the event appears under this integration.`,
  config: UdeskConfig,
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
