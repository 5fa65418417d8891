import { createRequire } from 'node:module';
import { json } from 'node:stream/consumers';
import type { SdkResult, SdkTask } from './index.js';

type Call = (argument: unknown) => Promise<unknown>;
type Modules = Readonly<Record<string, unknown>>;

// A process of its own, since the SDK keeps one App Key, one nonce and one timestamp per process.
const { app, calls } = (await json(process.stdin)) as SdkTask;
const modules = (createRequire(import.meta.url)('rongcloud-sdk') as (app: object) => Modules)(app);
const results: SdkResult[] = [];
for (const [name, argument] of calls) results.push(await outcomeOf(find(name), argument));
process.stdout.write(JSON.stringify(results));

/** `User.Tag.set` → the function. */
function find(name: string): Call {
  return name.split('.').reduce<unknown>((at, part) => (at as Modules)[part], modules) as Call;
}

async function outcomeOf(call: Call, argument: unknown): Promise<SdkResult> {
  try {
    return { resolved: await call(argument) };
  } catch (error) {
    return { rejected: error };
  }
}
