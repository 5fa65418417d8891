import { ConfigField, type ChannelManifest } from '@bellhop/contracts';
import { IsIn, IsInt, IsOptional, IsString, IsUrl, Matches, Max, Min } from 'class-validator';
import { IsCertificatePem, IsSigningKey } from './apns.validators.js';

/** An environment that a request can go to; a device's own may be unknown. */
export type ApnsEnvironment = 'production' | 'sandbox';

const IDENTIFIER = /^[A-Z0-9]{10}$/;
const HOST = { protocols: ['https'], require_protocol: true, require_tld: false, disallow_auth: true };

/** Settings of one app. Source: "Establishing a token-based connection to APNs", developer.apple.com. */
export class ApnsConfig {
  /** Apple Developer › Certificates, Identifiers & Profiles › Keys. */
  @ConfigField({ title: 'Key ID', description: 'Ten characters, beside the key in the Apple developer account.' })
  @Matches(IDENTIFIER, { message: '$property must be ten capital letters and digits' })
  keyId!: string;

  /** Apple Developer › Membership details. */
  @ConfigField({ title: 'Team ID', description: 'Ten characters, under Membership details.' })
  @Matches(IDENTIFIER, { message: '$property must be ten capital letters and digits' })
  teamId!: string;

  /** Apple hands the file out once. */
  @ConfigField({ title: 'Signing key', description: 'Contents of AuthKey_….p8.', secret: true, multiline: true })
  @IsString()
  @IsSigningKey()
  p8!: string;

  /** Sent as `apns-topic`. */
  @ConfigField({ title: 'Bundle ID', description: 'Identifier of the app, for example com.example.shop.' })
  @Matches(/^[A-Za-z0-9.-]{1,155}$/, { message: '$property must be letters, digits, dots and hyphens' })
  bundleId!: string;

  /** Where devices are tried first that were registered without an environment. */
  @ConfigField({ title: 'Default environment', description: 'For devices registered without one.' })
  @IsIn(['production', 'sandbox'])
  environment: ApnsEnvironment = 'production';

  @ConfigField({ title: 'Production gateway', advanced: true })
  @IsUrl(HOST, { message: '$property must be an https address' })
  productionUrl = 'https://api.push.apple.com';

  @ConfigField({ title: 'Sandbox gateway', advanced: true })
  @IsUrl(HOST, { message: '$property must be an https address' })
  sandboxUrl = 'https://api.sandbox.push.apple.com';

  /** Trusted instead of the public authorities. */
  @ConfigField({
    title: 'Certificate authority',
    description: 'PEM; for test gateways that no public authority vouches for.',
    multiline: true,
    advanced: true,
  })
  @IsOptional()
  @IsString()
  @IsCertificatePem()
  certificateAuthority?: string;

  /** Milliseconds from the request to the end of the answer. */
  @ConfigField({ title: 'Request timeout (ms)', advanced: true })
  @IsInt()
  @Min(500)
  @Max(60_000)
  requestTimeoutMs = 10_000;

  /** HTTP/2 connections per environment. */
  @ConfigField({ title: 'Connections', advanced: true })
  @IsInt()
  @Min(1)
  @Max(10)
  connections = 2;

  /** Requests that wait for an answer on one connection. */
  @ConfigField({ title: 'Requests in flight per connection', advanced: true })
  @IsInt()
  @Min(1)
  @Max(500)
  inFlightPerConnection = 500;
}

const SETUP = `1. In the Apple developer account open *Certificates, Identifiers & Profiles › Keys* and add a key with *Apple Push Notifications service (APNs)*.
2. Download \`AuthKey_….p8\`. Apple offers the download once.
3. Enter the key ID shown beside the key, the team ID from *Membership details*, the contents of the file and the app's bundle ID.
4. A key can be limited to one environment. Debug builds get sandbox tokens; TestFlight, Ad Hoc and App Store builds get production tokens.
5. Save, then check the integration (\`POST /v1/integrations/{id}/check\`): it sends a request for a device that does not exist.`;

/** Source: "Registering your app with APNs"; tokens have 32 bytes today and may grow. */
export const DEVICE_TOKEN = /^(?:[0-9a-fA-F]{2}){32,100}$/;

export const apnsManifest: ChannelManifest<ApnsConfig> = {
  id: 'apns',
  name: 'Apple Push Notification service',
  summary: 'Pushes to iPhones and iPads through Apple with a signing key.',
  documentation: 'https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns',
  setup: SETUP,
  config: ApnsConfig,
  capabilities: {
    send: {
      targets: ['device'],
      maxItemsPerCall: 1000,
      fields: [
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
        'silent',
      ],
    },
  },
  gateway: {
    platforms: ['ios'],
    identifiers: { token: DEVICE_TOKEN },
    sampleToken: '0'.repeat(64),
    shape: '64 to 200 hexadecimal digits, an even number of them',
    normalize: (token) => token.toLowerCase(),
    environments: true,
    appIdentifier: (config) => config.bundleId,
  },
};
