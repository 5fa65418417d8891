/**
 * `npm run bench`: callbacks acknowledged and pushes delivered per second, each beside a bare counterpart that does
 * the least one could do instead, in the same run, in turns. What it measures and what not: docs/performance.md.
 *
 *   --quick          smaller rounds and fewer of them: about a minute
 *   --only <name>    ingest or delivery
 *   DATABASE_URL     the server that gets the databases of the run; not set: the embedded one, with fsync on
 *   BENCH_PROFILE    api, all or delivery: leaves a CPU profile of that platform in bench/results/
 *
 * Exit codes: 0 measured · 1 failed, or a row is not valid.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { delivery } from './delivery/scenario.js';
import { ingest } from './ingest/scenario.js';
import { table } from './report.js';
import { machine } from './support/measures.js';
import { TestServer } from './support/postgres.js';

const FULL = {
  ingest: { rounds: 5, callbacks: 10_000, connections: 64 },
  delivery: { rounds: 5, devices: 20_000, inFlight: 200 },
};
const QUICK = {
  ingest: { rounds: 3, callbacks: 6_000, connections: 64 },
  delivery: { rounds: 3, devices: 4_000, inFlight: 200 },
};

const say = (text = ''): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<boolean> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } });
  const sizes = values.quick ? QUICK : FULL;
  const server = await TestServer.start();
  const { kind, version, fsync, synchronousCommit, sharedBuffers } = server.facts;
  say(`PostgreSQL ${version} (${kind}): fsync ${fsync}, synchronous_commit ${synchronousCommit}, ${sharedBuffers}`);
  const started = machine();
  say(
    `${String(started.cpu)}, ${String(started.cores)} cores, Node ${process.version}, load ${String(started.loadAverage)}`,
  );
  try {
    const ingested = values.only === 'delivery' ? undefined : await ingest(server, sizes.ingest);
    if (ingested) say(`\nIngest: ${JSON.stringify(sizes.ingest)}\n\n${ingestTable(ingested.rows)}`);
    const delivered = values.only === 'ingest' ? undefined : await delivery(server, sizes.delivery);
    if (delivered) say(`\nDelivery: ${JSON.stringify(sizes.delivery)}\n\n${deliveryTable(delivered.rows)}`);
    const loadAtEnd = machine().loadAverage;
    say(
      `\nRaw figures: ${save({ machine: { ...started, loadAtEnd }, database: server.facts, sizes, ingested, delivered })}`,
    );
    return [...(ingested?.rows ?? []), ...(delivered?.rows ?? [])].every(({ valid }) => valid);
  } finally {
    await server.stop();
  }
}

type IngestRows = Awaited<ReturnType<typeof ingest>>['rows'];
type DeliveryRows = Awaited<ReturnType<typeof delivery>>['rows'];

function ingestTable(rows: IngestRows): string {
  return table(rows, [
    { title: 'target', of: ({ target }) => target },
    { title: 'callbacks/s', of: ({ perSecond }) => perSecond },
    { title: 'ratio to A', of: ({ ratio }) => ratio },
    { title: 'p50 ms', of: ({ p50Ms }) => p50Ms },
    { title: 'p99 ms', of: ({ p99Ms }) => p99Ms },
    { title: 'server CPU µs', of: ({ serverCpuMicros }) => serverCpuMicros },
    { title: 'PostgreSQL CPU µs', of: ({ databaseCpuMicros }) => databaseCpuMicros },
    { title: 'routed after s', of: ({ settleSeconds }) => settleSeconds },
    { title: 'valid', of: ({ valid }) => valid },
  ]);
}

function deliveryTable(rows: DeliveryRows): string {
  return table(rows, [
    { title: 'target', of: ({ target }) => target },
    { title: 'deliveries/s', of: ({ perSecond }) => perSecond },
    { title: 'ratio to B', of: ({ ratio }) => ratio },
    { title: 'sender CPU µs', of: ({ serverCpuMicros }) => serverCpuMicros },
    { title: 'PostgreSQL CPU µs', of: ({ databaseCpuMicros }) => databaseCpuMicros },
    { title: 'valid', of: ({ valid }) => valid },
  ]);
}

function save(results: object): string {
  const file = path.join('bench/results', `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), ...results }, null, 2)}\n`);
  return file;
}

// Processes that a failure left running end with this one.
main().then(
  (valid) => process.exit(valid ? 0 : 1),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
