import type { ApnsSimulator } from '@bellhop/simulators';
import { quantile } from '../../../bench/support/measures.js';
import { run } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import { quiet } from '../checks/quiet.js';
import type { Chaos, Scenario } from '../scenario.js';
import { markOf, Senders } from '../stage/senders.js';
import { bundleIdOf, onStage, type Stage } from '../stage/stage.js';

/** Numbers of the second app lie so far from those of the first one that each callback is known by its number. */
const APART = 1_000_000;
/** Callbacks a second, of each of the two apps. */
const RATE = 40;
const ALLOWED_RATIO = 1.5;
/** Less than that is what one collection of garbage makes of a p95. */
const ALLOWED_MS = 10;
/** Whatever else goes on at the machine only adds: the lower quartile of so long stretches tells what the platform takes. */
const WINDOW_MS = 2_000;
const QUARTILE = 0.25;
/** What the machine does to a round it does not do to all of them; what the outage does, it does each time. */
const ROUNDS = 3;

/** Two apps with a gateway each; that of the second one answers 503 for two minutes. What does the first one notice? */
export const deadVendor: Scenario = {
  name: 'dead-vendor',
  about: 'one gateway answers 503 for two minutes, the others stay as fast as before',
  ci: true,
  alone: true,
  run: (chaos) => onStage(chaos, { apns: [{}, {}], fcm: [] }, (stage) => carryOut(chaos, stage)),
};

async function carryOut(chaos: Chaos, stage: Stage): Promise<void> {
  const { ci, findings } = chaos;
  const [, sick] = stage.gateways.apns;
  if (!sick) throw new Error('The stage has no second gateway.');
  await stage.start();
  const healthy = await stage.tenant({ name: 'home' });
  const channels = { apns: sick.channelConfig(bundleIdOf('patient')) };
  const patient = await stage.tenant({ name: 'patient', channels });
  const urls = [stage.slot().url];
  const own = new Senders(stage.ledger, healthy, undefined, urls);
  const other = new Senders(stage.ledger, patient, undefined, urls);
  own.rate = RATE;
  other.rate = RATE;
  other.made = APART;
  const both = (seconds: number) => Promise.all([own.post(RATE * seconds), other.post(RATE * seconds)]);

  await both(ci ? 2 : 10);
  let compared: Compared | undefined;
  for (let round = 1; round <= ROUNDS && !compared?.kept; round++) {
    compared = await outage(chaos, { stage, sick, own, other, both }, round);
  }
  findings.expect(`p95 of other lanes over ${ALLOWED_RATIO} of before`, compared?.kept === true, compared);
  await check(stage, { expected: (number) => (number >= APART ? other : own).expected(number) });
  findings.figure('calls that the sick gateway refused', sick.counters.answers['503 ServiceUnavailable'] ?? 0);
  await expectAllSent(chaos, stage);
}

interface Ward {
  readonly stage: Stage;
  readonly sick: ApnsSimulator;
  readonly own: Senders;
  readonly other: Senders;
  readonly both: (seconds: number) => Promise<unknown>;
}

/** One outage from before it to after it. */
async function outage({ ci, findings }: Chaos, ward: Ward, round: number): Promise<Compared> {
  const { stage, sick, own, other, both } = ward;
  const figure = (name: string, value: number) => findings.figure(`round ${round}: ${name}`, value);
  const before = await measured(stage, own, () => both(ci ? 6 : 60));
  sick.script('*', ['ServiceUnavailable'], { repeatLast: true });
  const from = other.made;
  const during = await measured(stage, own, () => both(ci ? 8 : 120));
  sick.script('*', []);
  const mendedAt = Date.now();
  const made = other.made;
  const after = await measured(stage, own, () => both(ci ? 2 : 60));
  await quiet(stage);
  for (const [name, passages] of Object.entries({ before, during, after })) {
    for (const percent of [50, 95, 99]) {
      figure(`callback to push ${name}, p${percent} ms`, quantile(msOf(passages), percent / 100));
    }
  }
  const compared = compare(before, during);
  figure('p95 during, over before', quantile(msOf(during), 0.95) / quantile(msOf(before), 0.95));
  figure('undisturbed p95 before, ms', compared.before);
  figure('undisturbed p95 during, ms', compared.during);
  figure('undisturbed p95 during, over before', compared.during / compared.before);
  figure('last push of the backlog after it was mended, s', (lastPush(stage, from, made) - mendedAt) / 1000);
  return compared;
}

/** When the last one came for callbacks from a number up to another one. Milliseconds since 1970. */
function lastPush({ gateways }: Stage, from: number, to: number): number {
  const marks = new Set(Array.from({ length: to - from }, (_, i) => markOf(from + i)));
  return Math.max(...gateways.pushes.filter(({ mark }) => marks.has(mark)).map(({ at }) => at));
}

/** From the first call of a callback to one of its pushes. */
interface Passage {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
}

/** Every push for the callbacks that the work makes. */
async function measured(stage: Stage, senders: Senders, work: () => Promise<unknown>): Promise<Passage[]> {
  const from = senders.made;
  await work();
  const marks = new Map(
    Array.from({ length: senders.made - from }, (_, i) => [markOf(from + i), stage.ledger.callbacks.get(from + i)?.at]),
  );
  return stage.gateways.pushes.flatMap(({ mark, at }) => {
    const sent = marks.get(mark);
    return sent === undefined ? [] : [{ at: sent, ms: at - sent }];
  });
}

const msOf = (passages: readonly Passage[]): number[] => passages.map(({ ms }) => ms);

/** The p95 of a stretch that is disturbed by little else. */
function undisturbedP95(passages: readonly Passage[]): number {
  const windows = Map.groupBy(passages, ({ at }) => Math.floor(at / WINDOW_MS));
  const each = [...windows.values()].map((window) => quantile(msOf(window), 0.95));
  return quantile(each, QUARTILE);
}

interface Compared {
  /** Milliseconds. */
  readonly before: number;
  readonly during: number;
  readonly kept: boolean;
}

function compare(earlier: readonly Passage[], later: readonly Passage[]): Compared {
  const [before, during] = [undisturbedP95(earlier), undisturbedP95(later)];
  return { before, during, kept: during <= before * ALLOWED_RATIO || during - before <= ALLOWED_MS };
}

/** What nobody was told of during the outage has been sent after it. */
async function expectAllSent({ findings }: Chaos, { databaseUrl }: Stage): Promise<void> {
  await run(databaseUrl, async (client) => {
    const { rows } = await client.query(
      `SELECT state, reason, count(*)::int FROM delivery WHERE state NOT IN ('accepted', 'skipped') GROUP BY 1, 2`,
    );
    findings.expectNone('deliveries given up although the vendor came back', rows);
    const attempts = await client.query<{ most: number }>('SELECT max(attempt_count) AS most FROM delivery');
    findings.figure('attempts at most', attempts.rows[0]?.most ?? 0);
  });
}
