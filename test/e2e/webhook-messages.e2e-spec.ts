import { startWebhookReceiver, type WebhookReceiver } from '@bellhop/simulators';
import { Logger } from '@nestjs/common';
import { Webhook } from 'standardwebhooks';
import { DataSource } from 'typeorm';
import { freshDatabase, type FreshDatabase } from '../support/postgres.js';
import { Clock } from '../../src/platform/clock.js';
import { dataSourceOptions } from '../../src/platform/database.js';
import { GuardedEgress, type ResolveHost } from '../../src/platform/egress.js';
import type { Environment } from '../../src/platform/env.js';
import { newId } from '../../src/platform/ids.js';
import { Metrics } from '../../src/platform/metrics.js';
import type { Nudge, Queue } from '../../src/platform/queue.js';
import { Sql } from '../../src/platform/sql.js';
import { Vault } from '../../src/platform/vault.js';
import { WebhookEndpoint } from '../../src/core/webhooks/webhook-endpoint.entity.js';
import type { WebhookEventType } from '../../src/core/webhooks/webhook-event.js';
import { WebhookMessage } from '../../src/core/webhooks/webhook-message.entity.js';
import { type Announcement, WebhookOutbox } from '../../src/core/webhooks/webhook-outbox.js';
import { WebhookSweep } from '../../src/core/webhooks/webhook-sweep.js';
import { WebhookWorker } from '../../src/core/webhooks/webhook-worker.js';
import type { WebhookNudge } from '../../src/core/webhooks/webhook.nudge.js';
import { WebhooksService } from '../../src/core/webhooks/webhooks.service.js';

const DAY = 24 * 3_600_000;
const START = new Date('2026-03-01T00:00:00Z');

class HandClock extends Clock {
  time = START;

  override now(): Date {
    return new Date(this.time);
  }

  wait(ms: number): void {
    this.time = new Date(this.time.getTime() + ms);
  }
}

/** Keeps nudges instead of carrying them. */
class Shelf {
  nudges: Nudge<WebhookNudge>[] = [];
  /** Endpoint → since when the oldest of its nudges waits. */
  readonly lanes = new Map<string, Date>();

  async waitingSince(): Promise<ReadonlyMap<string, Date>> {
    return this.lanes;
  }

  async enqueue(_tx: unknown, _queue: string, nudges: readonly Nudge<WebhookNudge>[]): Promise<void> {
    this.nudges.push(...nudges);
  }

  take(): Nudge<WebhookNudge>[] {
    return this.nudges.splice(0);
  }
}

