import {
  apnsTestCredentials,
  createAuthority,
  fcmTestServiceAccount,
  startApnsSimulator,
  startEchatApiSimulator,
  startFcmSimulator,
  startNimSimulator,
  startRongCloudSimulator,
  startUdeskSimulator,
  startWebhookReceiver,
  type WebhookReceiver,
} from '@bellhop/simulators';
import { BUNDLE_ID, DEMO_PEOPLE } from './demo-people.js';
import { ECHAT_COMPANY, NIM_SENDER, UDESK_TOKEN, type VendorConfigs, type VendorId } from './demo-vendors.js';
import type { SandboxSimulators } from './sandbox-state.js';

/** The gateways and vendors of the sandbox, in this process. */
export interface Simulators {
  readonly control: SandboxSimulators;
  /** Settings that lead to them, by plugin. */
  readonly configs: Readonly<Record<Exclude<VendorId, 'kf5'> | 'apns' | 'fcm', Readonly<Record<string, unknown>>>>;
  readonly receiver: WebhookReceiver;
  close(): Promise<void>;
}

const PEOPLE = DEMO_PEOPLE.map(({ userId }) => userId);
/** Any free port. */
const controlPort = 0;

/** Starts all of them, with the accounts that the integrations of the sandbox have and the people that the demo tells. */
export async function startSimulators(vendors: VendorConfigs): Promise<Simulators> {
  const all = {
    ...(await startGateways()),
    ...(await startVendors(vendors)),
    webhook: await startWebhookReceiver({ controlPort }),
  };
  const { apns, fcm, rongcloud, nim, udesk, echat, webhook } = all;
  udesk.addCustomer({ web_token: UDESK_TOKEN });
  rongcloud.directory.addDevices(PEOPLE.flatMap(phonesAtRongCloud));
  const controls = Object.entries(all).map(([name, { controlUrl }]) => [name, controlUrl ?? '']);
  return {
    receiver: webhook,
    control: Object.fromEntries(controls) as SandboxSimulators,
    configs: {
      apns: apns.channelConfig(BUNDLE_ID),
      fcm: fcm.channelConfig(),
      rongcloud: rongcloud.channelConfig(),
      nim: nim.channelConfig(NIM_SENDER),
      udesk: udesk.channelConfig(),
      echat: echat.channelConfig(),
    },
    close: async () => {
      await Promise.all(Object.values(all).map((simulator) => simulator.close()));
    },
  };
}

async function startGateways() {
  const authority = await createAuthority();
  const serviceAccounts = [fcmTestServiceAccount('bellhop-sandbox')];
  const [apns, fcm] = await Promise.all([
    startApnsSimulator({ authority, credentials: apnsTestCredentials(), controlPort }),
    startFcmSimulator({ authority, serviceAccounts, controlPort }),
  ]);
  return { apns, fcm };
}

async function startVendors({ rongcloud: rongCloudApp, nim: nimApp, udesk: account, echat: keys }: VendorConfigs) {
  const [rongcloud, nim, udesk, echat] = await Promise.all([
    startRongCloudSimulator({ ...rongCloudApp, controlPort }),
    startNimSimulator({ ...nimApp, accounts: [NIM_SENDER, ...PEOPLE], controlPort }),
    startUdeskSimulator({ account, controlPort }),
    startEchatApiSimulator({ account: { ...keys, companyId: ECHAT_COMPANY }, controlPort }),
  ]);
  return { rongcloud, nim, udesk, echat };
}

/** RongCloud finds devices itself: there everybody has two. */
function phonesAtRongCloud(userId: string) {
  return (['ios', 'android'] as const).map((platform) => {
    return { id: `${userId}-${platform}`, userId, platform, packageName: BUNDLE_ID };
  });
}
