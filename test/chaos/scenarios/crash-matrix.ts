import { chunks } from '@bellhop/contracts';
import { setTimeout as pause } from 'node:timers/promises';
import { FAULT_POINTS, type FaultPoint } from '../../../src/platform/fault-points.js';
import { check } from '../checks/check.js';
import { expectNothingLost } from '../checks/lost.js';
import { quiet } from '../checks/quiet.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { InFlight } from '../stage/in-flight.js';
import type { ChaosNode } from '../stage/node.js';
import { type Expected, Senders } from '../stage/senders.js';
import { onStage, type Stage } from '../stage/stage.js';
import type { Tenant } from '../stage/tenants.js';

/** Where a process is killed: by itself at a point of its code, or from outside while a gateway holds its calls. */
type KillPoint = FaultPoint | 'at-the-gateway';
const POINTS: readonly KillPoint[] = [...FAULT_POINTS, 'at-the-gateway'];
/** Of the subset: webhooks need a minute each, and what comes before a commit is the least of it. */
const CI_POINTS: readonly KillPoint[] = [
  'after-flush-commit',
  'after-route-commit',
  'after-slice-commit',
  'after-claim-commit',
  'after-send',
  'before-record-commit',
  'after-record-commit',
];
/** Passages before the kill, at most; a load passes each point more often than that. */
const PASSAGES = { long: 4, ci: 2 };
/** Of the points of planning: a crowd is planned in slices of 1,000, then 5,000 and so on. */
const SLICES = { long: 3, ci: 1 };
const CROWD = { long: 12_000, ci: 3_000 };
const RUNS = 3;
/** Between the numbers of two kinds of callbacks. */
const APART = 1_000_000;
const ALIVE_MS = 60_000;
const REPEATED = 0.1;
/** Each process inherits from those that were killed before it. An eighth loss of the same delivery would be its last. */
const IN_A_ROW = 7;
/** Of a process that was killed before it was up. */
const BY_SIGNAL = /^The platform ended with null/;

/** Callbacks, a broadcast and webhooks under way; then the process is gone, at a named point, and another one follows. */
export const crashMatrix: Scenario = {
  name: 'crash-matrix',
  about: `kills a process at ${POINTS.length} named points, ${RUNS} times each`,
  ci: true,
  run: (chaos) =>
    onStage(chaos, { record: 400_000 }, async (stage) => {
      const matrix = await Matrix.open(chaos, stage);
      for (let run = 1; run <= (chaos.ci ? 1 : RUNS); run++) {
        for (const points of chunks(chaos.ci ? CI_POINTS : POINTS, IN_A_ROW)) {
          await matrix.recovered?.stop();
          for (const point of points) await matrix.kill(point, run);
          await matrix.recover();
        }
      }
      await check(stage, matrix);
      await expectNothingLost(stage);
      matrix.report();
    }),
};

class Matrix {
  /** Lives, once all is quiet. */
  recovered: ChaosNode | undefined;
  private readonly inFlight: InFlight;
  /** What kills interrupted; whoever comes next gets it. */
  private work: Promise<unknown>[] = [];

  private constructor(
    private readonly chaos: Chaos,
    private readonly stage: Stage,
    /** Nobody listens to what becomes of their callbacks. */
    private readonly senders: Senders,
    /** A webhook follows each of theirs, and whoever is killed holds some of those for a minute. */
    private readonly hooked: Senders,
    private readonly askers: Askers,
    private readonly crowd: Tenant,
    private readonly callbacks: number,
  ) {
    this.inFlight = new InFlight(stage);
  }

