import { toCurl } from '@bellhop/simulators';
import type { INestApplication } from '@nestjs/common';
import { IntegrationsService } from '../core/integrations/integrations.service.js';
import type { Environment } from '../platform/env.js';
import { DemoApp } from './demo-app.js';
import { DEMO_USER } from './demo-people.js';
import { DEMO_VENDORS, newVendorConfigs, type VendorConfigs } from './demo-vendors.js';
import { startSimulators } from './sandbox-simulators.js';
import { readSandbox, type SandboxState, type StoredSandbox, writeSandbox } from './sandbox-state.js';

export interface Sandbox {
  /** What to print: addresses, an API key and a curl for every vendor. */
  readonly banner: string;
  close(): Promise<void>;
}

/** Starts the simulated gateways and vendors, seeds a demo app once, and leads its integrations to them. */
export async function startSandbox(app: INestApplication, { dataDir }: Environment, url: string): Promise<Sandbox> {
  const stored = await readSandbox(dataDir);
  const known = stored && (await stillThere(app, stored)) ? stored : undefined;
  const configs = configsOf(known);
  const simulators = await startSimulators(configs);
  const state = await new DemoApp(app, simulators, configs).prepare(known);
  await writeSandbox(dataDir, { ...state, url, pid: process.pid });
  return { banner: bannerOf(state, url), close: () => simulators.close() };
}

async function stillThere(app: INestApplication, { appId, channels }: StoredSandbox): Promise<boolean> {
  try {
    await app.get(IntegrationsService).get(appId, channels.apns);
    return true;
  } catch {
    return false;
  }
}

/** Keys stay as they are; those that an earlier release did not have are made. */
function configsOf(known: StoredSandbox | undefined): VendorConfigs {
  const fresh = Object.entries(newVendorConfigs()) as [keyof VendorConfigs, Readonly<Record<string, string>>][];
  const merged = fresh.map(([id, config]) => [id, { ...config, ...known?.vendors[id].config }]);
  return Object.fromEntries(merged) as VendorConfigs;
}

function bannerOf(state: SandboxState, url: string): string {
  const curls = DEMO_VENDORS.flatMap((vendor) => {
    const { callbackPath, config } = state.vendors[vendor.id];
    const callback = vendor.callback({ config, devices: state.devices, now: new Date() });
    return [`# ${vendor.name}`, toCurl(url + callbackPath, callback), ''];
  });
  return [
    '',
    'Bellhop sandbox: simulated gateways and vendors, and one demo app. Nothing leaves this machine.',
    '',
    `  API documentation  ${url}/docs`,
    `  Console            ${url}/console/ (the log says with which link the first person comes in)`,
    `  API key            ${state.apiKey}`,
    `  Demo               npm run demo, and npm run demo -- --all for everything it can do`,
    '',
    `A callback of each vendor for the user ${DEMO_USER} (the signed ones are good for 15 minutes):`,
    '',
    ...curls,
    `What became of them: curl -sS -H 'Authorization: Bearer ${state.apiKey}' '${url}/v1/events?limit=5'`,
    '',
  ].join('\n');
}