describe('webhooks', () => {
  let database: FreshDatabase;
  let dataSource: DataSource;
  let sql: Sql;
  let clock: HandClock;
  let shelf: Shelf;
  let receiver: WebhookReceiver;
  let egress: GuardedEgress;
  let outbox: WebhookOutbox;
  let metrics: Metrics;
  let worker: WebhookWorker;
  let sweep: WebhookSweep;
  let service: WebhooksService;
  let appId: string;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await freshDatabase();
    dataSource = await new DataSource(dataSourceOptions({ url: database.url, poolSize: 4 })).initialize();
    sql = new Sql(dataSource);
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  beforeEach(async () => {
    clock = new HandClock();
    shelf = new Shelf();
    receiver = await startWebhookReceiver({ now: () => clock.now() });
    build();
    appId = newId();
    const app = [appId, 'Shop', 'shop', START];
    await sql.query('INSERT INTO app (id, name, deep_link_scheme, created_at) VALUES ($1, $2, $3, $4)', app);
  });
  afterEach(async () => {
    await sql.query('DELETE FROM webhook_endpoint');
    await egress.onApplicationShutdown();
    await receiver.close();
  });

  /** One process. */
  function build(resolve?: ResolveHost): void {
    const queue = shelf as unknown as Queue;
    const vault = new Vault([{ id: 'k', bytes: Buffer.alloc(32, 7) }]);
    egress = new GuardedEgress({ egressAllow: ['127.0.0.1:*'] as readonly string[] } as Environment, resolve);
    outbox = new WebhookOutbox(queue, clock);
    metrics = new Metrics();
    worker = new WebhookWorker(sql, queue, clock, vault, egress, outbox, metrics);
    sweep = new WebhookSweep(sql, queue, clock);
    const [endpoints, messages] = [dataSource.getRepository(WebhookEndpoint), dataSource.getRepository(WebhookMessage)];
    service = new WebhooksService(endpoints, messages, sql, queue, clock, vault, egress, outbox);
  }

  async function subscribe(path = '', events: readonly WebhookEventType[] = ['delivery.dead']) {
    const { endpoint, secret } = await service.create(appId, { url: receiver.url + path, events });
    receiver.trust(secret);
    return { id: endpoint.id, secret };
  }

  const death = (deliveryId = 'dlv_1'): Announcement => ({
    type: 'delivery.dead',
    data: { deliveryId },
    at: clock.now(),
  });
  const announce = (...announcements: readonly Announcement[]) =>
    sql.transaction((tx) => outbox.announce(tx, appId, announcements.length > 0 ? announcements : [death()]));

  const messages = () => sql.query<Row>('SELECT * FROM webhook_message WHERE app_id = $1 ORDER BY id', [appId]);
  interface Row {
    readonly id: string;
    readonly endpoint_id: string;
    readonly state: string;
    readonly reason: string | null;
    readonly payload: string;
    readonly not_before: Date | null;
    readonly attempts: readonly { outcome: string; reason?: string; vendorCode?: string; ms?: number }[];
  }

  async function only(): Promise<Row> {
    const rows = await messages();
    expect(rows).toHaveLength(1);
    return rows[0] as Row;
  }

  /** What the queue would do: every nudge that is due by now; the others stay on the shelf. */
  async function work(): Promise<void> {
    const [due, later] = Object.values(Object.groupBy(shelf.take(), ({ startAfter }) => (isDue(startAfter) ? 0 : 1)));
    shelf.nudges = later ?? [];
    for (const { data } of due ?? []) await worker.deliver(data);
  }
  const isDue = (at: Date | undefined): boolean => !at || at <= clock.now();

  /** Moves the clock to the next attempt of the only message, and makes it. */
  async function workWhenDue(): Promise<Row> {
    const { not_before } = await only();
    if (not_before) clock.time = not_before;
    for (const { data } of shelf.take()) await worker.deliver(data);
    return only();
  }

  /** Resolves once a statement in this database waits for a lock. */
  async function somebodyWaits(): Promise<void> {
    for (;;) {
      const waiting = await sql.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      if (waiting.length > 0) return;
    }
  }

  describe('an announcement', () => {
    it('becomes one message for every endpoint that subscribes to its type', async () => {
      const first = await subscribe('', ['delivery.dead', 'device.retired']);
      const second = await subscribe('', ['delivery.dead']);
      await subscribe('', ['receipt.opened']);
      await announce(death(), { type: 'device.retired', data: { deviceId: 'dev_1' }, at: START });
      const dead = '{"type":"delivery.dead","timestamp":"2026-03-01T00:00:00.000Z","data":{"deliveryId":"dlv_1"}}';
      const retired = '{"type":"device.retired","timestamp":"2026-03-01T00:00:00.000Z","data":{"deviceId":"dev_1"}}';
      expect((await messages()).map((row) => [row.endpoint_id, row.payload, row.state])).toEqual([
        [first.id, dead, 'waiting'],
        [second.id, dead, 'waiting'],
        [first.id, retired, 'waiting'],
      ]);
      expect(shelf.nudges.map(({ lane, data }) => [lane, data.ids.length])).toEqual([
        [first.id, 2],
        [second.id, 1],
      ]);
    });

    it('exists exactly when its transaction commits', async () => {
      await subscribe();
      const failing = sql.transaction(async (tx) => {
        await outbox.announce(tx, appId, [death()]);
        throw new Error('the cause was taken back');
      });
      await expect(failing).rejects.toThrow('taken back');
      expect(await messages()).toEqual([]);
    });

    it('costs one look in two seconds when nobody subscribes', async () => {
      const statements: string[] = [];
      await sql.transaction(async (tx) => {
        const counted = {
          query: (text: string, values?: readonly unknown[]) => (statements.push(text), tx.query(text, values)),
        };
        for (let i = 0; i < 5; i++) await outbox.announce(counted as never, appId, [death()]);
        await outbox.announce(counted as never, appId, []);
        clock.wait(2_001);
        await outbox.announce(counted as never, appId, [death()]);
      });
      expect(statements.map((text) => text.split(' ')[0])).toEqual(['SELECT', 'SELECT']);
      expect(shelf.nudges).toEqual([]);
    });

    it('does not fail its cause when the endpoint is deleted meanwhile', async () => {
      const { id } = await subscribe();
      await announce();
      await sql.query('DELETE FROM webhook_endpoint WHERE id = $1', [id]);
      await announce();
      expect(await messages()).toEqual([]);
    });

    it('does not fail its cause when the endpoint is being deleted at this moment', async () => {
      const { id } = await subscribe();
      let announcing: Promise<void> | undefined;
      await sql.transaction(async (tx) => {
        await tx.query('DELETE FROM webhook_endpoint WHERE id = $1', [id]);
        announcing = announce();
        await somebodyWaits();
      });
      await announcing;
      expect(await messages()).toEqual([]);
    });

    it('of another app is not heard', async () => {
      await subscribe();
      await sql.transaction((tx) => outbox.announce(tx, newId(), [death()]));
      expect(await messages()).toEqual([]);
    });
  });

  describe('a message', () => {
    it('arrives signed, and the reference library agrees', async () => {
      const { secret } = await subscribe();
      clock.time = new Date();
      await announce();
      await work();
      const [call] = receiver.requests;
      expect(call).toMatchObject({ genuine: true, answer: '204', id: `msg_${(await only()).id.replaceAll('-', '')}` });
      const verified = new Webhook(secret).verify(call?.body ?? '', call?.headers as Record<string, string>);
      expect(verified).toEqual({
        type: 'delivery.dead',
        timestamp: clock.now().toISOString(),
        data: { deliveryId: 'dlv_1' },
      });
      expect(await only()).toMatchObject({ state: 'delivered', reason: null, attempts: [{ outcome: 'accepted' }] });
    });

    it('is tried ten times in three days under one id, and is dead then', async () => {
      await subscribe('/status500');
      await announce();
      const waits: number[] = [];
      for (let attempt = 1; attempt <= 10; attempt++) {
        const before = clock.now().getTime();
        const { state } = await workWhenDue();
        waits.push(clock.now().getTime() - before);
        expect(state).toBe(attempt < 10 ? 'waiting' : 'dead');
      }
      const planned = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map(
        (seconds) => seconds * 1_000,
      );
      expect(waits.filter((ms, i) => Math.abs(ms - (planned[i] ?? 0)) > (planned[i] ?? 0) * 0.2 + 1)).toEqual([]);
      expect(await only()).toMatchObject({ reason: 'attempts_exhausted', not_before: null });
      const { attempts, id } = await only();
      expect(attempts.map(({ outcome, vendorCode }) => `${outcome} ${vendorCode}`)).toEqual(
        Array.from({ length: 10 }, () => 'transient HTTP 500'),
      );
      expect(new Set(receiver.requests.map((call) => call.id))).toEqual(new Set([`msg_${id.replaceAll('-', '')}`]));
      expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1);
      expect(receiver.counters).toMatchObject({ requests: 10, genuine: 10 });
      expect(shelf.nudges).toEqual([]);
      expect(await metrics.registry.metrics()).toContain('bellhop_webhooks_total{outcome="transient"} 10\n');
    });

    it('is not sent before it is due, nor by two workers at once', async () => {
      await subscribe('/fail1');
      await announce();
      const [nudge] = shelf.nudges;
      await work();
      const retry = shelf.take();
      for (const { data } of retry) await worker.deliver(data);
      expect(receiver.counters.requests).toBe(1);
      clock.wait(10_000);
      await Promise.all([...retry, ...(nudge ? [nudge] : [])].map(({ data }) => worker.deliver(data)));
      expect(receiver.counters.requests).toBe(2);
      expect((await only()).state).toBe('delivered');
    });

    it('waits as long as a busy receiver asks', async () => {
      await subscribe('/busy3600');
      await announce();
      await work();
      const { not_before, attempts } = await only();
      expect(not_before).toEqual(new Date(START.getTime() + 3_600_000));
      expect(attempts).toMatchObject([{ outcome: 'throttled', reason: 'webhook.busy', vendorCode: 'HTTP 429' }]);
    });

    it.each([
      ['/redirect', { outcome: 'rejected', reason: 'webhook.redirected', vendorCode: 'HTTP 302' }],
      ['/status404', { outcome: 'transient', reason: 'webhook.refused', vendorCode: 'HTTP 404' }],
      ['/drop', { outcome: 'transient', reason: 'webhook.no_answer', vendorCode: 'UND_ERR_SOCKET' }],
    ])('that meets %s is tried again', async (path, attempt) => {
      await subscribe(path);
      await announce();
      await work();
      expect(await only()).toMatchObject({ state: 'waiting', attempts: [attempt] });
      expect(receiver.counters.requests).toBe(1);
    });

    it('is not sent to a host that has moved into a private network since', async () => {
      const answers = [['93.184.216.34'], ['10.0.0.1']];
      build(async () => answers.shift() ?? ['10.0.0.1']);
      await service.create(appId, { url: 'https://hooks.example.com/', events: ['delivery.dead'] });
      await announce();
      await work();
      expect(await only()).toMatchObject({
        state: 'waiting',
        attempts: [
          { outcome: 'misconfigured', reason: 'egress.refused', detail: expect.stringContaining('private') as string },
        ],
      });
    });

    it('shares its endpoint with nine others at a time', async () => {
      await subscribe();
      await announce(...Array.from({ length: 25 }, (_, i) => death(`dlv_${i}`)));
      receiver.hold();
      const working = work();
      await receiver.received(10);
      receiver.release();
      await working;
      expect(receiver.counters).toMatchObject({ requests: 25, mostAtOnce: 10, repeated: 0 });
      expect(new Set((await messages()).map(({ state }) => state))).toEqual(new Set(['delivered']));
    });
  });

  describe('a secret', () => {
    it('can be changed while receivers change over: both sign for a while', async () => {
      const { id, secret: old } = await subscribe();
      const { secret: fresh, endpoint } = await service.rotateSecret(appId, id, 3_600);
      expect(endpoint.previousExpiresAt).toEqual(new Date(START.getTime() + 3_600_000));
      const signaturesNow = async (): Promise<string[]> => {
        receiver.reset();
        await announce();
        await work();
        return String(receiver.requests[0]?.headers['webhook-signature']).split(' ');
      };
      expect(await signaturesNow()).toHaveLength(2);
      receiver.distrust(old);
      receiver.trust(fresh);
      expect(await signaturesNow()).toHaveLength(2);
      expect(receiver.requests[0]?.genuine).toBe(true);
      clock.wait(3_600_001);
      expect(await signaturesNow()).toHaveLength(1);
      expect(receiver.requests[0]?.genuine).toBe(true);
    });

    it('stands nowhere in the tables', async () => {
      const { id, secret } = await subscribe();
      await service.rotateSecret(appId, id, 60);
      const [row] = await sql.query(
        "SELECT encode(sealed_secret || sealed_previous_secret, 'escape') AS bytes, e::text AS all FROM webhook_endpoint e WHERE id = $1",
        [id],
      );
      expect(JSON.stringify(row)).not.toContain(secret.slice(6));
    });
  });

  describe('an endpoint', () => {
    const state = async (id: string): Promise<string[]> => {
      const { state, stateReason } = await service.get(appId, id);
      return [state, stateReason ?? ''];
    };

    it('that answers 410 is disabled at once, and its messages wait until it is enabled', async () => {
      const { id } = await subscribe('/status410');
      await announce(death('dlv_1'), death('dlv_2'));
      await work();
      expect(await state(id)).toEqual(['disabled', 'gone']);
      await announce(death('dlv_3'));
      expect((await messages()).map((row) => [row.state, row.reason])).toEqual([
        ['waiting', 'webhook.gone'],
        ['waiting', 'webhook.gone'],
      ]);
      clock.wait(DAY);
      await sweep.sweep();
      expect(shelf.nudges).toEqual([]);
      await service.revise(appId, id, { url: receiver.url });
      expect(await state(id)).toEqual(['disabled', 'gone']);
      await service.enable(appId, id);
      await work();
      expect((await messages()).map((row) => row.state)).toEqual(['delivered', 'delivered']);
      expect(await state(id)).toEqual(['active', '']);
    });

    it('is disabled after five days without one success', async () => {
      const { id } = await subscribe('/status500');
      await announce();
      await work();
      const { failingSince } = await service.get(appId, id);
      expect(failingSince).toEqual(START);
      clock.time = new Date(START.getTime() + 5 * DAY - 1);
      await announce();
      await work();
      expect(await state(id)).toEqual(['active', '']);
      clock.wait(1);
      await announce();
      await work();
      expect(await state(id)).toEqual(['disabled', 'failing']);
    });

    it('is not disabled when it answers now and then', async () => {
      const { id } = await subscribe();
      for (const mode of ['status500', 'ok', 'status500']) {
        receiver.script(mode);
        await announce();
        await work();
        clock.wait(4 * DAY);
      }
      const { state, failingSince } = await service.get(appId, id);
      expect([state, failingSince]).toEqual(['active', new Date(START.getTime() + 8 * DAY)]);
    });

    it('with another address starts afresh; late answers of the old one do not count', async () => {
      const { id } = await subscribe('/status410');
      await announce();
      receiver.hold();
      const working = work();
      await receiver.received(1);
      await service.revise(appId, id, { url: receiver.url });
      receiver.release();
      await working;
      expect(await state(id)).toEqual(['active', '']);
    });

    it('that is slow to die takes nothing from its neighbours', async () => {
      const dead = await subscribe('/status500');
      const alive = await subscribe();
      await announce();
      await work();
      expect((await messages()).map((row) => [row.endpoint_id, row.state])).toEqual([
        [dead.id, 'waiting'],
        [alive.id, 'delivered'],
      ]);
      expect(await state(dead.id)).toEqual(['active', '']);
    });

    it('takes its messages with it', async () => {
      const { id } = await subscribe();
      await announce();
      await service.delete(appId, id);
      expect(await messages()).toEqual([]);
      await work();
      expect(receiver.counters.requests).toBe(0);
    });
  });

  describe('a sweep', () => {
    it('finds messages whose nudge was lost', async () => {
      const { id } = await subscribe();
      await announce();
      shelf.take();
      await sweep.sweep();
      expect(shelf.nudges).toEqual([]);
      shelf.lanes.set(id, clock.now());
      clock.wait(60_001);
      // Its turn has not come: its own nudge may be the one that waits.
      await sweep.sweep();
      expect(shelf.nudges).toEqual([]);
      shelf.lanes.clear();
      await sweep.sweep();
      await work();
      expect((await only()).state).toBe('delivered');
    });

    it('gives up the lease of a worker that died, and marks the attempt', async () => {
      await subscribe();
      await announce();
      await sql.query("UPDATE webhook_message SET state = 'sending', fence = 1, lease_until = $1 WHERE app_id = $2", [
        new Date(clock.now().getTime() + 60_000),
        appId,
      ]);
      await sweep.sweep();
      expect((await only()).state).toBe('sending');
      clock.wait(60_001);
      shelf.take();
      await Promise.all([sweep.sweep(), sweep.sweep()]);
      expect(shelf.nudges).toHaveLength(1);
      await work();
      expect(await only()).toMatchObject({
        state: 'delivered',
        attempts: [{ outcome: 'unknown', reason: 'worker.lost' }, { outcome: 'accepted' }],
      });
    });

    it('does not let a worker write that came back from the dead', async () => {
      await subscribe('/status500');
      await announce();
      receiver.hold();
      const late = work();
      await receiver.received(1);
      clock.wait(60_001);
      await sweep.sweep();
      expect((await only()).state).toBe('waiting');
      receiver.release();
      await late;
      expect(await only()).toMatchObject({ state: 'waiting', attempts: [{ reason: 'worker.lost' }] });
    });

    it('does not send for ever what kills every worker', async () => {
      await subscribe();
      await announce();
      await sql.query(
        `UPDATE webhook_message SET state = 'sending', lease_until = $1, attempts = $3 WHERE app_id = $2`,
        [START, appId, JSON.stringify(Array.from({ length: 9 }, () => ({ outcome: 'unknown' })))],
      );
      clock.wait(1);
      shelf.take();
      await sweep.sweep();
      expect(await only()).toMatchObject({ state: 'dead', reason: 'worker.lost' });
      expect(shelf.nudges).toEqual([]);
    });
  });
});
