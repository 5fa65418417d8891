import { type ChannelManifest, ConfigField, isWebhookSecret, type MessageField } from '@bellhop/contracts';
import { IsOptional, IsString, IsUrl, MaxLength, ValidateBy } from 'class-validator';

/** Whether http and private addresses are acceptable is for the egress to say: development needs them. */
const ADDRESS = { protocols: ['https', 'http'], require_protocol: true, require_tld: false, disallow_auth: true };

function IsWebhookSecret(): PropertyDecorator {
  const defaultMessage = (): string => '$property must be whsec_ and the base64 of 24 to 64 bytes';
  return ValidateBy({ name: 'isWebhookSecret', validator: { validate: isWebhookSecret, defaultMessage } });
}

/** Settings of one receiver. */
export class WebhookConfig {
  /** Where the notifications are posted to. */
  @ConfigField({ title: 'Address', description: 'https, port 443 or 8443, reachable from the Internet.' })
  @IsUrl(ADDRESS, { message: '$property must be an https address without user name and password' })
  @MaxLength(2048)
  url!: string;

  /** Known to both sides: the receiver proves with it that a call is ours. */
  @ConfigField({ title: 'Secret', description: 'echo "whsec_$(openssl rand -base64 32)"', secret: true })
  @IsString()
  @IsWebhookSecret()
  secret!: string;

  /** Signs as well while receivers change over. */
  @ConfigField({
    title: 'Previous secret',
    description: 'While the secret is being changed; empty afterwards.',
    secret: true,
    advanced: true,
  })
  @IsOptional()
  @IsString()
  @IsWebhookSecret()
  previousSecret?: string | null;
}

const SETUP = `1. Make a secret: \`echo "whsec_$(openssl rand -base64 32)"\`. Enter it here and at the receiver.
2. The receiver takes POST requests with JSON under a public https address and answers 2xx within 15 seconds, before it does its work.
3. It verifies the signature with any Standard Webhooks library on the raw bytes of the body, and puts calls aside whose \`webhook-id\` it has seen.
4. Save, then check the integration (\`POST /v1/integrations/{id}/check\`): it posts an event of type \`webhook.test\`, which concerns nobody.
5. To change the secret, move the old one to *Previous secret*: every call bears both signatures until you take it away.`;

/** Whatever a message can say; what is left out belongs to single vendors. */
export const WEBHOOK_FIELDS = [
  'title',
  'subtitle',
  'body',
  'badge',
  'sound',
  'collapseId',
  'threadId',
  'deepLink',
  'extras',
  'imageUrl',
  'category',
  'androidChannel',
  'silent',
  'overrides',
] as const satisfies readonly MessageField[];

export const webhookManifest: ChannelManifest<WebhookConfig> = {
  id: 'webhook',
  name: 'Webhook',
  summary:
    'Hands notifications to a system of your own by signed HTTP calls, for SMS, e-mail or messages on your site.',
  documentation: 'https://www.standardwebhooks.com',
  setup: SETUP,
  config: WebhookConfig,
  capabilities: {
    send: { targets: ['vendorUser'], maxItemsPerCall: 100, fields: WEBHOOK_FIELDS },
  },
  addresses: { identity: 'webhook.user_id', direct: true },
};
