import { type ChannelManifest, Outbound, type OutboundChannel, RECEIPT_KEY } from '@bellhop/contracts';
import { Injectable, Module } from '@nestjs/common';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { applyEarlyReceipts } from '../../src/core/receipts/receipt-sql.js';
import { ReceiptsController } from '../../src/core/receipts/receipts.controller.js';
import { ReceiptsService } from '../../src/core/receipts/receipts.service.js';
import { RegistryModule } from '../../src/core/registry/registry.module.js';
import { ReportsService } from '../../src/core/statistics/reports.service.js';
import { StatisticsController } from '../../src/core/statistics/statistics.controller.js';
import { Tallies } from '../../src/core/statistics/tallies.js';
import { type Announcement, WebhookOutbox } from '../../src/core/webhooks/webhook-outbox.js';
import { Clock } from '../../src/platform/clock.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { Sql, type SqlRunner } from '../../src/platform/sql.js';
import { Vault } from '../../src/platform/vault.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { eventually, type Reply, type RestApp, startRestApp } from '../support/rest-app.js';
import { Shop } from '../support/shop.js';

/** Remembers what was announced by transactions that committed. */
class Announced {
  readonly heard: (Announcement & { readonly appId: string })[] = [];

  async announce(_tx: SqlRunner, appId: string, announcements: readonly Announcement[]): Promise<void> {
    this.heard.push(...announcements.map((one) => ({ ...one, appId })));
  }
}

class LinkConfig {}

/** A vendor whose SDK opens the app with `links://push?r=<token>`. */
@Outbound()
@Injectable()
class LinkChannel implements OutboundChannel<LinkConfig> {
  readonly manifest: ChannelManifest<LinkConfig> = {
    id: 'links',
    name: 'Links',
    summary: 'For this test.',
    documentation: 'https://example.com',
    setup: '1. Nothing.',
    config: LinkConfig,
    capabilities: {},
  };

  open(): Promise<never> {
    return Promise.reject(new Error('not opened here'));
  }

  receiptIn(link: string): string | undefined {
    return /^links:\/\/push\?r=([^&]*)/.exec(link)?.[1];
  }
}

@Module({
  imports: [RegistryModule],
  controllers: [ReceiptsController, StatisticsController],
  providers: [
    ReceiptTokens,
    ReceiptsService,
    Tallies,
    ReportsService,
    LinkChannel,
    { provide: WebhookOutbox, useClass: Announced },
  ],
})
class ReceiptsTestModule {}

interface Answer {
  readonly status: string;
  readonly code?: string;
}

interface DeliveryOptions {
  readonly state?: string;
  readonly platform?: 'ios' | 'android' | null;
  readonly channel?: string | null;
  readonly target?: object | null;
  readonly createdAt?: Date;
  readonly reason?: string | null;
}

const NOW = new Date('2026-11-20T08:00:00Z');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const EVERYONE = { kind: 'audience', audience: { kind: 'everyone', platforms: ['ios', 'android'] } };
const ONE_PERSON = { kind: 'vendorUser', userId: 'vendor-7' };
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);

