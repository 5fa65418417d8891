/** What Bellhop must reach and what it aims for. Ratios are medians over the rounds of one run. */
export interface Target {
  readonly measure: string;
  readonly unit: '×' | 'µs' | '/s' | 'ms' | 's' | 'MB';
  readonly better: 'higher' | 'lower';
  readonly must: number;
  readonly aim: number;
}

const atLeast = (measure: string, unit: Target['unit'], must: number, aim: number): Target => ({
  measure,
  unit,
  better: 'higher',
  must,
  aim,
});
const atMost = (measure: string, unit: Target['unit'], must: number, aim: number): Target => ({
  measure,
  unit,
  better: 'lower',
  must,
  aim,
});

export const TARGETS = {
  'ingest.bare': atLeast(
    'Ingest against a bare server with one commit per request (A), 64 connections, NIM 1 KB',
    '×',
    0.8,
    1.3,
  ),
  'ingest.parse': atLeast('Ingest against parse-server `POST /classes`', '×', 4, 7),
  'ingest.n8n': atLeast('Ingest against an n8n webhook', '×', 50, 100),
  'ingest.slowDisk': atLeast('Ingest against A on a disk that takes 4 ms to sync', '×', 1.5, 2.5),
  'ingest.cpu': atMost('CPU per accepted callback, all own Node processes', 'µs', 120, 70),
  'fanout.loop': atLeast('Broadcast, every outcome stored, against a plain node-apn loop', '×', 0.5, 0.75),
  'fanout.parse10k': atLeast('Broadcast to 10,000 devices against parse-server push', '×', 2, 4),
  'fanout.parse100k': atLeast('Broadcast to 100,000 devices against parse-server push', '×', 12, 30),
  'fanout.slowGateway': atLeast('Deliveries through one worker, gateway answering after 50 ms', '/s', 4_000, 8_000),
  'fanout.flat': atLeast('Slowest ÷ fastest devices/s from 10,000 to 1,000,000 devices', '×', 0.7, 0.9),
  'latency.p50': atMost('Callback → gateway at 1,000/s, open loop, p50', 'ms', 20, 8),
  'latency.p99': atMost('Callback → gateway at 1,000/s, open loop, p99', 'ms', 120, 50),
  'latency.idle': atMost('One callback to an idle platform → gateway, p99', 'ms', 40, 15),
  'backlog.drain': atLeast('Drain rate with 1,000,000 queued against 10,000', '×', 0.8, 0.95),
  'backlog.urgent': atMost('Urgent notification while 1,000,000 wait, p99', 'ms', 2_000, 250),
  'audience.explain': atMost('Explain of AND/OR tags over 1,000,000 devices', 'ms', 400, 80),
  'audience.plan': atMost('Planning 1,000,000 deliveries', 's', 40, 12),
  'audience.memory': atMost('Memory growth while 1,000,000 deliveries are planned', 'MB', 60, 20),
  'history.ingest': atLeast('Ingest with 10,000,000 past deliveries against empty', '×', 0.85, 0.95),
  'history.drain': atLeast('Drain with 10,000,000 past deliveries against empty', '×', 0.85, 0.95),
  'history.trace': atMost('Trace with 10,000,000 past deliveries, p99', 'ms', 100, 25),
  'history.drop': atMost('Dropping a month of deliveries', 'ms', 2_000, 200),
  'overload.goodput': atLeast('Goodput at 2 × overload for 60 s against the peak', '×', 0.7, 0.9),
  'overload.memory': atMost('Memory at 2 × overload', 'MB', 500, 300),
  'overload.refusal': atMost('Time from the start of the overload to the first refusal', 'ms', 1_000, 100),
  'idle.memory': atMost('Idle memory, role all', 'MB', 250, 140),
  'idle.ready': atMost('Ready after start, PostgreSQL', 's', 6, 2.5),
} as const satisfies Record<string, Target>;

export type TargetId = keyof typeof TARGETS;

export type Verdict = 'aim' | 'must' | 'missed';

export function verdictOf(id: TargetId, value: number): Verdict {
  const { better, must, aim }: Target = TARGETS[id];
  const reaches = (bound: number): boolean => (better === 'higher' ? value >= bound : value <= bound);
  if (reaches(aim)) return 'aim';
  return reaches(must) ? 'must' : 'missed';
}