  static async open(chaos: Chaos, stage: Stage): Promise<Matrix> {
    const node = await stage.start();
    const home = await stage.tenant({ name: 'home' });
    const foreign = await stage.tenant({ name: 'foreign' });
    const crowd = await stage.crowd(chaos.ci ? CROWD.ci : CROWD.long);
    const events = ['notification.done', 'delivery.failed', 'delivery.dead', 'integration.paused', 'device.retired'];
    const told = await stage.tenant({ name: 'told' });
    await told.api.call('POST', '/v1/webhooks', { url: stage.gateways.receiver.url, events });
    await node.stop();
    const urls = [stage.slot().url];
    const senders = new Senders(stage.ledger, home, foreign, urls);
    const hooked = new Senders(stage.ledger, told, foreign, urls);
    hooked.made = APART;
    const askers = new Askers(stage.ledger, urls, chaos.seed, 20_000);
    return new Matrix(chaos, stage, senders, hooked, askers, crowd, chaos.ci ? 120 : 300);
  }

  expected(number: number): Expected {
    return this.ownerOf(number).expected(number);
  }

  private ownerOf(number: number): Senders {
    return number >= APART ? this.hooked : this.senders;
  }

  async kill(point: KillPoint, run: number): Promise<void> {
    const { stage, chaos } = this;
    const senders = point.includes('webhook') ? this.hooked : this.senders;
    const most = point.includes('slice') ? SLICES : PASSAGES;
    const times = chaos.random.whole(1, chaos.ci ? most.ci : most.long);
    const armed = await (point === 'at-the-gateway' ? stage.start() : this.arm(point, times));
    this.work.push(senders.post(this.callbacks), this.broadcast(point));
    const died = !armed || (await (point === 'at-the-gateway' ? this.killAtGateway(armed) : this.gone(armed)));
    chaos.findings.expectNone('kill points that were not reached', died ? [] : [point]);
    if (!died) await armed.kill();
    const held = await this.inFlight.note();
    chaos.say(`  ${point.padEnd(22)} run ${run}: ${held} in flight`);
  }

  /** Another process takes over, until all is quiet. */
  async recover(): Promise<void> {
    const { stage, chaos } = this;
    const before = stage.gateways.pushedTwice.size;
    this.recovered = await stage.start();
    await Promise.all(this.work);
    this.work = [];
    // KF5 sends no ids: what it sends again is known for some minutes.
    const latest = [...stage.ledger.callbacks.keys()].slice(-IN_A_ROW * this.callbacks);
    const some = latest.filter(() => chaos.random.next() < REPEATED);
    for (const [senders, numbers] of Map.groupBy(some, (number) => this.ownerOf(number))) await senders.repeat(numbers);
    const seconds = await quiet(stage);
    const twice = stage.gateways.pushedTwice.size - before;
    chaos.say(`  ${'recovered'.padEnd(22)}        ${twice} sent twice, quiet after ${seconds.toFixed(1)} s`);
  }

  report(): void {
    this.inFlight.expectNoOthersTwice();
  }

  /** @returns nothing for one that got to the point, with what it inherited, before it was up. */
  private async arm(point: FaultPoint, times: number): Promise<ChaosNode | undefined> {
    try {
      return await this.stage.start({ fault: { point, times } });
    } catch (error) {
      if (BY_SIGNAL.test((error as Error).message)) return undefined;
      throw error;
    }
  }

  /** Only a broadcast passes the points of planning. */
  private async broadcast(point: KillPoint): Promise<void> {
    if (!point.includes('slice')) return;
    const audience = { allOf: ['all'], anyOf: ['vip', 'regular'] };
    await this.askers.ask(this.crowd, { audience, ttlSeconds: 3_600 });
  }

  private async gone(node: ChaosNode): Promise<boolean> {
    return (await Promise.race([node.ended, pause(ALIVE_MS, 'alive', { ref: false })])) !== 'alive';
  }

  /** Calls have left and are not answered: the gateway decides about them when nobody is there to hear it. */
  private async killAtGateway(node: ChaosNode): Promise<boolean> {
    const [apns] = this.stage.gateways.apns;
    if (!apns) return false;
    apns.hold();
    try {
      await apns.received(apns.counters.requests + 1 + this.chaos.random.whole(0, 50), ALIVE_MS);
      await node.kill();
      return true;
    } finally {
      apns.release();
    }
  }
}
