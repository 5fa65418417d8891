import { type Callback, sendCallback } from '@bellhop/simulators';
import { DEMO_VENDORS, type DemoVendor } from '../../src/sandbox/demo-vendors.js';
import { eventsOf, settledEvent } from './events.js';
import type { Section, Stage } from './stage.js';
import { say, until } from './words.js';

interface Step {
  readonly at: string;
  readonly stage: string;
  readonly text: string;
  readonly state?: string;
}

interface Received {
  readonly token: string;
  readonly answer: string;
}

/** One callback of each vendor, followed to the phones. */
export const CALLBACKS: readonly Section[] = DEMO_VENDORS.map((vendor) => ({
  title: vendor.name,
  play: (stage) => show(vendor, stage),
}));

async function show(vendor: DemoVendor, stage: Stage): Promise<void> {
  const { url, vendors, devices } = stage.sandbox;
  const { config, integrationId, callbackPath } = vendors[vendor.id];
  const address = url + callbackPath;
  const input = { config, devices };
  const callback = vendor.callback({ ...input, now: new Date() });

  const before = await arrivals(stage);
  const reply = await sendCallback(address, callback);
  const event = await settledEvent(stage, integrationId);
  const steps = await until(`the deliveries of ${event.id} end`, () => finishedTrace(stage, event.id));
  printWaterfall(steps);
  const after = await arrivals(stage);

  stage.check(`acknowledged with ${reply.status} ${JSON.stringify(reply.body)}`, reply.status === 200);
  stage.check('one push on the APNs device', after.apns - before.apns === 1);
  stage.check('one push on the FCM device', after.fcm - before.fcm === 1);
  await redeliver(stage, address, callback, integrationId);
  if (vendor.signed) await forge(stage, vendor, address, input);
}

/** The same bytes again: acknowledged, and nothing follows. */
async function redeliver(stage: Stage, address: string, callback: Callback, integrationId: string): Promise<void> {
  const before = { ...(await arrivals(stage)), events: (await eventsOf(stage, integrationId, 200)).length };
  const { status } = await sendCallback(address, callback);
  const after = { ...(await arrivals(stage)), events: (await eventsOf(stage, integrationId, 200)).length };
  const same = JSON.stringify(before) === JSON.stringify(after);
  stage.check(`redelivery acknowledged with ${status}, no second event and no second push`, status === 200 && same);
}

async function forge(
  stage: Stage,
  vendor: DemoVendor,
  address: string,
  input: Pick<Parameters<DemoVendor['callback']>[0], 'config' | 'devices'>,
): Promise<void> {
  const { status } = await sendCallback(address, vendor.callback({ ...input, now: new Date(), forged: true }));
  stage.check(`forged signature refused with ${status}`, status === 401);
}

async function finishedTrace(stage: Stage, eventId: string): Promise<Step[] | undefined> {
  const { steps } = await stage.api<{ steps: Step[] }>('GET', `/v1/trace/${eventId}`);
  const waiting = steps.some(
    ({ stage: at, state }) => at === 'delivery' && (state === 'queued' || state === 'sending'),
  );
  return waiting ? undefined : steps;
}

/** Pushes that the simulated phones have got. */
async function arrivals(stage: Stage): Promise<{ apns: number; fcm: number }> {
  const { devices } = stage.sandbox;
  const [apns, fcm] = await Promise.all([stage.requests<Received>('apns'), stage.requests<Received>('fcm')]);
  return {
    apns: apns.filter(({ token, answer }) => token === devices.ios && answer.startsWith('200')).length,
    fcm: fcm.filter(({ token, answer }) => token === devices.android && answer.startsWith('200')).length,
  };
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
