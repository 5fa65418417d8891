/** The servers that callbacks are posted to. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Vendor } from './callbacks.js';
import { newSecret, Platform } from './platform.js';
import { numberFrom, type TestServer } from './postgres.js';
import type { CallbackTarget } from './turns.js';
import { Worker } from './worker.js';

export const NIM: Vendor = { kind: 'nim', account: { appKey: newSecret(), appSecret: newSecret() } };
export const ECHAT: Vendor = { kind: 'echat', account: { token: newSecret() } };

/** Bare servers: `A` commits each callback for itself, `G` all that wait. */
const CEILINGS = {
  A: { name: 'A: node:http + pg, one commit each', module: new URL('../ceilings/one-commit-each.js', import.meta.url) },
  G: { name: 'G: node:http + pg, group commit', module: new URL('../ceilings/group-commit.js', import.meta.url) },
};

/** A ceiling, in a process and with a database of its own. */
export async function ceiling(server: TestServer, letter: keyof typeof CEILINGS): Promise<CallbackTarget> {
  const { name, module } = CEILINGS[letter];
  const databaseUrl = await server.create(`ceiling_${letter.toLowerCase()}`);
  const worker = Worker.start(module);
  const port = await worker.call<number>('start', { databaseUrl });
  return {
    name,
    pids: [worker.pid],
    address: () => ({ host: '127.0.0.1', port, path: '/' }),
    stored: () => numberFrom(databaseUrl, 'SELECT count(*) FROM callback'),
    stop: async () => {
      await worker.stop();
      await server.drop(databaseUrl);
    },
  };
}

/** The platform with an integration of each vendor, and nobody registered: events end as unroutable. */
export async function bellhop(server: TestServer, role: 'api' | 'all'): Promise<CallbackTarget> {
  const databaseUrl = await server.create(role);
  const platform = await Platform.start({ databaseUrl, role });
  const app = await platform.createApp();
  const paths = {
    nim: (await app.integrate('nim', NIM.account)).path,
    echat: (await app.integrate('echat', ECHAT.account)).path,
  };
  const { hostname: host, port } = new URL(platform.url);
  return {
    name: `Bellhop, role ${role}`,
    pids: [platform.pid],
    address: (vendor) => ({ host, port: Number(port), path: paths[vendor] }),
    stored: () => numberFrom(databaseUrl, 'SELECT count(*) FROM inbound_event'),
    ...(role === 'all' && { settle: () => routed(databaseUrl) }),
    stop: async () => {
      await platform.stop();
      await server.drop(databaseUrl);
    },
  };
}

const ROUTED_WITHIN_MS = 300_000;

/** Resolves when no event waits to be routed. @throws {Error} when that takes too long. */
async function routed(databaseUrl: string): Promise<void> {
  const waiting = `SELECT count(*) FROM (SELECT FROM inbound_event WHERE state = 'accepted' LIMIT 1) waiting`;
  const deadline = performance.now() + ROUTED_WITHIN_MS;
  while ((await numberFrom(databaseUrl, waiting)) > 0) {
    if (performance.now() > deadline) throw new Error(`Not routed within ${ROUTED_WITHIN_MS / 1000} s.`);
    await pause(50);
  }
}
