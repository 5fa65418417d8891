import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DemoDevices } from './demo-people.js';
import type { VendorId } from './demo-vendors.js';

export interface SandboxVendor {
  readonly integrationId: string;
  readonly callbackPath: string;
  /** Keys and secrets. */
  readonly config: Readonly<Record<string, string>>;
}

/** Whom our own webhooks tell: the receiver among the simulators. */
export interface SandboxHooks {
  /** Integration of the webhook channel, and what it signs with. */
  readonly integrationId: string;
  readonly secret: string;
  /** Event webhook (UUID), and what it signs with. Absent: it could not be made. */
  readonly endpoint?: { readonly id: string; readonly secret: string };
}

/** URLs of control endpoints: `GET /requests`, `GET /counters`, `POST /rules`, `POST /reset`. */
export interface SandboxSimulators {
  readonly apns: string;
  readonly fcm: string;
  readonly rongcloud: string;
  readonly nim: string;
  readonly udesk: string;
  readonly echat: string;
  readonly webhook: string;
}

/** What the sandbox has seeded. It holds secrets: the file is readable by its owner only. */
export interface SandboxState {
  readonly appId: string;
  readonly apiKey: string;
  readonly vendors: Readonly<Record<VendorId, SandboxVendor>>;
  readonly channels: { readonly apns: string; readonly fcm: string };
  readonly devices: DemoDevices;
  readonly hooks: SandboxHooks;
  /** Where the running platform is, for the demo. */
  readonly url?: string;
  readonly pid?: number;
  readonly simulators?: SandboxSimulators;
  /** Where webhooks are taken, `http://127.0.0.1:port/hooks`. */
  readonly receiver?: string;
}

/** As it lies on disk: the first release seeded callbacks and devices of one person, and nothing else. */
export type StoredSandbox = Omit<SandboxState, 'hooks' | 'simulators'> & {
  readonly hooks?: SandboxHooks;
  readonly simulators?: Partial<SandboxSimulators>;
};

const fileIn = (dataDir: string): string => path.join(dataDir, 'sandbox.json');

export async function readSandbox(dataDir: string): Promise<StoredSandbox | undefined> {
  try {
    return JSON.parse(await readFile(fileIn(dataDir), 'utf8')) as StoredSandbox;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: a reader never sees half a file. */
export async function writeSandbox(dataDir: string, state: SandboxState): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const draft = `${fileIn(dataDir)}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, fileIn(dataDir));
}
