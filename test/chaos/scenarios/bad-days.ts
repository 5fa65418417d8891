import { nimCopy, sendCallback } from '@bellhop/simulators';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import type { Expecting } from '../checks/evidence.js';
import type { Chaos, Scenario } from '../scenario.js';
import { cutConnections } from '../stage/cluster.js';
import { Senders } from '../stage/senders.js';
import { onStage, type Stage } from '../stage/stage.js';
import type { Tenant } from '../stage/tenants.js';

const RATE = 100;
/** By which the clock of one of two processes is wrong: more than a lease. */
const JUMPS_MS = [30_000, -30_000, 0] as const;
/** Callbacks whose numbers end so cannot be stored as events: of KF5, which is told to keep what cannot be used. */
const UNSTORABLE = 19;
/** These cannot be routed. */
const UNROUTABLE = 42;
/** Numbers of presence reports begin here. */
const APART = 1_000_000;
const WANDERERS = 10;
const REPORTS_EACH = 8;
const TWICE = 2;
const DAY_MS = 86_400_000;

/** Everything that is not as it should be, although nothing breaks down. */
export const badDays: Scenario = {
  name: 'bad-days',
  about:
    'poison events, reports days late and out of order, a clock that jumps, a queue that loses its connections and jobs',
  ci: true,
  run: async (chaos) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'bellhop-clock-'));
    try {
      const clock = path.join(folder, 'ahead');
      await writeFile(clock, '0');
      await onStage(chaos, { slots: 2, environment: { DATABASE_POOL: '15' } }, (stage) =>
        carryOut(chaos, stage, clock),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function carryOut(chaos: Chaos, stage: Stage, clock: string): Promise<void> {
  const handClock = { environment: { HAND_CLOCK: clock }, execArgv: ['--import', './dist/test/chaos/hand-clock.js'] };
  await stage.start({ slot: stage.slot(0), ...handClock });
  await stage.start({ slot: stage.slot(1) });
  const home = await stage.tenant({ name: 'home' });
  const foreign = await stage.tenant({ name: 'foreign' });
  const urls = stage.slots.map(({ url }) => url);
  const senders = new Senders(stage.ledger, home, foreign, urls);
  const wanderers = await Wanderers.register(chaos, stage, home, urls);
  await poison(stage);

  senders.rate = RATE;
  const work = Promise.all([senders.post(chaos.ci ? 500 : 5_000), wanderers.report()]);
  for (const ms of JUMPS_MS) {
    await pause(chaos.random.whole(500, 1_500));
    await writeFile(clock, String(ms));
    await pause(chaos.random.whole(0, 500));
    await loseQueue(stage.databaseUrl);
  }
  await work;
  const expected: Expecting['expected'] = (number) => {
    if (number >= APART) return { tenant: home, deliveries: 0, skipped: 0 };
    const usual = senders.expected(number);
    if (number % 100 === UNSTORABLE) return { ...usual, deliveries: 0, skipped: 0, state: 'quarantined' };
    if (number % 100 === UNROUTABLE) return { ...usual, deliveries: 0, skipped: 0, state: 'failed' };
    return usual;
  };
  await check(stage, { expected });
  chaos.findings.expectNone('people who are not where they were seen last', await wanderers.misplaced());
}

/** What a bug of ours would do to some events: the database refuses them, or nobody can read them. */
async function poison({ databaseUrl }: Stage): Promise<void> {
  const ending = (number: number): string => `'%mark-%${number}!%'`;
  await run(databaseUrl, (client) =>
    client.query(`
      ALTER TABLE inbound_event ADD CONSTRAINT refused CHECK (event::text IS NULL OR event::text NOT LIKE ${ending(UNSTORABLE)});
      CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.event::text LIKE ${ending(UNROUTABLE)} THEN NEW.event = '{}'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER spoil BEFORE INSERT ON inbound_event FOR EACH ROW EXECUTE FUNCTION spoil();`),
  );
}

/** As if its engine had been restarted and its tables emptied: rows decide, the queue only wakes. */
async function loseQueue(databaseUrl: string): Promise<void> {
  await cutConnections(databaseUrl, 'bellhop-queue');
  await run(databaseUrl, (client) => client.query('DELETE FROM pgboss.job'));
}

/** People who come and go, of which the vendor tells days later, in any order, and more than once. */
class Wanderers {
  /** Report number → who was seen when, and whether coming or going. */
  private readonly seen = new Map<number, { readonly person: string; readonly at: number; readonly comes: boolean }>();

  private constructor(
    private readonly chaos: Chaos,
    private readonly stage: Stage,
    private readonly home: Tenant,
    private readonly urls: readonly string[],
  ) {
    const now = Date.now();
    for (let i = 0; i < WANDERERS * REPORTS_EACH; i++) {
      const at = now - chaos.random.whole(60_000, 5 * DAY_MS);
      this.seen.set(APART + i, { person: personOf(i % WANDERERS), at, comes: chaos.random.next() < 0.5 });
    }
  }

  static async register(chaos: Chaos, stage: Stage, home: Tenant, urls: readonly string[]): Promise<Wanderers> {
    for (let i = 0; i < WANDERERS; i++) {
      await home.api.call('PUT', `/v1/users/${personOf(i)}/preferences`, { pushEnabled: true });
    }
    return new Wanderers(chaos, stage, home, urls);
  }

  async report(): Promise<void> {
    const numbers = Array.from({ length: TWICE }, () => [...this.seen.keys()]).flat();
    const order = numbers.map((number) => ({ number, place: this.chaos.random.next() }));
    for (const { number } of order.toSorted((a, b) => a.place - b.place)) await this.tell(number);
  }

  private async tell(number: number): Promise<void> {
    const { person, at, comes } = this.seen.get(number)!;
    const copy = {
      eventType: comes ? '2' : '3',
      accid: person,
      clientType: 'IOS',
      deviceId: 'phone',
      code: '200',
      timestamp: String(at),
      ...(!comes && { logOutReason: '2' }),
      ext: `mark-${number}!`,
    };
    const end = this.stage.ledger.callback(number);
    const url = this.urls[number % this.urls.length] ?? '';
    const { status } = await sendCallback(url + this.home.nimPath, nimCopy(this.home.nim, copy, { now: new Date() }));
    end(String(status), status === 200);
  }

  /** @returns those of whom the platform believes something that is not the latest word. */
  async misplaced(): Promise<unknown[]> {
    const { rows } = await run(this.stage.databaseUrl, (client) =>
      client.query<{ person: string; at: Date; state: string }>(
        `SELECT user_id AS person, observed_at AS at, state FROM presence WHERE app_id = $1`,
        [this.home.uuid],
      ),
    );
    const known = new Map(rows.map((row) => [row.person, row]));
    const reports = Map.groupBy(this.seen.values(), ({ person }) => person);
    return [...reports].flatMap(([person, all]) => {
      const latest = all.toSorted((a, b) => b.at - a.at)[0]!;
      const believed = known.get(person);
      const right = believed?.at.getTime() === latest.at && (believed.state !== 'offline') === latest.comes;
      return right ? [] : [{ person, latest, believed }];
    });
  }
}

const personOf = (i: number): string => `wanderer-${i}`;
