import type { Bench, Findings, Plot, Scenario, Table } from '../scenario.js';
import type { Preparation } from '../support/callback-load.js';
import { bellhop, NIM } from '../support/callback-targets.js';
import { median, memoryOf } from '../support/measures.js';
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

interface Round {
  readonly peak: Turn;
  readonly run: Overload;
}

export const overload: Scenario = {
  name: 'overload',
  about: `${OVERLOAD} times as many callbacks as are taken at the peak, role all`,
  async run(bench) {
    const load = startLoad();
    const target = await bellhop(bench.server, 'all');
    try {
      const rounds: Round[] = [];
      for (let round = 1; round <= bench.rounds; round++) {
        const peak = await peakOf(bench, load, target, round);
        bench.say(`Peak: ${Math.round(peak.perSecond)} per second over ${peak.connections} connections.`);
        rounds.push({ peak, run: await overloaded(bench, load, target, peak.perSecond) });
      }
      return findings(rounds);
    } finally {
      await Promise.all([load.stop(), target.stop()]);
    }
  },
};

/** The best turn; one before them warms up. */
async function peakOf({ server, quick }: Bench, load: Worker, target: CallbackTarget, round: number): Promise<Turn> {
  const seconds = quick ? 0.7 : 4;
  const turn = (connections: number): Promise<Turn> =>
    measureTurn(server, load, target, { vendor: NIM, connections, seconds, round });
  await turn(64);
  const turns: Turn[] = [];
  for (const connections of PEAK_CONNECTIONS) turns.push(await turn(connections));
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

function findings(rounds: readonly Round[]): Findings {
  const seconds = rounds[0]?.run.seconds;
  const typical = rounds.toSorted((a, b) => ratioOf(a) - ratioOf(b))[Math.floor(rounds.length / 2)] as Round;
  return {
    settings: {
      peakConnections: PEAK_CONNECTIONS,
      overload: OVERLOAD,
      seconds,
      opened: OPENED,
      connections: CONNECTIONS,
    },
    tables: [overloadTable(rounds)],
    plots: [goodputPlot(typical), memoryPlot(typical.run)],
    measures: [
      { target: 'overload.goodput', value: median(rounds.map(ratioOf)) },
      { target: 'overload.memory', value: Math.max(...rounds.map(({ run }) => mostOf(run))) },
      { target: 'overload.refusal', value: median(rounds.map(({ run }) => firstRefusalOf(run))) },
    ],
    rounds: rounds.flatMap(({ peak, run }) => [peak, run]),
    valid: rounds.every(({ peak, run }) => isValid(peak) && accounted(run)),
  };
}

const ratioOf = ({ peak, run }: Round): number => goodputOf(run) / peak.perSecond;

/** Never refused: as late as can be. */
const firstRefusalOf = ({ firstRefusalMs, seconds }: Overload): number => firstRefusalMs ?? seconds * 1000;

/** Answers with 2xx per second, as long as callbacks came. */
const goodputOf = ({ acceptedBySecond, seconds }: Overload): number =>
  acceptedBySecond.slice(0, seconds).reduce((sum, count) => sum + count, 0) / seconds;

const mostOf = ({ memory }: Overload): number => Math.max(...memory.map(({ megabytes }) => megabytes));

function overloadTable(rounds: readonly Round[]): Table {
  const seconds = rounds[0]?.run.seconds;
  const row = (figure: string, peak: (turn: Turn) => number, run: (run: Overload) => number): Table['rows'][number] => {
    return [figure, median(rounds.map((round) => peak(round.peak))), ...spread(rounds.map((round) => run(round.run)))];
  };
  const none = (): number => Number.NaN;
  return {
    title: `Open loop at ${OVERLOAD} times the peak for ${seconds} s; what is refused is sent again`,
    columns: ['figure', 'peak', 'overload', 'least', 'most'],
    rows: [
      row(
        'connections',
        ({ connections }) => connections,
        ({ connections }) => connections,
      ),
      row('offered/s', none, ({ perSecond }) => perSecond),
      row('2xx/s', ({ perSecond }) => perSecond, goodputOf),
      ['2xx/s, ratio to the peak', 1, ...spread(rounds.map(ratioOf))],
      row(
        'refused',
        ({ refused }) => refused,
        ({ refused }) => refused,
      ),
      row(
        'cut off',
        () => 0,
        ({ failed }) => failed,
      ),
      row(
        'without an answer',
        () => 0,
        ({ unanswered }) => unanswered,
      ),
      row('first refusal ms', none, firstRefusalOf),
      row(
        'p50 ms',
        ({ p50Ms }) => p50Ms,
        ({ p50Ms }) => p50Ms,
      ),
      row(
        'p99 ms',
        ({ p99Ms }) => p99Ms,
        ({ p99Ms }) => p99Ms,
      ),
      ['memory MB before', Number.NaN, ...spread(rounds.map(({ run }) => run.memory[0]?.megabytes ?? Number.NaN))],
      row('memory MB at most', none, mostOf),
      row(
        'stored',
        ({ stored }) => stored,
        ({ stored }) => stored,
      ),
      ['rounds', rounds.length, rounds.length, Number.NaN, Number.NaN],
      [
        'valid',
        rounds.every(({ peak }) => isValid(peak)),
        rounds.every(({ run }) => accounted(run)),
        Number.NaN,
        Number.NaN,
      ],
    ],
  };
}

function spread(values: readonly number[]): [median: number, least: number, most: number] {
  return [median(values), Math.min(...values), Math.max(...values)];
}

function goodputPlot({ peak, run: { acceptedBySecond, perSecond, seconds } }: Round): Plot {
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

function memoryPlot({ memory }: Overload): Plot {
  return {
    name: 'overload-memory',
    title: `Memory at ${OVERLOAD} times the peak`,
    kind: 'lines',
    x: { title: 's' },
    y: { title: 'MB' },
    series: [{ name: 'platform, role all', points: memory.map(({ atSeconds, megabytes }) => [atSeconds, megabytes]) }],
  };
}
