import { ConfigField, type InboundManifest } from '@bellhop/contracts';
import { IsInt, Max, Min } from 'class-validator';

export class Kf5Config {
  /** How long an equal callback counts as sent again, milliseconds. 0 = never. */
  @ConfigField({
    title: 'Redelivery window (ms)',
    description:
      'KF5 sends no message id. An equal callback within this time counts as the same one; 0 takes every callback as new. A wide window swallows honest replies to one ticket.',
    advanced: true,
  })
  @IsInt()
  @Min(0)
  @Max(600_000)
  dedupeWindowMs: number = 10_000;
}

export const kf5Manifest: InboundManifest<Kf5Config> = {
  id: 'kf5',
  name: 'KF5 云客服',
  summary: 'Public ticket replies and offline chat messages of the KF5 mobile SDK.',
  documentation: 'https://developer.kf5.com/doc/app/ios/90',
  setup: `1. Create an integration; copy its inbound address. The address is the only credential that KF5 offers: treat it as a password.
2. In the KF5 console, open the settings of the mobile app (移动 SDK) and switch push on.
3. Enter the inbound address as callback URL (回调URL). It must be https.
4. In the app, after the SDK has logged the user in, save the device token with the SDK and register the device here; link the identity \`kf5.user_id\` to your user id.
5. Have a colleague answer a ticket in public; the event appears under this integration.`,
  config: Kf5Config,
  authenticity: 'url-secret',
  methods: ['POST'],
  bodyLimit: 65_536,
  emits: ['ticket.replied', 'conversation.message'],
  identities: [{ kind: 'kf5.user_id', summary: 'Number of the end user in KF5, as the SDK returns it at login.' }],
  carriesDevices: true,
};
