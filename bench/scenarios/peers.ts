import { HOW_TO_INSTALL, isInstalled } from '../peers/installed.js';
import { N8N, n8nReceiver } from '../peers/n8n.js';
import { PARSE_SERVER, parseReceiver, ParseSender } from '../peers/parse-client.js';
import type { Bench, Cell, Findings, Measure, Scenario, Table } from '../scenario.js';
import * as broadcasts from '../support/broadcasts.js';
import { bellhop, NIM } from '../support/callback-targets.js';
import { BODY_BYTES } from '../support/callbacks.js';
import type { Gateway } from '../support/gateway.js';
import { AUDIENCES } from '../support/registry.js';
import { Bellhop, crowdOf } from '../support/senders.js';
import * as turns from '../support/turns.js';
import type { Worker } from '../support/worker.js';
import type { TargetId } from '../targets.js';

const BELLHOP_API = 'Bellhop, role api';
const BELLHOP_ALL = 'Bellhop, role all';
/** Bellhop first, whoever had the first turn. */
const NAMES = [BELLHOP_API, BELLHOP_ALL, PARSE_SERVER, N8N];
const CONNECTIONS = 64;

interface Contest {
  readonly target: TargetId;
  readonly devices: number;
  readonly quickDevices: number;
}

const CONTESTS: readonly Contest[] = [
  { target: 'fanout.parse10k', devices: 10_000, quickDevices: 500 },
  { target: 'fanout.parse100k', devices: 100_000, quickDevices: 2_000 },
];

export const peers: Scenario = {
  name: 'peers',
  about: 'callbacks and broadcasts beside parse-server and n8n, each set up in its favour (bench/peers/README.md)',
  async run(bench) {
    const present = [PARSE_SERVER, N8N].filter(isInstalled);
    if (present.length < 2)
      bench.say(`Only what is installed takes part (${present.join() || 'nothing'}): ${HOW_TO_INSTALL}`);
    const seconds = bench.quick ? 0.5 : 3;
    const received = present.length > 0 ? await receive(bench, present, seconds) : [];
    const sent = present.includes(PARSE_SERVER) ? await send(bench) : [];
    return {
      settings: { peers: present, seconds, connections: CONNECTIONS, bodyBytes: BODY_BYTES, contests: CONTESTS },
      ...figuresOf(received, sent),
    };
  },
};

/** The same callbacks to every server. */
async function receive({ server, rounds }: Bench, present: readonly string[], seconds: number): Promise<turns.Turn[]> {
  const targets = [
    await bellhop(server, 'api'),
    ...(present.includes(PARSE_SERVER) ? [await parseReceiver(server)] : []),
    ...(present.includes(N8N) ? [await n8nReceiver()] : []),
  ];
  const contest = new turns.Turns(server);
  try {
    await contest.take(targets, [{ vendor: NIM, connections: CONNECTIONS, seconds }], 0, rounds);
    return contest.measured;
  } finally {
    await Promise.all([contest.end(), ...targets.map((target) => target.stop())]);
  }
}

/** The same payload to the same tokens through the same gateway; the broadcasts of each contest. */
async function send(bench: Bench): Promise<broadcasts.Broadcast[][]> {
  const gateway = broadcasts.startGateway();
  try {
    const sent: broadcasts.Broadcast[][] = [];
    for (const { devices, quickDevices } of CONTESTS) {
      sent.push(await sendTo(bench, gateway, bench.quick ? quickDevices : devices));
    }
    return sent;
  } finally {
    await gateway.stop();
  }
}

async function sendTo(bench: Bench, gateway: Worker, devices: number): Promise<broadcasts.Broadcast[]> {
  const description = await gateway.call<Gateway>('describe');
  const senders = [
    await Bellhop.start(bench.server, description, { name: BELLHOP_ALL, people: devices, roles: ['all'] }),
    await ParseSender.start(bench.server, description, devices),
  ];
  try {
    const crowds = [crowdOf(AUDIENCES.everybody, devices)];
    return await broadcasts.broadcastRounds(bench, gateway, { senders, crowds });
  } finally {
    await Promise.all(senders.map((sender) => sender.stop()));
  }
}

