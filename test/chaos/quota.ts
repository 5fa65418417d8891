/**
 * `npm run test:quota`: three processes of the platform, 100 broadcasts at once against one App Key of RongCloud, which
 * allows two calls an hour and three a day. The clock of all processes and of the simulator is moved by hand.
 *
 *   --broadcasts <n>  default 100
 *   DATABASE_URL      the server that gets the database; not set: an embedded one
 *
 * Exit codes: 0 the quota was kept and used · 1 it was not, or the run failed.
 */
import { startRongCloudSimulator } from '@bellhop/simulators';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { AppApi, newSecret, Platform } from '../../bench/support/platform.js';
import { TestServer } from '../../bench/support/postgres.js';

const PROCESSES = 3;
const PATIENCE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** The shortest there is: what is held is looked at again after it. */
const LEASE_SECONDS = 10;
const ZONE_MS = 8 * HOUR_MS;
/** Of each process; all of them together stay below what a server allows by default. */
const POOL = '10';

const { values: flags } = parseArgs({ options: { broadcasts: { type: 'string', default: '100' } } });
const broadcasts = Number(flags.broadcasts);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** A clock that all take part in, ahead of the real one. Begins at nine in the morning where the quota's day is counted. */
class SharedClock {
  private aheadMs: number;

  constructor(readonly file: string) {
    const sinceMidnight = (Date.now() + ZONE_MS) % (24 * HOUR_MS);
    this.aheadMs = 24 * HOUR_MS - sinceMidnight + 9 * HOUR_MS;
  }

  now = (): Date => new Date(Date.now() + this.aheadMs);

  async move(ms: number): Promise<void> {
    this.aheadMs += ms;
    await this.write();
  }

  /** Whole or not at all: a process that reads half of it would fall back to the real time. */
  async write(): Promise<void> {
    await writeFile(`${this.file}.new`, String(this.aheadMs));
    await rename(`${this.file}.new`, this.file);
  }
}

async function main(): Promise<number> {
  say(`Quota test: ${broadcasts} broadcasts at once, ${PROCESSES} processes, one App Key.`);
  const server = await TestServer.start(path.resolve('.data/kill'));
  const folder = await mkdtemp(path.join(os.tmpdir(), 'bellhop-quota-'));
  const clock = new SharedClock(path.join(folder, 'ahead'));
  await clock.write();
  const appKey = newSecret();
  const appSecret = newSecret();
  // The simulator counts on its own: a call over the quota would be seen as refused there.
  const vendor = await startRongCloudSimulator({ appKey, appSecret, now: clock.now });
  const platforms: Platform[] = [];
  try {
    const databaseUrl = await server.create('quota');
    for (let i = 0; i < PROCESSES; i++) platforms.push(await start(databaseUrl, clock.file));
    const [first] = platforms as [Platform];
    const app = await first.createApp();
    const { id: channel } = await app.integrate('rongcloud', { appKey, appSecret, baseUrls: [vendor.url] });
    const callers = platforms.map(({ url }) => new AppApi(url, app.key, app.appId));
    const body = { audience: { everyone: true }, content: { body: 'News' }, channel, ttlSeconds: 2_419_200 };
    await Promise.all(
      callers.flatMap((caller, turn) =>
        Array.from({ length: Math.ceil((broadcasts - turn) / PROCESSES) }, () =>
          caller.call('POST', '/v1/notifications', body),
        ),
      ),
    );
    const faults = await walkThroughTheDay({ databaseUrl, clock, calls: () => vendor.pushes.length });
    const refusals = vendor.requests.filter(({ answer }) => !answer.startsWith('200')).length;
    if (refusals > 0) faults.push(`${refusals} call(s) over the quota reached the vendor`);
    for (const fault of faults) say(`VIOLATED: ${fault}`);
    say(faults.length === 0 ? 'The quota was kept.' : 'The quota was not kept.');
    return faults.length === 0 ? 0 : 1;
  } finally {
    await Promise.all(platforms.map((platform) => platform.stop()));
    await vendor.close();
    await rm(folder, { recursive: true });
    await server.stop();
  }
}

function start(databaseUrl: string, clock: string): Promise<Platform> {
  return Platform.start({
    databaseUrl,
    role: 'all',
    environment: {
      HAND_CLOCK: clock,
      BELLHOP_LEASE_SECONDS: String(LEASE_SECONDS),
      BELLHOP_EGRESS_ALLOW: '127.0.0.1:*',
      DATABASE_POOL: POOL,
    },
    execArgv: ['--import', './dist/test/chaos/hand-clock.js'],
  });
}

interface Day {
  readonly databaseUrl: string;
  readonly clock: SharedClock;
  readonly calls: () => number;
}

/** What must have reached the vendor at each hour. */
const EXPECTED: readonly (readonly [words: string, hours: number, calls: number])[] = [
  ['9:00, the first hour', 0, 2],
  ['9:59, still the first hour', 59 / 60, 2],
  ['10:01, the second hour', 2 / 60, 3],
  ['14:00 of the same day', 4, 3],
  ['0:01 of the next day', 10 + 1 / 60, 5],
];

async function walkThroughTheDay({ databaseUrl, clock, calls }: Day): Promise<string[]> {
  const faults: string[] = [];
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    for (const [words, hours, expected] of EXPECTED) {
      await clock.move(hours * HOUR_MS);
      await settled(database, clock, expected);
      const states = await statesIn(database);
      say(`  ${words.padEnd(30)} ${calls()} calls at the vendor · ${JSON.stringify(states)}`);
      if (calls() !== expected) faults.push(`${words}: ${calls()} calls, expected ${expected}`);
      if (states.accepted !== expected || states.held !== broadcasts - expected)
        faults.push(`${words}: states do not add up`);
    }
  } finally {
    await database.end();
  }
  return faults;
}

/** Until as many have gone as must, and then until every one that is held has been looked at once more. */
async function settled(database: Client, clock: SharedClock, expected: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  const since = clock.now();
  for (;;) {
    const states = await statesIn(database);
    const quiet = (states.accepted ?? 0) >= expected && (states.held ?? 0) + (states.accepted ?? 0) === broadcasts;
    if (quiet && clock.now().getTime() - since.getTime() > LEASE_SECONDS * 1000) return;
    if (performance.now() > until) return;
    await pause(200);
  }
}

async function statesIn(database: Client): Promise<Record<string, number>> {
  const { rows } = await database.query<{ state: string; count: number }>(
    'SELECT state, count(*)::int AS count FROM delivery GROUP BY state',
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

process.exitCode = await main();
