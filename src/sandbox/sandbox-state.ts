import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DemoDevices, VendorId } from './demo-vendors.js';

export interface SandboxVendor {
  readonly integrationId: string;
  readonly callbackPath: string;
  readonly config: Readonly<Record<string, string>>;
}

/** What the sandbox has seeded. It holds secrets: the file is readable by its owner only. */
export interface SandboxState {
  readonly appId: string;
  readonly apiKey: string;
  readonly vendors: Readonly<Record<VendorId, SandboxVendor>>;
  readonly channels: { readonly apns: string; readonly fcm: string };
  readonly devices: DemoDevices;
  /** Where the running platform is, for the demo. */
  readonly url?: string;
  readonly pid?: number;
  /** Control endpoints of the simulators. */
  readonly simulators?: { readonly apns: string; readonly fcm: string };
}

const fileIn = (dataDir: string): string => path.join(dataDir, 'sandbox.json');

export async function readSandbox(dataDir: string): Promise<SandboxState | undefined> {
  try {
    return JSON.parse(await readFile(fileIn(dataDir), 'utf8')) as SandboxState;
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
