import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { numberFrom } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import type { Push } from '../stage/gateways.js';
import { expectSteadyHeap } from '../stage/memory.js';
import { Senders } from '../stage/senders.js';
import { onStage, type Stage } from '../stage/stage.js';

const OFFLINE_MS = 600_000;
/** People that one request may name. */
const EACH = 1_000;
/** The shortest life that a request may give. */
const SHORT_TTL_S = 60;
const LONG_TTL_S = 24 * 3_600;
/** One request in so many is of no use any more when somebody comes to send it. */
const SHORT_LIVED = 10;
/** Of the requests that come last. */
const URGENT = 2;
/** Batches of 500 that a process may hold at once: they were taken before anything urgent was looked for. */
const IN_HAND = 8 * 500;

/**
 * Nobody sends for ten minutes while requests come in; then a worker starts. The clock of the process that takes them in is
 * ten minutes behind that of everybody else, and moved forward at the end: the rows are as old as they say.
 */
export const backlog: Scenario = {
  name: 'backlog',
  about: 'ten minutes without a worker, then a backlog of 100,000: urgent first, nothing that has expired',
  ci: true,
  run: async (chaos) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'bellhop-backlog-'));
    try {
      const clock = path.join(folder, 'ahead');
      await writeFile(clock, String(-OFFLINE_MS));
      await onStage(chaos, { slots: 2, record: 300_000, apns: [{}] }, (stage) => carryOut(chaos, stage, clock));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function carryOut(chaos: Chaos, stage: Stage, clock: string): Promise<void> {
  const { ci, findings, seed } = chaos;
  const size = ci ? 10_000 : 100_000;
  await stage.start({
    slot: stage.slot(0),
    role: 'api',
    environment: { HAND_CLOCK: clock },
    execArgv: ['--import', './dist/test/chaos/hand-clock.js'],
  });
  const home = await stage.tenant({ name: 'home' });
  const foreign = await stage.tenant({ name: 'foreign' });
  const crowd = await stage.crowd(size);
  const urls = [stage.slot(0).url];
  const askers = new Askers(stage.ledger, urls, seed);
  const senders = new Senders(stage.ledger, home, foreign, urls);

  const ask = async (from: number, priority: 'high' | 'normal', ttlSeconds: number): Promise<string> => {
    const number = askers.made;
    const users = Array.from({ length: EACH }, (_, i) => `person-${from + i}`);
    await askers.ask(crowd, { audience: { users }, priority, ttlSeconds });
    return `ask-${number}!`;
  };
  for (let i = 0; i < size / EACH; i++) {
    await ask(i * EACH, 'normal', i % SHORT_LIVED === 3 ? SHORT_TTL_S : LONG_TTL_S);
  }
  const urgent = new Set<string>();
  for (let i = 0; i < URGENT; i++) urgent.add(await ask(i * EACH, 'high', LONG_TTL_S));
  await writeFile(clock, '0');
  // Vendors sign with the right time.
  await pause(CLOCK_MS);
  await senders.post(ci ? 200 : 2_000);
  findings.figure('deliveries that wait', await numberFrom(stage.databaseUrl, 'SELECT count(*) FROM delivery'));

  const online = performance.now();
  const worker = await stage.start({ slot: stage.slot(1), role: 'worker' });
  const before = await worker.heap();
  await worked(stage);
  findings.figure('backlog done after the worker began, s', (performance.now() - online) / 1000);
  await check(stage, senders);
  expectSteadyHeap(chaos, before, await worker.heap());

  const own = stage.gateways.pushes.filter(({ mark }) => mark.startsWith('ask-'));
  const ahead = aheadOf(own, urgent);
  findings.figure('pushes that were not urgent, before the last urgent one', ahead);
  findings.expect('urgent pushes behind the backlog', ahead <= IN_HAND, ahead);
  const expired = await numberFrom(stage.databaseUrl, `SELECT count(*) FROM delivery WHERE state = 'expired'`);
  findings.figure('expired and never sent', expired);
  findings.expect('deliveries expired other than those that had to', expired === size / SHORT_LIVED, expired);
}

/** Longer than a process takes to see that its clock was moved. */
const CLOCK_MS = 500;
const LOOK_MS = 100;
/** Without anything having ended; the checks tell what is left. */
const STANDSTILL_MS = 60_000;

/** Waits for the backlog. Its rows are older than any that may be open, and yet it is only their turn that has not come. */
async function worked({ databaseUrl }: Stage): Promise<void> {
  const open = `
    SELECT (SELECT count(*) FROM delivery WHERE state IN ('queued', 'sending'))
         + (SELECT count(*) FROM inbound_event WHERE state = 'accepted')
         + (SELECT count(*) FROM notification WHERE state = 'sending')`;
  let left = Infinity;
  let since = performance.now();
  while (left > 0 && performance.now() - since < STANDSTILL_MS) {
    const now = await numberFrom(databaseUrl, open);
    if (now < left) since = performance.now();
    left = now;
    await pause(LOOK_MS);
  }
}

function aheadOf(pushes: readonly Push[], urgent: ReadonlySet<string>): number {
  const last = Math.max(...pushes.filter(({ mark }) => urgent.has(mark)).map(({ at }) => at));
  return pushes.filter(({ mark, at }) => !urgent.has(mark) && at < last).length;
}