function figuresOf(
  received: readonly turns.Turn[],
  sent: readonly (readonly broadcasts.Broadcast[])[],
): Omit<Findings, 'settings'> {
  const tables = [
    tableOf(`Callbacks, NIM, 1 KB of JSON, ${CONNECTIONS} connections`, RECEIVED, [received]),
    tableOf('Broadcasts to everybody who is registered', SENT, sent),
  ];
  return {
    tables: tables.filter(({ rows }) => rows.length > 0),
    plots: [],
    measures: [...receiveMeasures(received), ...sendMeasures(sent)],
    rounds: [...received, ...sent.flat()],
    valid: received.every(turns.isValid) && sent.flat().every(broadcasts.isValid),
  };
}

function receiveMeasures(received: readonly turns.Turn[]): Measure[] {
  const bellhop = ofTarget(received, BELLHOP_API);
  const measures = [
    { target: 'ingest.parse', value: turns.ratioOf(bellhop, ofTarget(received, PARSE_SERVER)) },
    { target: 'ingest.n8n', value: turns.ratioOf(bellhop, ofTarget(received, N8N)) },
  ] as const;
  // There is no ratio to a peer that is not installed.
  return measures.filter(({ value }) => !Number.isNaN(value));
}

function sendMeasures(sent: readonly (readonly broadcasts.Broadcast[])[]): Measure[] {
  return CONTESTS.slice(0, sent.length).map(({ target }, i) => {
    const group = sent[i] ?? [];
    return { target, value: broadcasts.ratioOf(ofTarget(group, BELLHOP_ALL), ofTarget(group, PARSE_SERVER)) };
  });
}

interface Measured {
  readonly target: string;
}

const ofTarget = <T extends Measured>(measured: readonly T[], name: string | undefined): T[] =>
  measured.filter(({ target }) => target === name);

type Column<T> = readonly [title: string, cell: (own: readonly T[], bellhop: readonly T[]) => Cell];

const RECEIVED: readonly Column<turns.Turn>[] = [
  ['callbacks/s', (own) => turns.medianOf(own, 'perSecond')],
  ['Bellhop ÷ it', (own, bellhop) => turns.ratioOf(bellhop, own)],
  ['p50 ms', (own) => turns.medianOf(own, 'p50Ms')],
  ['p99 ms', (own) => turns.medianOf(own, 'p99Ms')],
  ['server CPU µs', (own) => turns.medianOf(own, 'serverCpuMicros')],
  ['PostgreSQL CPU µs', (own) => turns.medianOf(own, 'databaseCpuMicros')],
  ['quiet after s', (own) => turns.medianOf(own, 'settleSeconds')],
  ['rounds', (own) => own.length],
  ['valid', (own) => own.every(turns.isValid)],
];

const SENT: readonly Column<broadcasts.Broadcast>[] = [
  ['devices', (own) => own[0]?.devices ?? 0],
  ['devices/s', (own) => broadcasts.medianOf(own, 'perSecond')],
  ['Bellhop ÷ it', (own, bellhop) => broadcasts.ratioOf(bellhop, own)],
  ['own CPU µs', (own) => broadcasts.medianOf(own, 'ownCpuMicros')],
  ['PostgreSQL CPU µs', (own) => broadcasts.medianOf(own, 'databaseCpuMicros')],
  ['peak MB', (own) => broadcasts.medianOf(own, 'peakMegabytes')],
  ['rounds', (own) => own.length],
  ['valid', (own) => own.every(broadcasts.isValid)],
];

/** A row for each server in each group of measurements. */
function tableOf<T extends Measured>(
  title: string,
  columns: readonly Column<T>[],
  groups: readonly (readonly T[])[],
): Table {
  const rows = groups.flatMap((group) => {
    const present = NAMES.filter((name) => group.some(({ target }) => target === name));
    const bellhop = ofTarget(group, present[0]);
    return present.map((name) => [name, ...columns.map(([, cell]) => cell(ofTarget(group, name), bellhop))]);
  });
  return { title, columns: ['server', ...columns.map(([heading]) => heading)], rows };
}