describe('receipts', () => {
  let rest: RestApp;
  let tokens: ReceiptTokens;
  let outbox: Announced;
  let appId: string;
  let key: string;
  let notificationId: string;

  beforeAll(async () => {
    rest = await startRestApp(ReceiptsTestModule);
    tokens = rest.get(ReceiptTokens);
    outbox = rest.get(WebhookOutbox) as unknown as Announced;
    rest.get(Clock).now = () => new Date(NOW);
  });
  afterAll(() => rest?.close());
  beforeEach(async () => {
    const seeded = await rest.seed('read');
    appId = seeded.app.id;
    key = seeded.key;
    notificationId = await aNotification();
    outbox.heard.length = 0;
  });

  const query = <T = Record<string, unknown>>(text: string, ...values: unknown[]) =>
    rest.dataSource.query<T[]>(text, [appId, ...values]);

  async function aNotification(reachable: object | null = null): Promise<string> {
    const id = newId();
    await query(
      `INSERT INTO notification (app_id, id, source, category, content, audience, priority, state, expires_at, created_at, reachable)
       VALUES ($1, $2, 'api', 'orders', '{}', '{}', 'high', 'done', $3, $3, $4)`,
      id,
      NOW,
      reachable && JSON.stringify(reachable),
    );
    return id;
  }

  /** A delivery, and the token that its push carried. */
  async function aDelivery(
    options: DeliveryOptions = {},
  ): Promise<{ id: string; deviceId: string | null; receipt: string }> {
    const {
      state = 'accepted',
      platform = 'ios',
      channel = 'apns',
      target = null,
      createdAt = ago(MINUTE_MS),
    } = options;
    const id = newId();
    const deviceId = target ? null : newId();
    await query(
      `INSERT INTO delivery (app_id, id, notification_id, channel, device_id, user_id, platform, target, locale, priority, state,
                             reason, expires_at, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, 'user_1', $6, $7, 'en', 'high', $8, $9, $10, $11, $11)`,
      id,
      notificationId,
      channel,
      deviceId,
      target ? null : platform,
      target && JSON.stringify(target),
      state,
      options.reason ?? null,
      NOW,
      createdAt,
    );
    return { id, deviceId, receipt: tokens.issue(appId, id) };
  }

  const post = (body: unknown): Promise<Reply<{ data: Answer[]; code?: string; errors?: { field: string }[] }>> =>
    rest.call('POST', '/v1/receipts', { body });
  /** The answers to a batch that is taken, each as one word. */
  async function report(...receipts: object[]): Promise<string[]> {
    const { status, body } = await post({ receipts });
    expect([status, body]).toEqual([200, { data: expect.any(Array) as unknown }]);
    return body.data.map((answer) => answer.code ?? answer.status);
  }
  const receipts = (id: string) =>
    query<{ kind: string; subject: string; platform: string | null; at: Date; received_at: Date }>(
      'SELECT kind, subject, platform, at, received_at FROM receipt WHERE app_id = $1 AND delivery_id = $2 ORDER BY kind, subject',
      id,
    );
  const stateOf = async (id: string): Promise<unknown> =>
    (await query('SELECT state FROM delivery WHERE app_id = $1 AND id = $2', id))[0]?.['state'];
  /** Sums of the app's tallies, those without a count left out. */
  async function tallied(): Promise<Record<string, number>> {
    const [row = {}] = await query<Record<string, number | null>>(
      `SELECT sum(pushed)::int AS pushed, sum(failed)::int AS failed, sum(delivered)::int AS delivered, sum(opened)::int AS opened
       FROM delivery_tally WHERE app_id = $1`,
    );
    return Object.fromEntries(Object.entries(row).filter((entry): entry is [string, number] => Boolean(entry[1])));
  }

  describe('POST /v1/receipts', () => {
    it('takes a delivered and an opened receipt, each once, without a key', async () => {
      const { id, deviceId, receipt } = await aDelivery();
      expect(await report({ receipt, kind: 'delivered', at: '2026-11-20T07:59:30Z' })).toEqual(['recorded']);
      expect(await stateOf(id)).toBe('delivered');
      expect(await report({ receipt, kind: 'delivered', at: '2026-11-20T07:59:50Z' })).toEqual(['duplicate']);
      expect(await report({ receipt, kind: 'opened', at: '2026-11-20T07:59:40Z' })).toEqual(['recorded']);
      expect(await stateOf(id)).toBe('opened');
      expect(await report({ receipt, kind: 'opened' }, { receipt, kind: 'delivered' })).toEqual([
        'duplicate',
        'duplicate',
      ]);
      expect(await receipts(id)).toEqual([
        {
          kind: 'delivered',
          subject: deviceId,
          platform: 'ios',
          at: new Date('2026-11-20T07:59:30Z'),
          received_at: NOW,
        },
        { kind: 'opened', subject: deviceId, platform: 'ios', at: new Date('2026-11-20T07:59:40Z'), received_at: NOW },
      ]);
      expect(await tallied()).toEqual({ delivered: 1, opened: 1 });
    });

    it('takes what was opened for delivered as well', async () => {
      const { id, receipt } = await aDelivery();
      expect(await report({ receipt, kind: 'opened' })).toEqual(['recorded']);
      expect(await stateOf(id)).toBe('opened');
      expect(await tallied()).toEqual({ delivered: 1, opened: 1 });
      expect(await report({ receipt, kind: 'delivered' })).toEqual(['duplicate']);
      expect([await stateOf(id), await tallied()]).toEqual(['opened', { delivered: 1, opened: 1 }]);
      expect((await receipts(id)).map(({ kind }) => kind)).toEqual(['delivered', 'opened']);
    });

    it('lets the first of a batch win, in whatever order the kinds come', async () => {
      const { id, receipt } = await aDelivery();
      const answers = await report(
        { receipt, kind: 'opened', at: '2026-11-20T07:59:50Z' },
        { receipt, kind: 'delivered', at: '2026-11-20T07:59:40Z' },
        { receipt, kind: 'opened', at: '2026-11-20T07:59:10Z' },
        { receipt, kind: 'delivered', at: '2026-11-20T07:59:00Z' },
      );
      expect(answers).toEqual(['recorded', 'recorded', 'duplicate', 'duplicate']);
      expect((await receipts(id)).map(({ kind, at }) => [kind, at.toISOString()])).toEqual([
        ['delivered', '2026-11-20T07:59:40.000Z'],
        ['opened', '2026-11-20T07:59:50.000Z'],
      ]);
      expect(await tallied()).toEqual({ delivered: 1, opened: 1 });
    });

    it('answers each of a mixed batch for itself, in order', async () => {
      const [one, other] = [await aDelivery(), await aDelivery({ platform: 'android', channel: 'fcm' })];
      const everyone = await aDelivery({ target: EVERYONE, channel: 'rongcloud' });
      const answers = await report(
        { receipt: one.receipt, kind: 'delivered' },
        { receipt: 'garbage', kind: 'opened' },
        { receipt: one.receipt, kind: 'delivered' },
        { receipt: everyone.receipt, kind: 'opened' },
        { receipt: other.receipt, kind: 'opened', at: ago(30 * DAY_MS + 1).toISOString() },
        { receipt: tokens.issue(appId, newId()), kind: 'opened' },
        { receipt: other.receipt, kind: 'opened' },
      );
      expect(answers).toEqual([
        'recorded',
        'receipt.forged',
        'duplicate',
        'receipt.installation_required',
        'receipt.too_old',
        'receipt.delivery_gone',
        'recorded',
      ]);
      expect(await tallied()).toEqual({ delivered: 2, opened: 1 });
    });

    it('writes nothing for tokens that it did not issue', async () => {
      const { id, receipt } = await aDelivery();
      const foreign = new ReceiptTokens(new Vault([{ id: 'test', bytes: Buffer.alloc(32, 9) }])).issue(appId, id);
      const flipped = receipt.slice(0, -1) + (receipt.endsWith('A') ? 'B' : 'A');
      const forged = [
        foreign,
        flipped,
        receipt.slice(0, -1),
        `${receipt}A`,
        receipt.toLowerCase(),
        'x',
        `${receipt}==`,
      ];
      const answers = await report(...forged.map((one) => ({ receipt: one, kind: 'opened' })));
      expect(answers).toEqual(forged.map(() => 'receipt.forged'));
      expect([await receipts(id), await stateOf(id), await tallied()]).toEqual([[], 'accepted', {}]);
    });

    it('finds the token in the link that a vendor’s SDK opened the app with', async () => {
      const { id, receipt } = await aDelivery();
      const answers = await report(
        { link: `links://push?r=${receipt}&x=1`, kind: 'opened' },
        { link: 'links://push?r=garbage', kind: 'opened' },
        { link: `https://example.com/?${RECEIPT_KEY}=${receipt}`, kind: 'opened' },
      );
      expect(answers).toEqual(['recorded', 'receipt.forged', 'receipt.forged']);
      expect(await stateOf(id)).toBe('opened');
    });

    it.each([
      ['absent', undefined, NOW],
      ['in the future', '2026-11-20T09:00:00Z', NOW],
      ['in another zone', '2026-11-20T15:59:30+08:00', new Date('2026-11-20T07:59:30Z')],
      ['before the push', '2026-11-19T00:00:00Z', ago(MINUTE_MS)],
    ])('puts a time that is %s where it belongs', async (_name, at, expected) => {
      const { id, receipt } = await aDelivery();
      expect(await report({ receipt, kind: 'delivered', at })).toEqual(['recorded']);
      expect((await receipts(id))[0]).toMatchObject({ at: expected, received_at: NOW });
    });

    it.each<[name: string, state: string, moved: string, corrections: Record<string, number>]>([
      ['whose fate was not known', 'unknown', 'delivered', { pushed: 1 }],
      ['that was given up', 'dead', 'delivered', { pushed: 1, failed: -1 }],
      ['that expired between attempts', 'expired', 'delivered', { pushed: 1, failed: -1 }],
      ['that is being sent', 'sending', 'sending', {}],
      ['that waits for another attempt', 'queued', 'queued', {}],
      ['that was cancelled on its way', 'cancelled', 'cancelled', {}],
    ])('takes late receipts for a delivery %s', async (_name, state, moved, corrections) => {
      const { id, receipt } = await aDelivery({ state, reason: 'network.timeout' });
      expect(await report({ receipt, kind: 'delivered' })).toEqual(['recorded']);
      expect([await stateOf(id), await tallied()]).toEqual([moved, { ...corrections, delivered: 1 }]);
      expect(await report({ receipt, kind: 'opened' })).toEqual(['recorded']);
      const after = moved === 'delivered' ? 'opened' : moved;
      expect([await stateOf(id), await tallied()]).toEqual([after, { ...corrections, delivered: 1, opened: 1 }]);
    });

    it('leaves a delivery that is being sent to its worker, which finds the receipts', async () => {
      const { id, receipt } = await aDelivery({ state: 'sending' });
      const other = await aDelivery({ state: 'sending' });
      await report({ receipt, kind: 'opened' });
      await rest.get(Sql).transaction(async (tx) => {
        await tx.query(`UPDATE delivery SET state = 'accepted' WHERE app_id = $1`, [appId]);
        await applyEarlyReceipts(tx, appId, [id, other.id], NOW);
      });
      expect([await stateOf(id), await stateOf(other.id)]).toEqual(['opened', 'accepted']);
    });

    it('is never lost between a worker that records and an app that reports', async () => {
      const sent = await Promise.all(Array.from({ length: 40 }, () => aDelivery({ state: 'sending' })));
      const record = (id: string) =>
        rest.get(Sql).transaction(async (tx) => {
          await tx.query(`UPDATE delivery SET state = 'accepted' WHERE app_id = $1 AND id = $2`, [appId, id]);
          await applyEarlyReceipts(tx, appId, [id], NOW);
        });
      await Promise.all(
        sent.flatMap(({ id, receipt }, i) => {
          const steps = [() => record(id), () => report({ receipt, kind: 'delivered' })];
          return (i % 2 ? steps : steps.reverse()).map((step) => step());
        }),
      );
      expect(await Promise.all(sent.map(({ id }) => stateOf(id)))).toEqual(sent.map(() => 'delivered'));
      expect(await tallied()).toEqual({ delivered: 40 });
    });

    it('waits for a worker that is about to commit', async () => {
      const { id, receipt } = await aDelivery({ state: 'sending' });
      let reporting: Promise<string[]> | undefined;
      await rest.get(Sql).transaction(async (tx) => {
        await tx.query(`UPDATE delivery SET state = 'accepted' WHERE app_id = $1 AND id = $2`, [appId, id]);
        await applyEarlyReceipts(tx, appId, [id], NOW);
        reporting = report({ receipt, kind: 'delivered' });
        await Promise.race([reporting, eventually(waiting, (count) => count > 0)]);
      });
      expect(await reporting).toEqual(['recorded']);
      expect(await stateOf(id)).toBe('delivered');
    });

    /** Connections to this database that wait for a row. */
    const waiting = async (): Promise<number> => {
      const [row] = await rest.dataSource.query<{ count: number }[]>(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return row?.count ?? 0;
    };

    it('gives way to whoever holds a delivery, and asks to be called again', async () => {
      const { id, receipt } = await aDelivery();
      const held = rest.dataSource.createQueryRunner();
      await held.startTransaction();
      await held.query('SELECT 1 FROM delivery WHERE app_id = $1 AND id = $2 FOR UPDATE', [appId, id]);
      const reply = await post({ receipts: [{ receipt, kind: 'delivered' }] });
      await held.rollbackTransaction();
      await held.release();
      expect([reply.status, reply.body.code, reply.headers.get('retry-after')]).toEqual([503, 'unavailable', '2']);
      expect(await report({ receipt, kind: 'delivered' })).toEqual(['recorded']);
    });

    it('has one effect for two identical batches at once', async () => {
      const made = await Promise.all(Array.from({ length: 50 }, () => aDelivery()));
      const everyone = await aDelivery({ target: EVERYONE });
      const batch = [
        ...made.flatMap(({ receipt }) => ['delivered', 'opened'].map((kind) => ({ receipt, kind }))).slice(0, 80),
        ...Array.from({ length: 20 }, (_, i) => ({
          receipt: everyone.receipt,
          kind: 'opened',
          installationId: `install-${i}`,
        })),
      ];
      const answers = await Promise.all([report(...batch), report(...batch.toReversed()), report(...batch)]);
      const [one, other, third] = [answers[0], answers[1]?.toReversed(), answers[2]];
      const recorded = batch.map((_, i) =>
        [one?.[i], other?.[i], third?.[i]].filter((answer) => answer === 'recorded'),
      );
      expect(recorded).toEqual(batch.map(() => ['recorded']));
      expect(answers.flat().filter((answer) => answer === 'duplicate')).toHaveLength(2 * batch.length);
      expect(await tallied()).toEqual({ delivered: 60, opened: 60 });
      expect(outbox.heard).toHaveLength(60);
    });

    it('writes 100 receipts in one statement', async () => {
      const made = await Promise.all(Array.from({ length: 100 }, () => aDelivery()));
      const statements: string[] = [];
      const sql = rest.get(Sql);
      const transaction = sql.transaction.bind(sql);
      sql.transaction = (work) =>
        transaction((tx) => {
          const run = tx.query.bind(tx);
          tx.query = (text, ...rest) => {
            statements.push(text);
            return run(text, ...rest);
          };
          return work(tx);
        });
      const answers = await report(...made.map(({ receipt }) => ({ receipt, kind: 'opened' })));
      sql.transaction = transaction;
      expect(answers).toEqual(made.map(() => 'recorded'));
      expect(statements.filter((text) => text.includes('INSERT INTO receipt'))).toHaveLength(1);
      expect(statements.filter((text) => /delivery d|delivery_tally/.test(text))).toHaveLength(2);
      expect(await tallied()).toEqual({ delivered: 100, opened: 100 });
    });

    it('counts for the day on which the delivery was made, in the zone of the app', async () => {
      const late = await aDelivery({ createdAt: new Date('2026-11-19T15:59:59Z') });
      const early = await aDelivery({ createdAt: new Date('2026-11-19T16:00:00Z') });
      await report({ receipt: late.receipt, kind: 'delivered' }, { receipt: early.receipt, kind: 'delivered' });
      const days = await query(
        'SELECT day::text, sum(delivered)::int AS n FROM delivery_tally WHERE app_id = $1 GROUP BY 1 ORDER BY 1',
      );
      expect(days).toEqual([
        { day: '2026-11-19', n: 1 },
        { day: '2026-11-20', n: 1 },
      ]);
    });

    it('announces what was opened, once', async () => {
      const { id, deviceId, receipt } = await aDelivery();
      await report({ receipt, kind: 'delivered' });
      expect(outbox.heard).toEqual([]);
      await report({ receipt, kind: 'opened', at: '2026-11-20T07:59:30Z' });
      await report({ receipt, kind: 'opened' });
      expect(outbox.heard).toEqual([
        {
          appId,
          type: 'receipt.opened',
          at: NOW,
          data: {
            deliveryId: publicId('dlv', id),
            notificationId: publicId('ntf', notificationId),
            channel: 'apns',
            platform: 'ios',
            userId: 'user_1',
            deviceId: publicId('dev', deviceId ?? ''),
            installationId: null,
            openedAt: '2026-11-20T07:59:30.000Z',
          },
        },
      ]);
    });

    it('keeps apps apart', async () => {
      const { id, receipt } = await aDelivery();
      const stranger = await rest.seed('read');
      expect(await report({ receipt: tokens.issue(stranger.app.id, id), kind: 'opened' })).toEqual([
        'receipt.delivery_gone',
      ]);
      expect(await receipts(id)).toEqual([]);
      expect(await report({ receipt, kind: 'opened' })).toEqual(['recorded']);
    });

    describe('for what a vendor pushed to devices that it finds itself', () => {
      const register = (installationId: string, platform: string) =>
        query(
          `INSERT INTO device (app_id, id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
                               token_updated_at, last_seen_at)
           VALUES ($1, $2, $3, $4, 'apns', 'token', '', sha256($3::text::bytea), $5, $5)`,
          newId(),
          installationId,
          platform,
          NOW,
        );

      it('counts each install, under the platform that is known of it', async () => {
        const { id, receipt } = await aDelivery({ target: EVERYONE, channel: 'rongcloud' });
        await register('registered', 'android');
        const answers = await report(
          { receipt, kind: 'delivered', installationId: 'registered', platform: 'ios' },
          { receipt, kind: 'opened', installationId: 'told', platform: 'ios' },
          { receipt, kind: 'opened', installationId: 'untold' },
          { receipt, kind: 'opened', installationId: 'untold' },
          { receipt, kind: 'opened' },
        );
        expect(answers).toEqual(['recorded', 'recorded', 'recorded', 'duplicate', 'receipt.installation_required']);
        expect((await receipts(id)).map(({ kind, subject, platform }) => [kind, subject, platform])).toEqual([
          ['delivered', 'registered', 'android'],
          ['delivered', 'told', 'ios'],
          ['delivered', 'untold', null],
          ['opened', 'told', 'ios'],
          ['opened', 'untold', null],
        ]);
        expect([await tallied(), await stateOf(id)]).toEqual([{ delivered: 3, opened: 2 }, 'accepted']);
        expect(outbox.heard.map(({ data }) => [data['deviceId'], data['installationId']])).toEqual([
          [null, 'told'],
          [null, 'untold'],
        ]);
      });

      it('moves the delivery of one person on', async () => {
        const { id, receipt } = await aDelivery({ target: ONE_PERSON, channel: 'nim' });
        expect(await report({ receipt, kind: 'delivered', installationId: 'phone' })).toEqual(['recorded']);
        expect(await stateOf(id)).toBe('delivered');
        expect(await report({ receipt, kind: 'opened', installationId: 'tablet' })).toEqual(['recorded']);
        expect(await stateOf(id)).toBe('opened');
        expect(await report({ receipt, kind: 'delivered', installationId: 'watch' })).toEqual(['recorded']);
        expect([await stateOf(id), await tallied()]).toEqual(['opened', { delivered: 3, opened: 1 }]);
      });

      it('does not look at the install of a device that is known', async () => {
        const { id, deviceId, receipt } = await aDelivery();
        expect(await report({ receipt, kind: 'delivered', installationId: 'a' })).toEqual(['recorded']);
        expect(await report({ receipt, kind: 'delivered', installationId: 'b' })).toEqual(['duplicate']);
        expect((await receipts(id)).map(({ subject }) => subject)).toEqual([deviceId]);
      });
    });

    it.each<[name: string, body: unknown, fields: string[]]>([
      ['nothing', {}, ['/receipts']],
      ['an empty list', { receipts: [] }, ['/receipts']],
      ['no list', { receipts: { receipt: 'x', kind: 'opened' } }, ['/receipts']],
      [
        '101 receipts',
        { receipts: Array.from({ length: 101 }, () => ({ receipt: 'x', kind: 'opened' })) },
        ['/receipts'],
      ],
      ['null for a receipt', { receipts: [null] }, ['/receipts/0']],
      ['text for a receipt', { receipts: ['x'] }, ['/receipts/0']],
      ['no kind', { receipts: [{ receipt: 'x' }] }, ['/receipts/0/kind']],
      ['another kind', { receipts: [{ receipt: 'x', kind: 'read' }] }, ['/receipts/0/kind']],
      ['neither token nor link', { receipts: [{ kind: 'opened' }] }, ['/receipts/0']],
      ['null for both', { receipts: [{ receipt: null, link: null, kind: 'opened' }] }, ['/receipts/0']],
      ['both', { receipts: [{ receipt: 'x', link: 'y://z', kind: 'opened' }] }, ['/receipts/0']],
      ['a number for a token', { receipts: [{ receipt: 7, kind: 'opened' }] }, ['/receipts/0/receipt']],
      ['a day for a time', { receipts: [{ receipt: 'x', kind: 'opened', at: '2026-11-20' }] }, ['/receipts/0/at']],
      ['an unknown field', { receipts: [{ receipt: 'x', kind: 'opened', who: 'me' }] }, ['/receipts/0/who']],
      ['another platform', { receipts: [{ receipt: 'x', kind: 'opened', platform: 'web' }] }, ['/receipts/0/platform']],
    ])('refuses %s as malformed', async (_name, body, fields) => {
      const reply = await post(body);
      expect([reply.status, reply.body.code, reply.headers.get('content-type')]).toEqual([
        400,
        'request.invalid',
        'application/problem+json',
      ]);
      expect([...new Set(reply.body.errors?.map(({ field }) => field))]).toEqual(fields);
    });

    it('takes null for what may be absent', async () => {
      const { receipt } = await aDelivery();
      const nothing = { at: null, installationId: null, platform: null, link: null };
      expect(await report({ receipt, kind: 'delivered', ...nothing })).toEqual(['recorded']);
    });
  });

  describe('GET /v1/notifications/{id}/report', () => {
    const get = (id = notificationId) =>
      rest.call<Record<string, Record<string, unknown>>>('GET', `/v1/notifications/${publicId('ntf', id)}/report`, {
        key,
      });

    it('tells what became of everything, by platform', async () => {
      notificationId = await aNotification({ ios: 40, android: 60 });
      const sent = await Promise.all([
        ...Array.from({ length: 4 }, () => aDelivery()),
        ...Array.from({ length: 2 }, () => aDelivery({ platform: 'android', channel: 'fcm' })),
      ]);
      await aDelivery({ state: 'failed', reason: 'token.unregistered' });
      await aDelivery({ state: 'skipped', platform: null, channel: null, reason: 'no_token' });
      await report(
        { receipt: sent[0]?.receipt, kind: 'delivered' },
        { receipt: sent[1]?.receipt, kind: 'opened' },
        { receipt: sent[4]?.receipt, kind: 'delivered' },
      );
      const { status, body } = await get();
      expect([status, body['notificationId'], body['delegated']]).toEqual([200, publicId('ntf', notificationId), 0]);
      const none = { skipped: 0, failed: 0, cancelled: 0, unknown: 0, pending: 0 };
      expect(body['platforms']).toEqual({
        ios: {
          reachable: 40,
          targeted: 5,
          pushed: 4,
          ...none,
          failed: 1,
          delivered: 2,
          opened: 1,
          deliveredRate: 0.5,
          openRate: 0.5,
        },
        android: {
          reachable: 60,
          targeted: 2,
          pushed: 2,
          ...none,
          delivered: 1,
          opened: 0,
          deliveredRate: 0.5,
          openRate: 0,
        },
        unknown: {
          reachable: null,
          targeted: 1,
          pushed: 0,
          ...none,
          skipped: 1,
          delivered: 0,
          opened: 0,
          deliveredRate: null,
          openRate: null,
        },
      });
      expect(body['total']).toMatchObject({ reachable: 100, targeted: 8, pushed: 6, delivered: 3, deliveredRate: 0.5 });
    });

    it('counts installs where a vendor found the devices', async () => {
      const { receipt } = await aDelivery({ target: EVERYONE, channel: 'rongcloud' });
      await report(
        { receipt, kind: 'opened', installationId: 'a', platform: 'ios' },
        { receipt, kind: 'delivered', installationId: 'b', platform: 'ios' },
        { receipt, kind: 'delivered', installationId: 'c' },
      );
      const { body } = await get();
      expect(body['delegated']).toBe(1);
      expect(body['platforms']).toMatchObject({
        ios: { targeted: 0, pushed: 0, delivered: 2, opened: 1, deliveredRate: null, openRate: 0.5 },
        unknown: { targeted: 1, pushed: 1, delivered: 1, opened: 0, deliveredRate: null, openRate: 0 },
      });
      expect(body['total']).toMatchObject({ pushed: 1, delivered: 3, deliveredRate: null });
    });

    it('knows nothing of the notifications of others', async () => {
      const stranger = await rest.seed('read');
      const path = `/v1/notifications/${publicId('ntf', notificationId)}/report`;
      expect((await rest.call('GET', path, { key: stranger.key })).status).toBe(404);
      expect((await get(newId())).status).toBe(404);
      expect((await rest.call('GET', path)).status).toBe(401);
    });
  });

  describe('GET /v1/statistics/daily', () => {
    const get = (search: string, as = key) =>
      rest.call<{ data: Record<string, unknown>[]; errors: { field: string }[] }>(
        'GET',
        `/v1/statistics/daily?${search}`,
        {
          key: as,
        },
      );
    const add = (createdAt: string, channel: string, platform: string | null, counts: object) =>
      rest
        .get(Sql)
        .transaction((tx) =>
          rest.get(Tallies).add(tx, appId, [{ at: new Date(createdAt), channel, platform, ...counts }]),
        );
    const fold = () => rest.get(Sql).transaction((tx) => rest.get(Tallies).fold(tx));

    it('adds up what is folded and what is not', async () => {
      await add('2026-11-19T08:00:00Z', 'apns', 'ios', { targeted: 8, pushed: 4, failed: 4, delivered: 1 });
      await add('2026-11-20T08:00:00Z', 'rongcloud', null, { targeted: 1, pushed: 1, delivered: 9 });
      await fold();
      await add('2026-11-19T08:00:00Z', 'apns', 'ios', { delivered: 1, opened: 1 });
      await add('2026-11-19T08:00:00Z', 'fcm', 'android', { targeted: 1, skipped: 1 });
      const { status, body } = await get('from=2026-11-19&to=2026-11-20');
      expect(status).toBe(200);
      const zero = {
        targeted: 0,
        pushed: 0,
        skipped: 0,
        failed: 0,
        delivered: 0,
        opened: 0,
        deliveredRate: null,
        openRate: null,
      };
      expect(body.data).toEqual([
        {
          day: '2026-11-19',
          reachable: null,
          rows: [
            {
              ...zero,
              channel: 'apns',
              platform: 'ios',
              targeted: 8,
              pushed: 4,
              failed: 4,
              delivered: 2,
              opened: 1,
              deliveredRate: 0.5,
              openRate: 0.5,
            },
            { ...zero, channel: 'fcm', platform: 'android', targeted: 1, skipped: 1 },
          ],
        },
        {
          day: '2026-11-20',
          reachable: null,
          rows: [
            { ...zero, channel: 'rongcloud', platform: 'unknown', targeted: 1, pushed: 1, delivered: 9, openRate: 0 },
          ],
        },
      ]);
      await fold();
      expect((await get('from=2026-11-19&to=2026-11-20')).body).toEqual(body);
    });

    it('shows one channel, days without a push, and nobody else’s', async () => {
      await add('2026-11-20T08:00:00Z', 'apns', 'ios', { targeted: 1 });
      await add('2026-11-20T08:00:00Z', 'fcm', 'android', { targeted: 1 });
      await rest.get(Sql).transaction((tx) => rest.get(Tallies).recordReach(tx, new Date('2026-11-21T08:00:00Z')));
      const { body } = await get('from=2026-11-20&to=2026-11-21&channel=fcm');
      expect(body.data).toMatchObject([
        { day: '2026-11-20', rows: [{ channel: 'fcm' }] },
        { day: '2026-11-21', reachable: { ios: 0, android: 0 }, rows: [] },
      ]);
      const stranger = await rest.seed('read');
      expect((await get('from=2026-11-20&to=2026-11-20', stranger.key)).body.data).toEqual([]);
      expect((await get('from=2026-11-21&to=2026-11-22&channel=apns')).body.data).toMatchObject([{ rows: [] }]);
    });

    it.each([
      ['', ['?from', '?to']],
      ['from=2026-11-20', ['?to']],
      ['from=2026-11-20&to=2026-11-19', ['?to']],
      ['from=2026-09-01&to=2026-12-02', ['?to']],
      ['from=2026-02-30&to=2026-03-01', ['?from']],
      ['from=2026-11-20T00:00:00Z&to=2026-11-20', ['?from']],
      ['from=2026-11-20&to=2026-11-20&channel=A%20B', ['?channel']],
      ['from=2026-11-20&to=2026-11-20&platform=ios', ['?platform']],
    ])('refuses %p', async (search, fields) => {
      const { status, body } = await get(search);
      expect([status, body.errors.map(({ field }) => field)]).toEqual([400, fields]);
    });

    it('takes 92 days', async () => {
      expect((await get('from=2026-09-01&to=2026-12-01')).status).toBe(200);
    });
  });
});

describe('a push and its receipts', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start();
    shop = await Shop.open(platform, gateways);
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });

  it('come back with the token that the device got, and end in the report', async () => {
    const phones = await shop.person('user_1');
    const id = await shop.notify({ users: ['user_1'] }, { title: 'Hello' });
    await shop.settled();
    const onApns = shop.onApns(phones.iosToken)[0]?.payload as Record<string, string>;
    const onFcm = shop.onFcm(phones.androidToken)[0]?.message?.data;
    const body = {
      receipts: [
        { receipt: onApns[RECEIPT_KEY], kind: 'delivered' },
        { receipt: onFcm?.[RECEIPT_KEY], kind: 'opened' },
      ],
    };
    const reply = await platform.request('POST', '/v1/receipts', { body });
    expect([reply.status, reply.body]).toEqual([200, { data: [{ status: 'recorded' }, { status: 'recorded' }] }]);
    expect((await shop.outcomes()).toSorted()).toEqual(['delivered', 'opened']);
    const report = await shop.app.call('GET', `/v1/notifications/${id}/report`);
    expect(report.body).toMatchObject({
      platforms: {
        ios: { targeted: 1, pushed: 1, delivered: 1, opened: 0, deliveredRate: 1, openRate: 0 },
        android: { targeted: 1, pushed: 1, delivered: 1, opened: 1, deliveredRate: 1, openRate: 1 },
      },
      total: { targeted: 2, pushed: 2, delivered: 2, opened: 1, openRate: 0.5 },
    });
    const [{ day } = { day: '' }] = await shop.query<{ day: string }>(
      `SELECT (min(created_at) AT TIME ZONE 'Asia/Shanghai')::date::text AS day FROM delivery WHERE app_id = $1`,
    );
    const daily = await shop.app.call<{ data: object[] }>('GET', `/v1/statistics/daily?from=${day}&to=${day}`);
    expect(daily.body.data).toMatchObject([
      {
        day,
        rows: [
          { channel: 'apns', platform: 'ios', targeted: 1, pushed: 1, delivered: 1, opened: 0 },
          { channel: 'fcm', platform: 'android', targeted: 1, pushed: 1, delivered: 1, opened: 1 },
        ],
      },
    ]);
  });
});
