import { type ApnsSimulator, apnsToken } from '@bellhop/simulators';
import { setTimeout as pause } from 'node:timers/promises';
import { numberFrom } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import { quiet } from '../checks/quiet.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { bundleIdOf, onStage, type Stage } from '../stage/stage.js';
import type { Tenant } from '../stage/tenants.js';

const DEVICES = 1_000;
const TOGETHER = 20;

/** Two mistakes that would empty a registry: tokens of the other environment, and a gateway that calls all of them dead. */
export const swappedEnvironment: Scenario = {
  name: 'swapped-environment',
  about: 'sandbox tokens sent to production retire nobody; a mass retirement is taken back',
  ci: true,
  run: (chaos) =>
    onStage(chaos, { apns: [{ environment: 'production' }, {}], fcm: [] }, async (stage) => {
      await stage.start();
      const askers = new Askers(stage.ledger, [stage.slot().url], chaos.seed);
      await swapped(chaos, stage, askers);
      await retired(chaos, stage, askers);
      await check(stage);
    }),
};

async function swapped({ findings }: Chaos, stage: Stage, askers: Askers): Promise<void> {
  const { app, apns, count, pushes } = await appWith(stage, 0, 'swapped');
  await register(app, (i) => apnsToken('ok', { number: app.numbers[0] + i, environment: 'sandbox' }));
  await askers.ask(app, { audience: { users: everybody() }, ttlSeconds: 86_400 });
  // What is held waits for an operator: only then is it as quiet as it gets.
  await untilHeld(stage);
  const gone = await count('device', `state = 'retired'`);
  const alerts = await count('webhook_message', `type = 'integration.paused'`);
  findings.figure('swapped: retired', gone);
  findings.figure('swapped: suspect', await count('device', `state = 'suspect'`));
  findings.figure('swapped: held', await count('delivery', `state = 'held'`));
  findings.figure('swapped: refused by the gateway', apns.counters.answers['400 BadDeviceToken'] ?? 0);
  findings.figure('swapped: alerts', alerts);
  findings.expect('devices retired by a swapped environment', gone === 0, gone);
  findings.expect('alerts about a swapped environment other than one', alerts === 1, alerts);
  // The operator mends it: apps register again with what they are, and the integration is resumed.
  await register(app, (i) => apnsToken('ok', { number: app.numbers[0] + i, environment: 'production' }));
  const { data } = await app.api.call<{ data: { id: string; state: string }[] }>('GET', '/v1/integrations');
  const paused = data.find(({ state }) => state === 'paused');
  if (paused) await app.api.call('POST', `/v1/integrations/${paused.id}/resume`);
  await quiet(stage);
  findings.expect('swapped: devices without their push once it is mended', pushes() === DEVICES, pushes());
}

async function retired({ findings }: Chaos, stage: Stage, askers: Askers): Promise<void> {
  const { app, apns, count, pushes } = await appWith(stage, 1, 'retired');
  await register(app, (i) => apnsToken('ok', { number: app.numbers[0] + i }));
  await app.api.call('PUT', '/v1/users/somebody/devices/phone', {
    gateway: 'apns',
    platform: 'ios',
    environment: 'production',
    token: apnsToken('ok', { number: app.numbers[0] + DEVICES }),
  });
  // One success keeps the brake from being pulled: this is what it cannot see.
  await askers.ask(app, { audience: { users: ['somebody'] }, ttlSeconds: 86_400 });
  await quiet(stage);
  const from = new Date(Date.now() - 1_000).toISOString();
  apns.script('*', ['Unregistered'], { repeatLast: true });
  await askers.ask(app, { audience: { users: everybody() }, ttlSeconds: 86_400 });
  await quiet(stage);
  apns.script('*', []);
  // What was learned about devices is written after the results.
  const retirements = () => count('device', `state = 'retired'`);
  await until(async () => (await retirements()) === DEVICES);
  const gone = await retirements();
  findings.figure('forced: retired', gone);
  findings.expect('devices that a forced retirement left', gone === DEVICES, gone);
  const undo = { from, reason: 'token.unregistered', gateway: 'apns' };
  const { restored } = await app.api.call<{ restored: number }>('POST', '/v1/devices/restore', undo);
  findings.figure('forced: restored', restored);
  const out = await count('device', `state <> 'active'`);
  findings.expect('devices that undo did not bring back', out === 0 && restored === DEVICES, { out, restored });
  const before = pushes();
  await askers.ask(app, { audience: { users: everybody() }, ttlSeconds: 86_400 });
  await quiet(stage);
  findings.expect('restored devices that are not reached', pushes() - before === DEVICES, pushes() - before);
}

/** An app that sends through one of the gateways, and hears of what goes wrong. */
async function appWith(stage: Stage, gateway: number, name: string) {
  const apns = stage.gateways.apns[gateway] as ApnsSimulator;
  const channels = { apns: apns.channelConfig(bundleIdOf(name)) };
  const app = await stage.tenant({ name, people: 0, channels });
  const events = ['integration.paused', 'device.retired'];
  await app.api.call('POST', '/v1/webhooks', { url: stage.gateways.receiver.url, events });
  return {
    app,
    apns,
    /** Rows of the app. */
    count: (table: string, where: string) =>
      numberFrom(stage.databaseUrl, `SELECT count(*) FROM ${table} WHERE app_id = '${app.uuid}' AND ${where}`),
    pushes: () => stage.gateways.pushes.filter(({ appId }) => appId === app.uuid).length,
  };
}

const everybody = (): string[] => Array.from({ length: DEVICES }, (_, i) => `person-${i}`);

async function register({ api }: Tenant, tokenOf: (i: number) => string): Promise<void> {
  for (let from = 0; from < DEVICES; from += TOGETHER) {
    await Promise.all(
      Array.from({ length: TOGETHER }, (_, i) =>
        api.call('PUT', `/v1/users/person-${from + i}/devices/phone-${from + i}`, {
          gateway: 'apns',
          platform: 'ios',
          environment: 'production',
          token: tokenOf(from + i),
        }),
      ),
    );
  }
}

const PATIENCE_MS = 60_000;
const LOOK_MS = 100;

function untilHeld({ databaseUrl }: Stage): Promise<void> {
  const open = `SELECT count(*) FROM delivery WHERE state IN ('queued', 'sending')`;
  return until(async () => (await numberFrom(databaseUrl, open)) === 0);
}

/** Or until patience is at its end: what follows says what is wrong. */
async function until(look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await look()) && performance.now() < end) await pause(LOOK_MS);
}
