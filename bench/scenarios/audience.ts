import type { Bench, Findings, Scenario, Table } from '../scenario.js';
import { startGateway } from '../support/broadcasts.js';
import type { Gateway } from '../support/gateway.js';
import { memoryOf, peakMemoryOf, quantile, resetPeakMemory } from '../support/measures.js';
import type { AppApi, Platform } from '../support/platform.js';
import { AUDIENCES, numbersOf, type TagExpression } from '../support/registry.js';
import { Bellhop, CONTENT, crowdOf } from '../support/senders.js';
import { used, type Used } from '../support/usage.js';
import type { Worker } from '../support/worker.js';

/** Calls per expression, and changes of tags; fewer of those that take long. */
const CALLS = { most: 20, least: 5, seconds: 5 };
const BATCH = { users: 1_000, tags: 20 };
/** Batches stay in the worker's hands while planning is measured. */
const LEASE_SECONDS = '3600';

/** What it takes to know whom a broadcast reaches, and to plan it. */
export const audience: Scenario = {
  name: 'audience',
  about: 'explain and preview of tag expressions, changes of tags, and planning without sending',
  async run(bench) {
    const people = bench.quick ? 10_000 : 1_000_000;
    const gateway = startGateway();
    const bellhop = await Bellhop.start(bench.server, await gateway.call<Gateway>('describe'), {
      name: 'Bellhop',
      people,
      roles: ['api', 'worker'],
      environment: { BELLHOP_LEASE_SECONDS: LEASE_SECONDS },
    });
    try {
      // The worker has nothing to do yet, and would take CPU for looking.
      const [api, worker] = bellhop.processes as [Platform, Platform];
      worker.freeze();
      const questions = await ask(bench, bellhop.app, api.pid, people);
      const changes = await changeTags(bench, bellhop.app, api.pid);
      worker.thaw();
      const plan = await planAlone(bench, gateway, bellhop, people);
      return findings(people, questions, changes, plan);
    } finally {
      // What is held at the gateway would be waited for.
      await Promise.all(bellhop.processes.map((process) => process.kill()));
      await bellhop.stop();
      await gateway.stop();
    }
  },
};

interface Answers {
  readonly name: string;
  readonly devices: number;
  readonly explainMs: readonly number[];
  readonly previewMs: readonly number[];
  /** Per explain. */
  readonly ownCpuMicros: number;
  readonly databaseCpuMicros: number;
  /** Every answer was the number of those who have the tags. */
  readonly valid: boolean;
}

async function ask({ server, say }: Bench, app: AppApi, pid: number, people: number): Promise<Answers[]> {
  const answers: Answers[] = [];
  for (const [name, expression] of Object.entries<TagExpression>(AUDIENCES)) {
    const devices = numbersOf(expression, people).length;
    const explain = (): Promise<{ targets: number }> =>
      app.call('POST', '/v1/notifications/explain', { audience: expression, content: CONTENT });
    const preview = (): Promise<{ devices: number }> =>
      app.call('POST', '/v1/audiences/preview', { audience: expression });
    await explain();
    await preview();
    const explained = await used(server, [pid], () => timed(explain));
    const previewed = await timed(preview);
    say(`${name}: ${devices} devices, explain ${quantile(explained.result.ms, 0.5).toFixed(1)} ms`);
    answers.push({
      name,
      devices,
      explainMs: explained.result.ms,
      previewMs: previewed.ms,
      ownCpuMicros: explained.ownCpuMicros / explained.result.ms.length,
      databaseCpuMicros: explained.databaseCpuMicros / explained.result.ms.length,
      valid:
        explained.result.answers.every(({ targets }) => targets === devices) &&
        previewed.answers.every((answer) => answer.devices === devices),
    });
  }
  return answers;
}

interface Timed<T> {
  readonly ms: readonly number[];
  readonly answers: readonly T[];
}

/** One call after the other. */
async function timed<T>(call: (number: number) => Promise<T>): Promise<Timed<T>> {
  const [ms, answers]: [number[], T[]] = [[], []];
  const began = performance.now();
  const isOver = (): boolean => ms.length >= CALLS.least && performance.now() - began > CALLS.seconds * 1000;
  while (ms.length < CALLS.most && !isOver()) {
    const started = performance.now();
    answers.push(await call(ms.length));
    ms.push(performance.now() - started);
  }
  return { ms, answers };
}

interface Changes extends Used<Timed<{ users: number }>> {
  readonly name: string;
}

/** Of people without a device, who are in no audience. */
async function changeTags({ server }: Bench, app: AppApi, pid: number): Promise<Changes[]> {
  const setAll = (version: number) => (batch: number) => {
    const userIds = Array.from({ length: BATCH.users }, (_, i) => `tagged-${batch * BATCH.users + i}`);
    const tags = Array.from({ length: BATCH.tags }, (_, i) => `topic-${version}-${(batch + i) % 100}`);
    return app.call<{ users: number }>('POST', '/v1/tags/batch', { userIds, tags });
  };
  return [
    { name: 'people without tags', ...(await used(server, [pid], () => timed(setAll(0)))) },
    { name: 'the same people again', ...(await used(server, [pid], () => timed(setAll(1)))) },
  ];
}

