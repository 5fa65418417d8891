import type { Bench, Findings, Plot, Scenario, Table } from '../scenario.js';
import type { Preparation } from '../support/callback-load.js';
import { bellhop, NIM } from '../support/callback-targets.js';
import { memoryOf } from '../support/measures.js';
import type { OpenLoopOptions, OpenLoopResult } from '../support/open-loop.js';
import { type CallbackTarget, isValid, measureTurn, startLoad, type Turn } from '../support/turns.js';
import type { Worker } from '../support/worker.js';

/** The peak is the best of these: more connections make larger groups, until the machine has no more to give. */
const PEAK_CONNECTIONS = [64, 256, 512];
/** Times the peak. */
const OVERLOAD = 2;
/** Those that vendors keep open; opening thousands within the first second would take the generator all of its time. */
const OPENED = 2_000;
/** Vendors open a connection for every callback that finds none free; more than these would wait on their side. */
const CONNECTIONS = 12_000;
const SAMPLE_MS = 250;

interface Memory {
  readonly atSeconds: number;
  readonly megabytes: number;
}

interface Overload extends OpenLoopResult {
  readonly perSecond: number;
  readonly seconds: number;
  readonly stored: number;
  readonly memory: readonly Memory[];
}

export const overload: Scenario = {
  name: 'overload',
  about: `${OVERLOAD} times as many callbacks as are taken at the peak, role all`,
  async run(bench) {
    const load = startLoad();
    const target = await bellhop(bench.server, 'all');
    try {
      const peak = await peakOf(bench, load, target);
      bench.say(`Peak: ${Math.round(peak.perSecond)} per second over ${peak.connections} connections.`);
      return findings(peak, await overloaded(bench, load, target, peak.perSecond));
    } finally {
      await Promise.all([load.stop(), target.stop()]);
    }
  },
};

/** The best turn; one before them warms up. */
async function peakOf({ server, quick }: Bench, load: Worker, target: CallbackTarget): Promise<Turn> {
  const seconds = quick ? 0.7 : 4;
  const turn = (connections: number, round: number): Promise<Turn> =>
    measureTurn(server, load, target, { vendor: NIM, connections, seconds, round });
  await turn(64, 0);
  const turns: Turn[] = [];
  for (const connections of PEAK_CONNECTIONS) turns.push(await turn(connections, 1));
  return turns.reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
}

async function overloaded(
  { server, quick }: Bench,
  load: Worker,
  target: CallbackTarget,
  peak: number,
): Promise<Overload> {
  const seconds = quick ? 5 : 60;
  const perSecond = OVERLOAD * peak;
  // What is refused comes again, so no more are needed than can be taken or be under way.
  const count = Math.ceil(Math.min(perSecond * seconds, 1.3 * peak * seconds + CONNECTIONS));
  await load.call('prepare', { address: target.address('nim'), vendor: NIM, count } satisfies Preparation);
  await server.checkpoint();
  const before = await target.stored();
  const watch = watchMemory(target.pids[0] ?? 0);
  const options = { perSecond, seconds, connections: CONNECTIONS, opened: OPENED, resend: true };
  const result = await load.call<OpenLoopResult>('openLoop', options satisfies OpenLoopOptions);
  const memory = watch.end();
  await target.settle?.();
  return { ...result, perSecond, seconds, memory, stored: (await target.stored()) - before };
}

function watchMemory(pid: number): { end(): Memory[] } {
  const samples: Memory[] = [];
  const started = performance.now();
  const sample = (): void => {
    samples.push({ atSeconds: (performance.now() - started) / 1000, megabytes: memoryOf(pid) });
  };
  sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    end() {
      clearInterval(timer);
      sample();
      return samples;
    },
  };
}

/** Everything that was answered with success is a row; what was cut off without an answer may be one. */
const accounted = ({ stored, accepted, failed, unanswered }: Overload): boolean =>
  stored >= accepted && stored <= accepted + failed + unanswered;

function findings(peak: Turn, run: Overload): Findings {
  const { seconds, memory, firstRefusalMs } = run;
  const ratio = goodputOf(run) / peak.perSecond;
  return {
    settings: {
      peakConnections: PEAK_CONNECTIONS,
      overload: OVERLOAD,
      seconds,
      opened: OPENED,
      connections: CONNECTIONS,
    },
    tables: [overloadTable(peak, run)],
    plots: [goodputPlot(peak, run), memoryPlot(memory)],
    measures: [
      { target: 'overload.goodput', value: ratio },
      { target: 'overload.memory', value: mostOf(memory) },
      // Never refused: as late as can be.
      { target: 'overload.refusal', value: firstRefusalMs ?? seconds * 1000 },
    ],
    rounds: [peak, run],
    valid: isValid(peak) && accounted(run),
  };
}

/** Answers with 2xx per second, as long as callbacks came. */
const goodputOf = ({ acceptedBySecond, seconds }: Overload): number =>
  acceptedBySecond.slice(0, seconds).reduce((sum, count) => sum + count, 0) / seconds;

const mostOf = (memory: readonly Memory[]): number => Math.max(...memory.map(({ megabytes }) => megabytes));

function overloadTable(peak: Turn, run: Overload): Table {
  const goodput = goodputOf(run);
  return {
    title: `Open loop at ${OVERLOAD} times the peak for ${run.seconds} s; what is refused is sent again`,
    columns: ['figure', 'peak', 'overload'],
    rows: [
      ['connections', peak.connections, run.connections],
      ['offered/s', Number.NaN, run.perSecond],
      ['2xx/s', peak.perSecond, goodput],
      ['2xx/s, ratio to the peak', 1, goodput / peak.perSecond],
      ['refused', peak.refused, run.refused],
      ['cut off', 0, run.failed],
      ['without an answer', 0, run.unanswered],
      ['first refusal ms', Number.NaN, run.firstRefusalMs ?? Number.NaN],
      ['p50 ms', peak.p50Ms, run.p50Ms],
      ['p99 ms', peak.p99Ms, run.p99Ms],
      ['memory MB', run.memory[0]?.megabytes ?? Number.NaN, mostOf(run.memory)],
      ['stored', peak.stored, run.stored],
      ['valid', isValid(peak), accounted(run)],
    ],
  };
}

function goodputPlot(peak: Turn, { acceptedBySecond, perSecond, seconds }: Overload): Plot {
  const inTime = acceptedBySecond.slice(0, seconds);
  return {
    name: 'overload-goodput',
    title: `Callbacks taken at ${OVERLOAD} times the peak`,
    kind: 'lines',
    x: { title: 's' },
    y: { title: 'per second' },
    series: [
      { name: 'offered', points: inTime.map((_, second) => [second, perSecond]) },
      { name: 'answered with 2xx', points: inTime.map((count, second) => [second, count]) },
      { name: 'peak', points: inTime.map((_, second) => [second, peak.perSecond]) },
    ],
  };
}

function memoryPlot(memory: readonly Memory[]): Plot {
  return {
    name: 'overload-memory',
    title: `Memory at ${OVERLOAD} times the peak`,
    kind: 'lines',
    x: { title: 's' },
    y: { title: 'MB' },
    series: [{ name: 'platform, role all', points: memory.map(({ atSeconds, megabytes }) => [atSeconds, megabytes]) }],
  };
}
