/**
 * `npm run demo`: one callback of each vendor, followed to the phones of the demo user.
 * Uses the platform that runs in the sandbox, or starts one of its own for the time of the demo.
 */
import { type Callback, sendCallback } from '@bellhop/simulators';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DEMO_VENDORS, type DemoVendor } from '../src/sandbox/demo-vendors.js';
import { readSandbox, type SandboxState } from '../src/sandbox/sandbox-state.js';

const PATIENCE_MS = 60_000;

type Running = SandboxState & Required<Pick<SandboxState, 'url' | 'simulators'>>;

interface Step {
  readonly at: string;
  readonly stage: string;
  readonly text: string;
  readonly state?: string;
}

interface Event {
  readonly id: string;
  readonly state: string;
  readonly notificationId: string | null;
}

interface Received {
  readonly token: string;
  readonly answer: string;
}

const say = (line = ''): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const dataDir = path.resolve(process.env.BELLHOP_DATA_DIR ?? '.data');
  const own = (await runningIn(dataDir)) ? undefined : await startOwn();
  try {
    const sandbox = await runningIn(own?.dataDir ?? dataDir);
    if (!sandbox) throw new Error('The sandbox did not start.');
    say(`Platform: ${sandbox.url} (documentation at ${sandbox.url}/docs)`);
    let faults = 0;
    for (const vendor of DEMO_VENDORS) faults += await show(vendor, sandbox);
    say(faults === 0 ? 'Everything arrived, once.' : `${faults} expectation(s) not met.`);
    return faults === 0 ? 0 : 1;
  } finally {
    await own?.stop();
  }
}

/** The platform whose sandbox file lies in this folder, if it answers. */
async function runningIn(dataDir: string): Promise<Running | undefined> {
  const state = await readSandbox(dataDir);
  if (!state?.url || !state.simulators) return undefined;
  const alive = await fetch(`${state.url}/health/live`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
  return alive ? (state as Running) : undefined;
}

async function startOwn(): Promise<{ dataDir: string; stop(): Promise<void> }> {
  say('No sandbox is running: starting one for the demo.');
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'bellhop-demo-'));
  // PostgreSQL drops root's rights and must still get in; what is secret inside is readable by its owner only.
  await chmod(dataDir, 0o711);
  const entry = path.resolve(import.meta.dirname, '../src/main.js');
  const env = { ...process.env, PORT: '0', BELLHOP_DATA_DIR: dataDir, BELLHOP_SANDBOX: 'true' };
  const child = spawn(process.execPath, [entry], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const stop = async (): Promise<void> => {
    await stopped(child);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await until('the platform answers', async () =>
      child.exitCode === null ? runningIn(dataDir) : Promise.reject(gone(child)),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { dataDir, stop };
}

const gone = (child: ChildProcess): Error => new Error(`The platform ended with code ${child.exitCode}.`);

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

/** Sends, follows and prints one vendor. Returns how many expectations were not met. */
async function show(vendor: DemoVendor, sandbox: Running): Promise<number> {
  const { config, integrationId, callbackPath } = sandbox.vendors[vendor.id];
  const address = sandbox.url + callbackPath;
  const input = { config, devices: sandbox.devices };
  const callback = vendor.callback({ ...input, now: new Date() });
  say(`\n── ${vendor.name} ${'─'.repeat(Math.max(2, 60 - vendor.name.length))}`);

  const before = await arrivals(sandbox);
  const reply = await sendCallback(address, callback);
  const event = await until(`the event of ${vendor.name} is settled`, () => settledEvent(sandbox, integrationId));
  const steps = await until(`the deliveries of ${event.id} end`, () => finishedTrace(sandbox, event.id));
  printWaterfall(steps);
  const after = await arrivals(sandbox);

  const checks: (readonly [what: string, met: boolean])[] = [
    [`acknowledged with ${reply.status} ${JSON.stringify(reply.body)}`, reply.status === 200],
    ['one push on the APNs device', after.apns - before.apns === 1],
    ['one push on the FCM device', after.fcm - before.fcm === 1],
    await redelivery(address, callback, sandbox, integrationId),
    ...(vendor.signed ? [await forgery(vendor, address, input)] : []),
  ];
  for (const [what, met] of checks) say(`  ${met ? '✓' : '✗'} ${what}`);
  return checks.filter(([, met]) => !met).length;
}

/** The same bytes again: acknowledged, and nothing follows. */
async function redelivery(address: string, callback: Callback, sandbox: Running, integrationId: string) {
  const before = { ...(await arrivals(sandbox)), events: (await events(sandbox, integrationId)).length };
  const { status } = await sendCallback(address, callback);
  const after = { ...(await arrivals(sandbox)), events: (await events(sandbox, integrationId)).length };
  const same = JSON.stringify(before) === JSON.stringify(after);
  return [
    `redelivery acknowledged with ${status}, no second event and no second push`,
    status === 200 && same,
  ] as const;
}

async function forgery(
  vendor: DemoVendor,
  address: string,
  input: Pick<Parameters<DemoVendor['callback']>[0], 'config' | 'devices'>,
) {
  const { status } = await sendCallback(address, vendor.callback({ ...input, now: new Date(), forged: true }));
  return [`forged signature refused with ${status}`, status === 401] as const;
}

async function events(sandbox: Running, integrationId: string): Promise<Event[]> {
  const { data } = await api<{ data: Event[] }>(sandbox, `/v1/events?integrationId=${integrationId}&limit=200`);
  return data;
}

async function settledEvent(sandbox: Running, integrationId: string): Promise<Event | undefined> {
  const [latest] = await events(sandbox, integrationId);
  return latest && latest.state !== 'accepted' ? latest : undefined;
}

async function finishedTrace(sandbox: Running, eventId: string): Promise<Step[] | undefined> {
  const { steps } = await api<{ steps: Step[] }>(sandbox, `/v1/trace/${eventId}`);
  const waiting = steps.some(({ stage, state }) => stage === 'delivery' && (state === 'queued' || state === 'sending'));
  return waiting ? undefined : steps;
}

async function api<T>({ url, apiKey }: Running, address: string): Promise<T> {
  const response = await fetch(url + address, { headers: { authorization: `Bearer ${apiKey}` } });
  if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Pushes that the simulated phones have got. */
async function arrivals({ simulators, devices }: Running): Promise<{ apns: number; fcm: number }> {
  const [apns, fcm] = await Promise.all([received(simulators.apns), received(simulators.fcm)]);
  return {
    apns: apns.filter(({ token, answer }) => token === devices.ios && answer.startsWith('200')).length,
    fcm: fcm.filter(({ token, answer }) => token === devices.android && answer.startsWith('200')).length,
  };
}

async function received(control: string): Promise<Received[]> {
  const response = await fetch(`${control}/requests`);
  return (await response.json()) as Received[];
}

function printWaterfall(steps: readonly Step[]): void {
  const start = Date.parse(steps[0]?.at ?? '');
  const total = Math.max(1, ...steps.map(({ at }) => Date.parse(at) - start));
  for (const { at, stage, text } of steps) {
    const ms = Date.parse(at) - start;
    const bar = `${' '.repeat(Math.round((ms / total) * 12))}▪`.padEnd(13);
    say(`  ${String(ms).padStart(5)} ms ${bar} ${stage.padEnd(9)} ${text}`);
  }
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}.`);
    await pause(50);
  }
}

process.exitCode = await main();
