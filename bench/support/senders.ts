/** Those who push to a crowd through the simulated APNs: Bellhop, and loops that store nothing. */
import { RECEIPT_KEY, RECEIPT_LENGTH } from '@bellhop/contracts';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { LoopResult, LoopTask } from '../ceilings/node-apn-loop.js';
import { internalId } from '../../src/platform/ids.js';
import type { Gateway } from './gateway.js';
import { AppApi, Platform, type PlatformOptions } from './platform.js';
import type { TestServer } from './postgres.js';
import { numbersOf, populated, type TagExpression, tokenOf } from './registry.js';
import { Worker } from './worker.js';

export const TOPIC = 'com.example.shop';
export const CONTENT = { title: '您的订单已发货', body: '预计明天中午前送达。', extras: { orderId: '42' } };
/** What Bellhop makes of it; the receipt is of the same length for every device. */
export const PAYLOAD = {
  aps: { alert: { title: CONTENT.title, body: CONTENT.body }, 'mutable-content': 1 },
  extras: CONTENT.extras,
  [RECEIPT_KEY]: 'r'.repeat(RECEIPT_LENGTH),
};

/** Those whom an expression reaches. */
export interface Crowd {
  readonly expression: TagExpression;
  /** Of their tokens and user ids, ascending. */
  readonly numbers: readonly number[];
}

export const crowdOf = (expression: TagExpression, people: number): Crowd => ({
  expression,
  numbers: numbersOf(expression, people),
});

/** What one turn of a sender came to, in its own words. */
export interface Sent {
  /** Devices that it was to reach. */
  readonly devices: number;
  /** Devices that it holds for reached. */
  readonly accepted: number;
  /** From the order until the last outcome is known, and stored by whoever stores it. */
  readonly seconds: number;
  /** From the order until it is known whom to reach; NaN for those who are told. */
  readonly planSeconds: number;
}

export interface Sender {
  readonly name: string;
  /** Its own processes. */
  readonly pids: readonly number[];
  /** PostgreSQL has no part in it. */
  readonly storesNothing?: true;
  send(crowd: Crowd): Promise<Sent>;
  stop(): Promise<void>;
}

/** A loop's rate does not depend on how long it runs; a turn of it takes no more devices than these. */
export const LOOP_DEVICES = 100_000;

/** A loop of `ceilings/`, in a process of its own. */
export class Loop implements Sender {
  readonly storesNothing = true;
  static readonly NODE_APN = 'B: node-apn loop';
  static readonly HTTP2 = 'H: node:http2 loop';

  private constructor(
    readonly name: string,
    private readonly worker: Worker,
    private readonly inFlight: number,
  ) {}

  static nodeApn(gateway: Gateway, inFlight: number): Promise<Loop> {
    return Loop.start(Loop.NODE_APN, new URL('../ceilings/node-apn-loop.js', import.meta.url), gateway, inFlight);
  }

  static http2(gateway: Gateway, inFlight: number): Promise<Loop> {
    return Loop.start(Loop.HTTP2, new URL('../ceilings/http2-loop.js', import.meta.url), gateway, inFlight);
  }

  private static async start(name: string, module: URL, gateway: Gateway, inFlight: number): Promise<Loop> {
    const worker = Worker.start(module);
    await worker.call('open', gateway);
    return new Loop(name, worker, inFlight);
  }

  get pids(): readonly number[] {
    return [this.worker.pid];
  }

  async send({ numbers }: Crowd): Promise<Sent> {
    const tokens = numbers.slice(0, LOOP_DEVICES).map(tokenOf);
    const task: LoopTask = { tokens, payload: PAYLOAD, topic: TOPIC, inFlight: this.inFlight };
    const { seconds, accepted } = await this.worker.call<LoopResult>('send', task);
    return { devices: tokens.length, accepted, seconds, planSeconds: Number.NaN };
  }

  stop(): Promise<void> {
    return this.worker.stop();
  }
}

