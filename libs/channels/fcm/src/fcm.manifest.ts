import { ConfigField, type ChannelManifest } from '@bellhop/contracts';
import { IsIn, IsInt, IsOptional, IsString, IsUrl, Matches, Max, Min } from 'class-validator';
import { IsCertificatePem, IsServiceAccount } from './fcm.validators.js';

const HOST = { protocols: ['https'], require_protocol: true, require_tld: false, disallow_auth: true };

/** Settings of one Firebase project. */
export class FcmConfig {
  /** Firebase console › Project settings › Service accounts › Generate new private key. */
  @ConfigField({
    title: 'Service account',
    description: 'Contents of the JSON file; the role "Firebase Cloud Messaging API Admin" is enough.',
    secret: true,
    multiline: true,
  })
  @IsString()
  @IsServiceAccount()
  serviceAccount!: string;

  /** `admin`: Google's own SDK. `http`: HTTP/2 without it, with kept connections and deadlines per message. */
  @ConfigField({ title: 'Transport', description: 'admin: firebase-admin. http: direct HTTP/2 with kept connections.' })
  @IsIn(['admin', 'http'])
  transport: 'admin' | 'http' = 'admin';

  /** Devices registered for another package are not served; absent: every device is. */
  @ConfigField({ title: 'Package name', description: 'For example com.example.shop; empty serves every app.' })
  @IsOptional()
  @Matches(/^[A-Za-z0-9._-]{1,255}$/, { message: '$property must be letters, digits, dots, hyphens and underscores' })
  packageName?: string;

  /** `notification`: the system shows it. `data`: the app's own code runs and decides. */
  @ConfigField({
    title: 'Android style',
    description: 'notification: shown by the system. data: handed to the app, which shows it itself.',
  })
  @IsIn(['notification', 'data'])
  androidStyle: 'notification' | 'data' = 'notification';

  /** Transport `http` alone: the SDK knows only Google's host. */
  @ConfigField({ title: 'FCM address', description: 'For the http transport.', advanced: true })
  @IsUrl(HOST, { message: '$property must be an https address' })
  baseUrl = 'https://fcm.googleapis.com';

  @ConfigField({ title: 'OAuth token address', advanced: true })
  @IsUrl(HOST, { message: '$property must be an https address' })
  tokenUrl = 'https://oauth2.googleapis.com/token';

  /** Trusted instead of the public authorities, by the http transport and for access tokens. */
  @ConfigField({
    title: 'Certificate authority',
    description: 'PEM; for test gateways that no public authority vouches for. For the http transport.',
    multiline: true,
    advanced: true,
  })
  @IsOptional()
  @IsString()
  @IsCertificatePem()
  certificateAuthority?: string;

  /** Milliseconds after which a call settles, whatever the gateway does. */
  @ConfigField({ title: 'Deadline (ms)', advanced: true })
  @IsInt()
  @Min(100)
  @Max(120_000)
  deadlineMs = 30_000;
}

const SETUP = `1. In the Firebase console open *Project settings › Cloud Messaging* and make sure that the *Firebase Cloud Messaging API (V1)* is enabled.
2. Open *Project settings › Service accounts* and choose *Generate new private key*. A dedicated account with the role *Firebase Cloud Messaging API Admin* is enough.
3. Paste the whole JSON file as the service account. It is sealed and never shown again.
4. For iPhones registered with Firebase, upload the APNs key under *Project settings › Cloud Messaging › Apple app configuration*.
5. Choose \`data\` as Android style only if the app shows messages itself.
6. Save, then check the integration (\`POST /v1/integrations/{id}/check\`): it sends a message marked \`validate_only\`, which reaches nobody.`;

/** No grammar is documented; blanks and quotes come from copying. */
const REGISTRATION_TOKEN = /^[A-Za-z0-9_\-:.%]{20,4096}$/;
const INSTALLATION_ID = /^[A-Za-z0-9_-]{22}$/;

export const fcmManifest: ChannelManifest<FcmConfig> = {
  id: 'fcm',
  name: 'Firebase Cloud Messaging',
  summary: 'Pushes to Android devices, and to iPhones registered with Firebase, through Google.',
  documentation: 'https://firebase.google.com/docs/cloud-messaging',
  setup: SETUP,
  config: FcmConfig,
  capabilities: {
    send: {
      targets: ['device'],
      maxItemsPerCall: 500,
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
        'androidChannel',
        'silent',
      ],
    },
  },
  gateway: {
    platforms: ['android', 'ios'],
    identifiers: { token: REGISTRATION_TOKEN, fid: INSTALLATION_ID },
    sampleToken: `sample:${'0'.repeat(140)}`,
    shape: 'a registration token of 20 to 4,096 letters, digits and -_:.% or an installation id of 22 characters',
    normalize: (token) => token,
    environments: false,
    appIdentifier: (config) => config.packageName,
  },
};