interface PlanAlone {
  readonly deliveries: number;
  readonly seconds: number;
  readonly ownCpuMicros: number;
  readonly databaseCpuMicros: number;
  /** Of the worker, in MB. */
  readonly before: number;
  readonly peak: number;
}

/** The gateway takes what comes first and does not answer: the worker's hands are full, and nothing else is sent. */
async function planAlone(
  { server, say }: Bench,
  gateway: Worker,
  bellhop: Bellhop,
  people: number,
): Promise<PlanAlone> {
  // Warms up, and is small: a larger one would leave a heap behind that hides the growth.
  await bellhop.send(crowdOf(AUDIENCES.onePercent, people));
  await gateway.call('hold');
  await server.checkpoint();
  const worker = bellhop.processes.at(-1)?.pid ?? 0;
  const before = memoryOf(worker);
  resetPeakMemory(worker);
  const { seconds, ownCpuMicros, databaseCpuMicros } = await used(server, bellhop.pids, async () => {
    await bellhop.leaves(await bellhop.notify(AUDIENCES.everybody), 'planning');
  });
  say(`${people} deliveries planned in ${seconds.toFixed(1)} s`);
  const perDelivery = { ownCpuMicros: ownCpuMicros / people, databaseCpuMicros: databaseCpuMicros / people };
  return { deliveries: people, seconds, ...perDelivery, before, peak: peakMemoryOf(worker) };
}

function findings(
  people: number,
  questions: readonly Answers[],
  changes: readonly Changes[],
  plan: PlanAlone,
): Findings {
  const measured = questions.find(({ name }) => name === ('tenPercent' satisfies keyof typeof AUDIENCES));
  return {
    settings: { people, calls: CALLS, batch: BATCH, expressions: AUDIENCES, explained: measured?.name },
    tables: [questionTable(people, questions), changeTable(changes), planTable(plan)],
    plots: [],
    measures: [
      { target: 'audience.explain', value: quantile(measured?.explainMs ?? [], 0.5) },
      { target: 'audience.plan', value: plan.seconds },
      { target: 'audience.memory', value: plan.peak - plan.before },
    ],
    rounds: [...questions, ...changes, plan],
    valid:
      questions.every(({ valid }) => valid) &&
      changes.every(({ result }) => result.answers.every(({ users }) => users === BATCH.users)),
  };
}

function questionTable(people: number, questions: readonly Answers[]): Table {
  return {
    title: `Who is meant, of ${people.toLocaleString('en')} people; calls one after the other`,
    columns: [
      'expression',
      'devices',
      'explain calls',
      'p50 ms',
      'p99 ms',
      'own CPU µs',
      'PostgreSQL CPU µs',
      'preview calls',
      'p50 ms',
      'p99 ms',
      'valid',
    ],
    rows: questions.map(({ name, devices, explainMs, previewMs, ownCpuMicros, databaseCpuMicros, valid }) => [
      wordsOf(AUDIENCES[name as keyof typeof AUDIENCES]),
      devices,
      explainMs.length,
      quantile(explainMs, 0.5),
      quantile(explainMs, 0.99),
      ownCpuMicros,
      databaseCpuMicros,
      previewMs.length,
      quantile(previewMs, 0.5),
      quantile(previewMs, 0.99),
      valid,
    ]),
  };
}

function wordsOf({ allOf = [], anyOf = [] }: TagExpression): string {
  return [...allOf, ...(anyOf.length > 0 ? [`(${anyOf.join(' or ')})`] : [])].join(' and ');
}

function changeTable(changes: readonly Changes[]): Table {
  return {
    title: `Tags in batches of ${BATCH.users} users × ${BATCH.tags} tags, one after the other`,
    columns: ['batch', 'users/s', 'p50 ms', 'p99 ms', 'own CPU µs per user', 'PostgreSQL CPU µs per user'],
    rows: changes.map(({ name, result: { ms }, seconds, ownCpuMicros, databaseCpuMicros }) => {
      const users = ms.length * BATCH.users;
      return [
        name,
        users / seconds,
        quantile(ms, 0.5),
        quantile(ms, 0.99),
        ownCpuMicros / users,
        databaseCpuMicros / users,
      ];
    }),
  };
}

function planTable({ deliveries, seconds, ownCpuMicros, databaseCpuMicros, before, peak }: PlanAlone): Table {
  return {
    title: 'Planning while nothing is sent, one worker',
    columns: [
      'deliveries',
      'rounds',
      's',
      'deliveries/s',
      'own CPU µs',
      'PostgreSQL CPU µs',
      'worker before MB',
      'at most MB',
      'growth MB',
    ],
    rows: [
      [deliveries, 1, seconds, deliveries / seconds, ownCpuMicros, databaseCpuMicros, before, peak, peak - before],
    ],
  };
}
