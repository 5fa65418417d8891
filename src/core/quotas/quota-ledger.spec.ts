import type { QuotaRule } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { readFileSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { type FreshDatabase, freshDatabase } from '../../../test/support/postgres.js';
import { dataSourceOptions } from '../../platform/database.js';
import { newId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { QuotaLedger } from './quota-ledger.js';
import type { QuotaVerdict } from './quota-window.js';

const RULES: readonly QuotaRule[] = [
  { id: 'hour', limit: 2, window: { rollingMs: 3_600_000 } },
  { id: 'day', limit: 3, window: { calendarDay: 'Asia/Shanghai' } },
];

interface Step {
  readonly at: string;
  readonly valid?: boolean;
  readonly expect: 'send' | 'hold' | 'reject';
  readonly reason?: string;
  readonly notBefore?: string;
  readonly vendorReply?: number;
}

const fixture = JSON.parse(
  readFileSync(new URL('../../../libs/vendors/rongcloud/fixtures/quota-ledger.json', import.meta.url), 'utf8'),
) as { cases: readonly { id: string; events: readonly Step[] }[] };
const RULE_OF: Readonly<Record<string, string>> = { HOUR_LIMIT: 'hour', DAY_LIMIT: 'day', VENDOR_THROTTLED: 'vendor' };

describe('QuotaLedger', () => {
  let database: FreshDatabase;
  let sources: DataSource[];
  let ledgers: QuotaLedger[];
  let sqls: Sql[];

  beforeAll(async () => {
    database = await freshDatabase();
    const options = dataSourceOptions({ url: database.url, poolSize: 10, entities: [] });
    sources = await Promise.all([1, 2, 3].map(() => new DataSource(options).initialize()));
    sqls = sources.map((source) => new Sql(source));
    ledgers = sqls.map((sql) => new QuotaLedger(sql));
  });

  afterAll(async () => {
    await Promise.all(sources.map((source) => source.destroy()));
    await database.drop();
  });

  const reserve = (key: string, now: Date, node = 0, deliveryId = newId()): Promise<QuotaVerdict> =>
    (sqls[node] as Sql).transaction((tx) =>
      (ledgers[node] as QuotaLedger).reserve(tx, { key, rules: RULES }, deliveryId, now),
    );

  it.each(fixture.cases)('keeps the ledger of $id', async ({ id, events }) => {
    expect(events.length).toBeGreaterThan(3);
    for (const step of events) {
      // An invalid request never comes as far as the ledger.
      if (step.valid === false) continue;
      const [sql, ledger] = [sqls[0] as Sql, ledgers[0] as QuotaLedger];
      const [now, deliveryId, key] = [new Date(step.at), newId(), { key: id, rules: RULES }];
      const verdict = await reserve(id, now, 0, deliveryId);
      const refusal = { open: false, rule: RULE_OF[step.reason ?? ''], nextAt: new Date(step.notBefore ?? 0) };
      expect(verdict).toEqual(step.expect === 'send' ? { open: true } : refusal);
      if (step.vendorReply === 1008) {
        await sql.transaction(async (tx) => {
          await ledger.release(tx, [deliveryId]);
          await ledger.freeze(tx, key, now);
        });
      } else if (verdict.open) {
        await sql.transaction((tx) => ledger.spend(tx, [deliveryId]));
      }
    }
    executed('rongcloud/quota-ledger.json', id);
  });

  it('never reserves more than the rules allow, whoever asks at the same time', async () => {
    const now = new Date('2026-01-05T09:00:00+08:00');
    const verdicts = await Promise.all(Array.from({ length: 60 }, (_, i) => reserve('crowd', now, i % 3)));
    expect(verdicts.filter(({ open }) => open)).toHaveLength(2);
  });

  it('finds the reservation of a delivery again', async () => {
    const now = new Date('2026-01-05T09:00:00+08:00');
    const first = newId();
    await reserve('again', now, 0, first);
    await reserve('again', now);
    expect(await reserve('again', now, 1, first)).toEqual({ open: true });
    expect((await reserve('again', now)).open).toBe(false);
  });

  it('moves a reservation to the moment of its call, and forgets calls that no window reaches', async () => {
    const at = (hour: string) => new Date(`2026-01-05T${hour}:00+08:00`);
    const [first, second] = [newId(), newId()];
    await reserve('moves', at('09:00'), 0, first);
    await reserve('moves', at('09:10'), 0, second);
    await (sqls[0] as Sql).transaction((tx) => (ledgers[0] as QuotaLedger).spend(tx, [second]));
    expect(await reserve('moves', at('09:50'), 1, first)).toEqual({ open: true });
    expect(await reserve('moves', at('10:00'))).toEqual({ open: false, rule: 'hour', nextAt: at('10:10') });
    await reserve('moves', new Date('2026-01-06T12:00:00+08:00'));
    const rows = await (sqls[0] as Sql).query(`SELECT delivery_id FROM quota_entry WHERE ledger = 'moves'`);
    expect(rows.map(({ delivery_id }) => delivery_id)).not.toContain(second);
  });

  it('gives the place of a call back that was not made, and keeps one that may have been', async () => {
    const now = new Date('2026-01-05T09:00:00+08:00');
    const [unmade, made] = [newId(), newId()];
    const key = { key: 'back', rules: RULES };
    await reserve('back', now, 0, unmade);
    await reserve('back', now, 0, made);
    await (sqls[0] as Sql).transaction(async (tx) => {
      await (ledgers[0] as QuotaLedger).spend(tx, [made]);
      await (ledgers[0] as QuotaLedger).release(tx, [unmade, made]);
    });
    expect((await (ledgers[0] as QuotaLedger).state(key, now)).rules).toEqual([
      { id: 'hour', limit: 2, used: 1 },
      { id: 'day', limit: 3, used: 1 },
    ]);
    // A second call of the same delivery is a second call.
    expect(await reserve('back', now, 0, made)).toEqual({ open: true });
    expect((await reserve('back', now)).open).toBe(false);
  });
});
