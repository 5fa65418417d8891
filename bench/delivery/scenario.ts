import { apnsToken } from '@bellhop/simulators';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { cpuOf, median } from '../support/measures.js';
import { type AppApi, Platform } from '../support/platform.js';
import { numberFrom, type TestServer } from '../support/postgres.js';
import { Worker } from '../support/worker.js';
import type { Arrived, Gateway } from './gateway.js';
import type { LoopResult, LoopTask } from './loop.js';

export interface DeliveryOptions {
  readonly rounds: number;
  readonly devices: number;
  /** Of the node-apn loop. */
  readonly inFlight: number;
}

export interface DeliveryRound {
  readonly target: string;
  readonly seconds: number;
  readonly perSecond: number;
  readonly serverCpuMicros: number;
  readonly databaseCpuMicros: number;
  /** As stored; as answered in the case of the loop. */
  readonly acceptedHere: number;
  readonly arrived: Arrived;
}

export interface DeliveryRow {
  readonly target: string;
  readonly perSecond: number;
  readonly serverCpuMicros: number;
  readonly databaseCpuMicros: number;
  /** To the loop, the median of the rounds' own ratios. */
  readonly ratio: number;
  /** Every device was reached once, and stored as reached. */
  readonly valid: boolean;
}

const TOPIC = 'com.example.shop';
const CONTENT = { title: '您的订单已发货', body: '预计明天中午前送达。', extras: { orderId: '42' } };
const PAYLOAD = { aps: { alert: { title: CONTENT.title, body: CONTENT.body } }, extras: CONTENT.extras };
const LOOP = 'B: node-apn loop';
const BELLHOP = 'Bellhop, role all';
/** People per notification, and notifications asked for at the same time. */
const CHUNK = 1_000;
const CALLERS = 4;

/** Deliveries per second to the APNs simulator with every outcome stored, beside a loop that stores nothing. */
export async function delivery(
  server: TestServer,
  options: DeliveryOptions,
): Promise<{ rows: DeliveryRow[]; rounds: DeliveryRound[] }> {
  const simulator = Worker.start(new URL('./gateway.js', import.meta.url));
  const loop = Worker.start(new URL('./loop.js', import.meta.url));
  const gateway = await simulator.call<Gateway>('describe');
  const tokens = Array.from({ length: options.devices }, (_, number) => apnsToken('ok', { number }));
  await loop.call('open', gateway);
  const bellhop = await Bellhop.start(server, gateway, tokens);
  const rounds: DeliveryRound[] = [];
  try {
    for (let round = 0; round <= options.rounds; round++) {
      const task = { tokens, payload: PAYLOAD, topic: TOPIC, inFlight: options.inFlight };
      const turns = [() => sendByLoop(loop, task), () => bellhop.sendAll(server)];
      for (const turn of round % 2 ? turns : turns.reverse()) {
        await simulator.call('reset');
        await server.checkpoint();
        const sent = await turn();
        const arrived = await simulator.call<Arrived>('arrived');
        if (round > 0) rounds.push({ ...sent, arrived, perSecond: arrived.accepted / sent.seconds });
      }
    }
  } finally {
    await bellhop.stop();
    await Promise.all([simulator.stop(), loop.stop()]);
  }
  const rows = [LOOP, BELLHOP].map((target) => summary(target, rounds, options.devices));
  return { rows, rounds };
}

type Sent = Omit<DeliveryRound, 'arrived' | 'perSecond'>;

async function sendByLoop(loop: Worker, task: LoopTask): Promise<Sent> {
  const cpu = cpuOf(loop.pid);
  const { seconds, accepted } = await loop.call<LoopResult>('send', task);
  return {
    target: LOOP,
    seconds,
    serverCpuMicros: (cpuOf(loop.pid) - cpu) / accepted,
    databaseCpuMicros: 0,
    acceptedHere: accepted,
  };
}