export interface BellhopOptions {
  readonly name: string;
  readonly people: number;
  /** One process each; the first one takes the calls. */
  readonly roles: readonly [PlatformOptions['role'], ...PlatformOptions['role'][]];
  readonly environment?: PlatformOptions['environment'];
}

/** Between two looks at the state of a notification. */
const LOOK_MS = 20;
/** Longer than any turn takes. */
const PATIENCE_MS = 600_000;

/** A platform of one process or several, with people in it and an integration that leads to the simulated APNs. */
export class Bellhop implements Sender {
  private constructor(
    readonly name: string,
    readonly processes: readonly Platform[],
    readonly app: AppApi,
    readonly databaseUrl: string,
    /** Public id of the integration. */
    readonly integrationId: string,
    private readonly server: TestServer,
    private readonly database: Client,
  ) {}

  static async start(server: TestServer, gateway: Gateway, options: BellhopOptions): Promise<Bellhop> {
    const { name, people, roles, environment } = options;
    const { databaseUrl, appId, key } = await populated(server, 'crowd', people);
    const processes: Platform[] = [];
    for (const role of roles) {
      processes.push(await Platform.start({ databaseUrl, role, ...(environment && { environment }) }));
    }
    const app = new AppApi((processes[0] as Platform).url, key, appId);
    const { id } = await app.integrate('apns', apnsConfig(gateway));
    const database = new Client({ connectionString: databaseUrl, application_name: 'bellhop-bench' });
    database.on('error', () => undefined);
    await database.connect();
    return new Bellhop(name, processes, app, databaseUrl, id, server, database);
  }

  get pids(): readonly number[] {
    return this.processes.map(({ pid }) => pid);
  }

  async send({ expression, numbers }: Crowd): Promise<Sent> {
    const started = performance.now();
    const id = await this.notify(expression);
    await this.leaves(id, 'planning');
    const planned = performance.now();
    await this.leaves(id, 'sending');
    const ended = performance.now();
    return {
      devices: numbers.length,
      accepted: await this.acceptedOf(id),
      seconds: (ended - started) / 1000,
      planSeconds: (planned - started) / 1000,
    };
  }

  /** @returns the public id of a notification with our {@link CONTENT}. */
  async notify(audience: object, options: { readonly priority?: 'high' | 'normal' } = {}): Promise<string> {
    const body = { audience, content: CONTENT, ...options };
    return (await this.app.call<{ id: string }>('POST', '/v1/notifications', body)).id;
  }

  /**
   * Resolves when the notification is in another state. The table is asked: the API would count deliveries each time.
   * @throws {Error} when it is still in that state after ten minutes.
   */
  async leaves(id: string, state: string): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    const values = [internalId('app', this.app.appId), internalId('ntf', id)];
    const text = 'SELECT state FROM notification WHERE app_id = $1 AND id = $2';
    while (performance.now() < end) {
      const { rows } = await this.database.query<{ state: string }>({ name: 'state', text, values });
      if (rows[0]?.state !== state) return;
      await pause(LOOK_MS);
    }
    throw new Error(`The notification ${id} is still ${state}.`);
  }

  async acceptedOf(id: string): Promise<number> {
    const path = `/v1/notifications/${id}`;
    const { counts } = await this.app.call<{ counts: { byState: Record<string, number> } }>('GET', path);
    return counts.byState.accepted ?? 0;
  }

  async stop(): Promise<void> {
    await this.database.end();
    await Promise.all(this.processes.map((process) => process.stop()));
    await this.server.drop(this.databaseUrl);
  }
}

/** Settings of an APNs integration that leads to the simulator. */
export function apnsConfig({ url, caPem, credentials: { keyId, teamId, p8 } }: Gateway): object {
  const hosts = { productionUrl: url, sandboxUrl: url, certificateAuthority: caPem };
  return { keyId, teamId, p8, bundleId: TOPIC, ...hosts };
}
