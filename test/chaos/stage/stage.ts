import type { ApnsSimulator } from '@bellhop/simulators';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PLATFORM_KEY, VAULT_KEYS } from '../../../bench/support/platform.js';
import type { TestServer } from '../../../bench/support/postgres.js';
import { seedPeople } from '../../../bench/support/registry.js';
import type { Chaos } from '../scenario.js';
import { Gateways } from './gateways.js';
import { Ledger } from './ledger.js';
import { ChaosNode, newSlot, type NodeOptions, type Slot } from './node.js';
import { Outputs } from './outputs.js';
import { NUMBERS_EACH, openTenant, type Tenant, type TenantOptions } from './tenants.js';

/** The shortest there is: deliveries that were cut off are taken up again after it. */
export const LEASE_SECONDS = 10;
/** What the promise about open rows allows beyond a lease. */
export const GRACE_SECONDS = 60;

export interface StageOptions extends Partial<Parameters<typeof Gateways.start>[0]> {
  /** Default: that of all scenarios. */
  readonly server?: TestServer;
  /** Addresses for processes. Default 1. */
  readonly slots?: number;
  /** For all processes, over {@link LEASE_SECONDS}. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Stages of this run so far: each leaves files of its own. */
let opened = 0;

/** A scenario's database, gateways, processes and tenants, with all that is remembered of them. */
export class Stage {
  readonly nodes: ChaosNode[] = [];
  readonly tenants: Tenant[] = [];
  /** Rejects when a process ends that should not: whoever waits for what it should have done would wait for ever. */
  private readonly death = Promise.withResolvers<never>();

  private constructor(
    readonly chaos: Chaos,
    readonly server: TestServer,
    readonly databaseUrl: string,
    readonly gateways: Gateways,
    readonly slots: readonly Slot[],
    readonly ledger: Ledger,
    readonly outputs: Outputs,
    private readonly folder: string,
    private readonly options: StageOptions,
  ) {}

  static async open(chaos: Chaos, options: StageOptions = {}): Promise<Stage> {
    const { record = 100_000, slots = 1, server = chaos.server } = options;
    const trail = path.resolve('.data/chaos', `${chaos.name}-${chaos.seed}-${++opened}`);
    const outputs = new Outputs(`${trail}.log`);
    outputs.plant('platform key', PLATFORM_KEY);
    for (const { bytes } of VAULT_KEYS) outputs.plant('sealing key', bytes.toString('base64'));
    return new Stage(
      chaos,
      server,
      await server.create('chaos'),
      await Gateways.start({ ...options, record }),
      await Promise.all(Array.from({ length: slots }, (_, i) => newSlot(`node-${i}`))),
      new Ledger(`${trail}.jsonl`),
      outputs,
      await mkdtemp(path.join(os.tmpdir(), 'bellhop-chaos-')),
      options,
    );
  }

  slot(place = 0): Slot {
    return this.slots[place] as Slot;
  }

  /** A process at an address that is free, or was left by one that has ended. */
  async start(options: Partial<NodeOptions> = {}): Promise<ChaosNode> {
    const node = await ChaosNode.start({
      slot: this.slot(),
      databaseUrl: this.databaseUrl,
      outputs: this.outputs,
      watchFile: path.join(this.folder, randomBytes(6).toString('hex')),
      onDeath: (words) => this.death.reject(new Error(words)),
      ...options,
      environment: {
        BELLHOP_LEASE_SECONDS: String(LEASE_SECONDS),
        ...this.options.environment,
        ...options.environment,
      },
    });
    this.nodes.push(node);
    return node;
  }

  async tenant(options: Omit<TenantOptions, 'firstNumber' | 'channels'> & Partial<TenantOptions>): Promise<Tenant> {
    const node = this.nodes.at(-1) as ChaosNode;
    // The first range belongs to the crowd.
    const firstNumber = 1 + (this.tenants.length + 1) * NUMBERS_EACH;
    const channels = this.channelsOf(options.name);
    const tenant = await openTenant(node.api, this.outputs, { channels, firstNumber, ...options });
    this.tenants.push(tenant);
    return tenant;
  }

  /** An app with so many iPhones, and the tags of the benchmarks' registry. */
  async crowd(people: number, apns = this.gateways.apns[0] as ApnsSimulator): Promise<Tenant> {
    const node = this.nodes.at(-1) as ChaosNode;
    const channels = { apns: apns.channelConfig(bundleIdOf('crowd')) };
    const tenant = await openTenant(node.api, this.outputs, { name: 'crowd', firstNumber: 0, people: 0, channels });
    await seedPeople(this.databaseUrl, tenant.api.appId, people);
    this.tenants.push(tenant);
    return tenant;
  }

  /** Leading to the first gateway of each kind, with a bundle id of the tenant's own. */
  channelsOf(tenant: string) {
    const { apns, fcm } = this.gateways;
    return {
      ...(apns[0] && { apns: apns[0].channelConfig(bundleIdOf(tenant)) }),
      ...(fcm[0] && { fcm: fcm[0].channelConfig() }),
    };
  }

  /** The work, as long as every process lives that should. */
  during(work: Promise<void>): Promise<void> {
    return Promise.race([work, this.death.promise]);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.gateways.close();
    await this.ledger.close();
    this.outputs.close();
    await rm(this.folder, { recursive: true });
    // One that is away must not hide what made it so.
    await this.server.drop(this.databaseUrl).catch(() => undefined);
  }
}

export const bundleIdOf = (tenant: string): string => `com.example.${tenant}`;

/** Opens a stage, carries the work out, and clears up whatever happens. */
export async function onStage(
  chaos: Chaos,
  options: StageOptions,
  work: (stage: Stage) => Promise<void>,
): Promise<void> {
  const stage = await Stage.open(chaos, options);
  try {
    await stage.during(work(stage));
  } finally {
    await stage.close();
  }
}