/** A platform with one device per person. */
class Bellhop {
  private constructor(
    private readonly platform: Platform,
    private readonly app: AppApi,
    private readonly databaseUrl: string,
    private readonly people: readonly string[],
  ) {}

  static async start(server: TestServer, gateway: Gateway, tokens: readonly string[]): Promise<Bellhop> {
    const databaseUrl = await server.create('delivery');
    const execArgv = process.env.BENCH_PROFILE === 'delivery' ? ['--cpu-prof', '--cpu-prof-dir=bench/results'] : [];
    const platform = await Platform.start({ databaseUrl, role: 'all', execArgv });
    const app = await platform.createApp();
    const { keyId, teamId, p8 } = gateway.credentials;
    await app.integrate('apns', {
      keyId,
      teamId,
      p8,
      bundleId: TOPIC,
      productionUrl: gateway.url,
      sandboxUrl: gateway.url,
      certificateAuthority: gateway.caPem,
    });
    const people = tokens.map((_, number) => `person-${number}`);
    await inParallel(tokens.entries(), 16, ([number, token]) =>
      app.call('PUT', `/v1/users/${people[number]}/devices/phone-${number}`, {
        gateway: 'apns',
        platform: 'ios',
        environment: 'production',
        token,
      }),
    );
    return new Bellhop(platform, app, databaseUrl, people);
  }

  /** From the first call to the API until the last outcome is stored. */
  async sendAll(server: TestServer): Promise<Sent> {
    const before = await this.accepted();
    const [cpu, databaseCpu] = [cpuOf(this.platform.pid), await server.cpuMicros()];
    const chunks = Array.from({ length: Math.ceil(this.people.length / CHUNK) }, (_, i) =>
      this.people.slice(i * CHUNK, (i + 1) * CHUNK),
    );
    const started = performance.now();
    await inParallel(chunks.values(), CALLERS, (users) =>
      this.app.call('POST', '/v1/notifications', { audience: { users }, content: CONTENT }),
    );
    await this.settled();
    const seconds = (performance.now() - started) / 1000;
    const [micros, databaseMicros] = [cpuOf(this.platform.pid) - cpu, (await server.cpuMicros()) - databaseCpu];
    return {
      target: BELLHOP,
      seconds,
      serverCpuMicros: micros / this.people.length,
      databaseCpuMicros: databaseMicros / this.people.length,
      acceptedHere: (await this.accepted()) - before,
    };
  }

  stop(): Promise<void> {
    return this.platform.stop();
  }

  private accepted(): Promise<number> {
    return numberFrom(this.databaseUrl, `SELECT count(*) FROM delivery WHERE state = 'accepted'`);
  }

  private async settled(): Promise<void> {
    const client = new Client({ connectionString: this.databaseUrl });
    await client.connect();
    for (;;) {
      const { rows } = await client.query(`SELECT 1 FROM notification WHERE state <> 'done' LIMIT 1`);
      if (rows.length === 0) break;
      await pause(20);
    }
    await client.end();
  }
}

/** Takes the items in order, so many at a time. */
async function inParallel<T>(items: Iterator<T>, lanes: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let next = items.next(); !next.done; next = items.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

function summary(target: string, rounds: readonly DeliveryRound[], devices: number): DeliveryRow {
  const own = rounds.filter((round) => round.target === target);
  const loop = rounds.filter((round) => round.target === LOOP);
  const of = (key: 'perSecond' | 'serverCpuMicros' | 'databaseCpuMicros'): number =>
    median(own.map((round) => round[key]));
  return {
    target,
    perSecond: of('perSecond'),
    serverCpuMicros: of('serverCpuMicros'),
    databaseCpuMicros: of('databaseCpuMicros'),
    ratio: median(own.map(({ perSecond }, i) => perSecond / (loop[i]?.perSecond ?? Number.NaN))),
    valid: own.every(
      ({ acceptedHere, arrived: { accepted, refused, distinctTokens } }) =>
        acceptedHere === devices && accepted === devices && distinctTokens === devices && refused === 0,
    ),
  };
}
