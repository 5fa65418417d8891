/** A platform that takes callbacks in and sends pushes out, with people to tell. */
import { setTimeout as pause } from 'node:timers/promises';
import { NIM } from './callback-targets.js';
import type { Gateway } from './gateway.js';
import { numberFrom, type TestServer } from './postgres.js';
import { Bellhop, type BellhopOptions } from './senders.js';
import type { CallbackTarget } from './turns.js';
import type { Worker } from './worker.js';

export interface SiteOptions extends BellhopOptions {
  /** Whether a callback for somebody with a device becomes a push to it; else its event ends as unroutable. */
  readonly pushes: boolean;
}

export class Site {
  private constructor(
    readonly sender: Bellhop,
    /** Public id of the integration of NIM. */
    readonly vendorId: string,
    readonly callbacks: CallbackTarget,
  ) {}

  static async start(server: TestServer, gateway: Worker, { pushes, ...options }: SiteOptions): Promise<Site> {
    const sender = await Bellhop.start(server, await gateway.call<Gateway>('describe'), options);
    const { id, path } = await sender.app.integrate('nim', NIM.account, { identitiesAreUserIds: pushes });
    const { name, pids, databaseUrl } = sender;
    const { hostname: host, port } = new URL((sender.processes[0] as { url: string }).url);
    return new Site(sender, id, {
      name,
      pids,
      address: () => ({ host, port: Number(port), path }),
      stored: () => numberFrom(databaseUrl, 'SELECT count(*) FROM inbound_event'),
      settle: () => settled(databaseUrl, pushes),
      stop: () => sender.stop(),
    });
  }
}

const WAITING = {
  events: `SELECT FROM inbound_event WHERE state = 'accepted'`,
  notifications: `SELECT FROM notification WHERE state IN ('planning', 'sending')`,
};

/** Resolves when everything is routed; with `pushes`, when everything that followed is sent as well. */
async function settled(databaseUrl: string, pushes: boolean): Promise<void> {
  for (const rows of pushes ? [WAITING.events, WAITING.notifications] : [WAITING.events]) {
    const waiting = `SELECT count(*) FROM (${rows} LIMIT 1) waiting`;
    while ((await numberFrom(databaseUrl, waiting)) > 0) await pause(50);
  }
}
