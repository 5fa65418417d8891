import {
  apnsTestCredentials,
  type ApnsSimulator,
  apnsToken,
  createAuthority,
  type FcmSimulator,
  fcmTestServiceAccount,
  fcmToken,
  startApnsSimulator,
  startFcmSimulator,
  toCurl,
} from '@bellhop/simulators';
import type { INestApplication } from '@nestjs/common';
import { AccessService } from '../access/access.service.js';
import { DevicesService } from '../core/devices/devices.service.js';
import { IntegrationsService } from '../core/integrations/integrations.service.js';
import { IdentitiesService } from '../core/users/identities.service.js';
import type { Environment } from '../platform/env.js';
import { publicId } from '../platform/ids.js';
import { DEMO_USER, DEMO_VENDORS, type DemoVendor, type VendorId } from './demo-vendors.js';
import { readSandbox, type SandboxState, type SandboxVendor, writeSandbox } from './sandbox-state.js';

const BUNDLE_ID = 'com.example.shop';

export interface Sandbox {
  /** What to print: addresses, an API key and a curl for every vendor. */
  readonly banner: string;
  close(): Promise<void>;
}

interface Simulators {
  readonly apns: ApnsSimulator;
  readonly fcm: FcmSimulator;
  /** Settings of the two channels that lead to the simulators. */
  readonly config: { readonly apns: Record<string, unknown>; readonly fcm: Record<string, unknown> };
}

/** Starts the simulated gateways, seeds a demo app once, and points its channels to them. */
export async function startSandbox(app: INestApplication, { dataDir }: Environment, url: string): Promise<Sandbox> {
  const simulators = await startSimulators();
  const known = await readSandbox(dataDir);
  const state = known && (await stillThere(app, known)) ? known : await seed(app, simulators);
  await pointChannels(app, state, simulators);
  const { apns, fcm } = simulators;
  const running = {
    ...state,
    url,
    pid: process.pid,
    simulators: { apns: apns.controlUrl ?? '', fcm: fcm.controlUrl ?? '' },
  };
  await writeSandbox(dataDir, running);
  return {
    banner: bannerOf(running, url),
    close: async () => {
      await Promise.all([apns.close(), fcm.close()]);
    },
  };
}

async function startSimulators(): Promise<Simulators> {
  const authority = await createAuthority();
  const credentials = apnsTestCredentials();
  const serviceAccount = fcmTestServiceAccount('bellhop-sandbox');
  const apns = await startApnsSimulator({ authority, credentials, controlPort: 0 });
  const fcm = await startFcmSimulator({ authority, serviceAccounts: [serviceAccount], controlPort: 0 });
  const { keyId, teamId, p8 } = credentials;
  const certificateAuthority = authority.caPem;
  return {
    apns,
    fcm,
    config: {
      apns: {
        keyId,
        teamId,
        p8,
        bundleId: BUNDLE_ID,
        productionUrl: apns.url,
        sandboxUrl: apns.url,
        certificateAuthority,
      },
      fcm: {
        serviceAccount: JSON.stringify(serviceAccount),
        transport: 'http',
        baseUrl: fcm.url,
        tokenUrl: fcm.tokenUrl,
        certificateAuthority,
      },
    },
  };
}

async function stillThere(app: INestApplication, { appId, channels }: SandboxState): Promise<boolean> {
  try {
    await app.get(IntegrationsService).get(appId, channels.apns);
    return true;
  } catch {
    return false;
  }
}

/** The simulators have new addresses and keys at every start. */
async function pointChannels(
  app: INestApplication,
  { appId, channels }: SandboxState,
  { config }: Simulators,
): Promise<void> {
  const integrations = app.get(IntegrationsService);
  await integrations.revise(appId, channels.apns, { config: config.apns });
  await integrations.revise(appId, channels.fcm, { config: config.fcm });
}

async function seed(app: INestApplication, { config }: Simulators): Promise<SandboxState> {
  const access = app.get(AccessService);
  const integrations = app.get(IntegrationsService);
  const { id: appId } = await access.createApp({ name: 'Demo shop', deepLinkScheme: 'shop' });
  const { key: apiKey } = await access.createApiKey(appId, 'sandbox', ['admin']);
  const apns = await integrations.create(appId, { plugin: 'apns', name: 'APNs simulator', config: config.apns });
  const fcm = await integrations.create(appId, { plugin: 'fcm', name: 'FCM simulator', config: config.fcm });
  const devices = { ios: apnsToken(), android: fcmToken() };
  await seedDevices(app, appId, devices);
  const vendors: Partial<Record<VendorId, SandboxVendor>> = {};
  for (const vendor of DEMO_VENDORS) vendors[vendor.id] = await seedVendor(app, appId, vendor);
  return {
    appId,
    apiKey,
    vendors: vendors as Record<VendorId, SandboxVendor>,
    channels: { apns: apns.integration.id, fcm: fcm.integration.id },
    devices,
  };
}

async function seedDevices(app: INestApplication, appId: string, devices: SandboxState['devices']): Promise<void> {
  const registry = app.get(DevicesService);
  const owner = { appId, userId: DEMO_USER };
  await registry.register(
    { ...owner, installationId: 'demo-iphone' },
    {
      gateway: 'apns',
      token: devices.ios,
      identifier: 'token',
      platform: 'ios',
      environment: 'production',
      appIdentifier: BUNDLE_ID,
      locale: 'zh-CN',
      timeZone: 'Asia/Shanghai',
    },
  );
  await registry.register(
    { ...owner, installationId: 'demo-android' },
    { gateway: 'fcm', token: devices.android, identifier: 'token', platform: 'android', locale: 'en' },
  );
}

async function seedVendor(app: INestApplication, appId: string, vendor: DemoVendor): Promise<SandboxVendor> {
  const config = vendor.config();
  const name = `${vendor.name} (sandbox)`;
  const { integration, urlSecret } = await app
    .get(IntegrationsService)
    .create(appId, { plugin: vendor.id, name, config });
  const integrationId = publicId('int', integration.id);
  if (vendor.identity) await app.get(IdentitiesService).link(appId, DEMO_USER, { integrationId, ...vendor.identity });
  return { integrationId, config, callbackPath: `/v1/inbound/${integrationId}/${urlSecret}` };
}

function bannerOf(state: SandboxState, url: string): string {
  const curls = DEMO_VENDORS.flatMap((vendor) => {
    const { callbackPath, config } = state.vendors[vendor.id];
    const callback = vendor.callback({ config, devices: state.devices, now: new Date() });
    return [`# ${vendor.name}`, toCurl(url + callbackPath, callback), ''];
  });
  return [
    '',
    'Bellhop sandbox: simulated gateways and one demo app. Nothing leaves this machine.',
    '',
    `  API documentation  ${url}/docs`,
    `  API key            ${state.apiKey}`,
    `  Demo               npm run demo`,
    '',
    `A callback of each vendor for the user ${DEMO_USER} (the signed ones are good for 15 minutes):`,
    '',
    ...curls,
    `What became of them: curl -sS -H 'Authorization: Bearer ${state.apiKey}' '${url}/v1/events?limit=5'`,
    '',
  ].join('\n');
}
