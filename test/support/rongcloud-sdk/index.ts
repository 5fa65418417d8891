import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

export interface SdkApp {
  readonly appkey: string;
  readonly secret: string;
  /** Base address; a path in it is kept. */
  readonly api: string;
}

/** A function of the SDK, such as `User.Tag.set`, and its argument. */
export type SdkCall = readonly [name: string, argument: unknown];

/** The SDK resolves with what the server answered, an error included; it rejects what it does not even send. */
export interface SdkResult {
  readonly resolved?: unknown;
  readonly rejected?: unknown;
}

export interface SdkTask {
  readonly app: SdkApp;
  readonly calls: readonly SdkCall[];
}

/** Makes calls with the vendor's own server SDK for Node, one after the other, in a process of their own. */
export async function callSdk(app: SdkApp, ...calls: readonly SdkCall[]): Promise<unknown[]> {
  const task: SdkTask = { app, calls };
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'driver.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(task));
  const results = JSON.parse(await text(child.stdout)) as SdkResult[];
  return results.map(({ resolved, rejected }) => {
    if (rejected !== undefined) throw new Error(`The SDK did not even ask: ${JSON.stringify(rejected)}`);
    return resolved;
  });
}
