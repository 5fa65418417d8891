/**
 * `npm run test:kill`: kills the platform with SIGKILL while it receives and delivers, and holds it to its promises.
 * 32 clients post signed callbacks of NIM and KF5; after a restart they send again what was not acknowledged, and some
 * of what was, as vendors do. When all is quiet, every row and every push must be accounted for (checks.ts).
 *
 *   --seed <n>       the moments of the kills and the choice of repetitions; printed, so that a run can be repeated
 *   --kills <n>      default 3
 *   --callbacks <n>  per kill, default 2,000
 *   DATABASE_URL     the server that gets the database; not set: an embedded one
 *
 * Exit codes: 0 every promise kept · 1 a promise broken, or the run failed.
 */
import { apnsTestCredentials, apnsToken, fcmToken, startApnsSimulator, startFcmSimulator } from '@bellhop/simulators';
import { randomInt } from 'node:crypto';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type AppApi, newSecret, Platform } from '../../bench/support/platform.js';
import { numberFrom, TestServer } from '../../bench/support/postgres.js';
import { check, type Pushes } from './checks.js';
import { type Addresses, Clients, KF5_DEVICES, PEOPLE } from './clients.js';

const BUNDLE_ID = 'com.example.shop';
/** The shortest there is: deliveries that were cut off are taken up again after it. */
const LEASE_SECONDS = 10;
const QUIET_WITHIN_MS = 90_000;
/** Sent again although they were acknowledged. */
const REPEATED = 0.1;

const { values: flags } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '3' },
    callbacks: { type: 'string', default: '2000' },
  },
});
const seed = Number(flags.seed ?? randomInt(1_000_000));
const random = randomFrom(seed);
const kills = Number(flags.kills);
const callbacks = Number(flags.callbacks);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  say(`Kill test: ${kills} kills, ${callbacks} callbacks each. Repeat with --seed ${seed}`);
  const server = await TestServer.start(path.resolve('.data/kill'));
  const gateways = await startGateways();
  try {
    const databaseUrl = await server.create('kill');
    let platform = await start(databaseUrl);
    try {
      const clients = new Clients(await seedApp(await platform.createApp(), gateways), platform.url);
      for (let kill = 1; kill <= kills; kill++) {
        const work = clients.post(callbacks);
        await clients.acknowledgedOf(callbacks, 0.05 + 0.9 * random());
        await pause(Math.round(random() * 500));
        await platform.kill();
        say(`  kill ${kill}: ${clients.acknowledged.size} of ${kill * callbacks} callbacks acknowledged`);
        platform = await start(databaseUrl);
        clients.turnTo(platform.url);
        await work;
        await clients.repeat([...clients.acknowledged].filter(() => random() < REPEATED));
        const seconds = await quiet(databaseUrl);
        say(`          all quiet ${seconds.toFixed(1)} s after the last acknowledgement`);
      }
      return report(clients, await check(databaseUrl, clients, gateways.pushes()));
    } finally {
      await platform.stop();
    }
  } finally {
    await gateways.close();
    await server.stop();
  }
}

function start(databaseUrl: string): Promise<Platform> {
  const environment = { BELLHOP_LEASE_SECONDS: String(LEASE_SECONDS) };
  return Platform.start({ databaseUrl, role: 'all', environment });
}

function report(clients: Clients, { figures, violations }: Awaited<ReturnType<typeof check>>): number {
  const { attempts, refused, broken, repeated } = clients;
  for (const [name, figure] of Object.entries({ attempts, refused, broken, repeated, ...figures })) {
    say(
      `  ${name
        .replaceAll(/(?=[A-Z])/g, ' ')
        .toLowerCase()
        .padEnd(34)} ${figure}`,
    );
  }
  for (const violation of violations) say(`VIOLATED: ${violation}`);
  say(violations.length === 0 ? 'Every promise was kept.' : `Repeat with --seed ${seed}`);
  return violations.length === 0 ? 0 : 1;
}

interface Gateways {
  readonly apns: Record<string, unknown>;
  readonly fcm: Record<string, unknown>;
  pushes(): Pushes;
  close(): Promise<void>;
}

/** Both gateways in this process: they outlive the platform and remember every push. */
async function startGateways(): Promise<Gateways> {
  const record = kills * callbacks * 4;
  const apns = await startApnsSimulator({ credentials: apnsTestCredentials(), record, latencyMs: [5, 50] });
  const fcm = await startFcmSimulator({ record, latencyMs: 20 });
  return {
    apns: apns.channelConfig(BUNDLE_ID),
    fcm: fcm.channelConfig(),
    pushes: () => ({
      apns: apns.requests.filter(({ answer }) => answer === '200').map(({ headers }) => String(headers['apns-id'])),
      fcm: fcm.requests.filter(({ answer }) => answer === '200').map(({ message }) => message?.data?.eventId ?? ''),
    }),
    close: async () => {
      await Promise.all([apns.close(), fcm.close()]);
    },
  };
}

/** People with two phones each for NIM; KF5 brings its devices along. */
async function seedApp(app: AppApi, gateways: Gateways): Promise<Addresses> {
  const nim = { appKey: newSecret(), appSecret: newSecret() };
  await app.integrate('apns', gateways.apns);
  await app.integrate('fcm', gateways.fcm);
  for (const [number, person] of PEOPLE.entries()) {
    const ios = { gateway: 'apns', platform: 'ios', environment: 'production', token: apnsToken('ok', { number }) };
    const android = { gateway: 'fcm', platform: 'android', token: fcmToken('accepted', number) };
    await app.call('PUT', `/v1/users/${person}/devices/ios-${number}`, ios);
    await app.call('PUT', `/v1/users/${person}/devices/android-${number}`, android);
  }
  return {
    nim,
    nimPath: (await app.integrate('nim', nim)).path,
    // KF5 sends no message ids: what is sent again counts as the same for this long.
    kf5Path: (await app.integrate('kf5', { dedupeWindowMs: 600_000 })).path,
    kf5Devices: Array.from({ length: KF5_DEVICES }, (_, i) => apnsToken('ok', { number: PEOPLE.length + i })),
  };
}

/** Waits until every event, delivery and notification has ended. @returns the seconds it took. */
async function quiet(databaseUrl: string): Promise<number> {
  const started = Date.now();
  const open = `SELECT (SELECT count(*) FROM inbound_event WHERE state = 'accepted')
                     + (SELECT count(*) FROM delivery WHERE state IN ('queued', 'sending', 'held'))
                     + (SELECT count(*) FROM notification WHERE state <> 'done')`;
  for (;;) {
    const left = await numberFrom(databaseUrl, open);
    if (left === 0) return (Date.now() - started) / 1000;
    if (Date.now() - started > QUIET_WITHIN_MS)
      throw new Error(`${left} rows are still open after ${QUIET_WITHIN_MS / 1000} s.`);
    await pause(200);
  }
}

/** mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`FAILED: ${(error as Error).stack ?? String(error)}\nRepeat with --seed ${seed}`);
  process.exitCode = 1;
}
