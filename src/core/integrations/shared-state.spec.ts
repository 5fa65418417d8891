import { DataSource } from 'typeorm';
import { freshDatabase, type FreshDatabase } from '../../../test/support/postgres.js';
import { Clock } from '../../platform/clock.js';
import { dataSourceOptions } from '../../platform/database.js';
import { newId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { SharedStates } from './shared-state.js';

const START = Date.parse('2026-11-20T08:00:00Z');
const KEY = { id: 'test', bytes: Buffer.alloc(32, 7) };

describe('shared state', () => {
  let database: FreshDatabase;
  const processes: { readonly states: SharedStates; readonly dataSource: DataSource }[] = [];
  let now = START;
  let integration: { readonly row: { readonly id: string } };

  async function aProcess(): Promise<void> {
    const options = dataSourceOptions({ url: database.url, poolSize: 4, entities: [] });
    const dataSource = await new DataSource(options).initialize();
    const clock: Clock = { now: () => new Date(now) };
    processes.push({ states: new SharedStates(new Sql(dataSource), new Vault([KEY]), clock), dataSource });
  }

  const query = <T>(text: string, values: unknown[] = []) => processes[0]!.dataSource.query<T[]>(text, values);
  /** The state as each of the processes has it. */
  const shared = () => processes.map(({ states }) => states.of(integration));

  beforeAll(async () => {
    database = await freshDatabase();
    await aProcess();
    await aProcess();
  });
  afterAll(async () => {
    for (const { dataSource } of processes) await dataSource.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    now = START;
    await query('DELETE FROM app');
    const [appId, id] = [newId(), newId()];
    await query(`INSERT INTO app (id, name, deep_link_scheme) VALUES ($1, 'Shop', 'shop')`, [appId]);
    await query(
      `INSERT INTO integration (app_id, id, plugin, name, config, sealed_secrets, settings, url_secret_hash)
       VALUES ($1, $2, 'fake', 'Test', '{}', '', '{}', '')`,
      [appId, id],
    );
    integration = { row: { id } };
  });

  /** A vendor that issues `token-1`, `token-2` … each valid for a minute; `pass` lets the fetches under way end. */
  function vendor() {
    const gate = Promise.withResolvers<void>();
    const issued: string[] = [];
    const fetch = async () => {
      const value = `token-${issued.push('')}`;
      await gate.promise;
      return { value, expiresAt: new Date(now + 60_000) };
    };
    return { fetch, pass: () => gate.resolve(), count: () => issued.length };
  }

  describe('a cached value', () => {
    it('is fetched once, however many callers of two processes want it at the same time', async () => {
      const { fetch, pass, count } = vendor();
      const wanted = shared().flatMap((state) => Array.from({ length: 20 }, () => state.cached('token', fetch)));
      while (count() === 0) await query('SELECT pg_sleep(0.01)');
      // Everybody else waits for the row or for the promise by now.
      await query('SELECT pg_sleep(0.2)');
      pass();
      expect(new Set(await Promise.all(wanted))).toEqual(new Set(['token-1']));
      expect(count()).toBe(1);
    });

    it('takes no connection away meanwhile: more fetches than the pool has, each with a call of its own', async () => {
      const [state] = shared();
      const fetches = Array.from({ length: 12 }, (_, i) => {
        const fetch = async () => {
          await state!.takeSlot(`bucket ${i}`, 1_000);
          return { value: `value ${i}`, expiresAt: new Date(now + 1_000) };
        };
        return state!.cached(`key ${i}`, fetch);
      });
      expect(await Promise.all(fetches)).toEqual(fetches.map((_, i) => `value ${i}`));
    });

    it('whose fetcher died is fetched by another one when its time is over', async () => {
      const { fetch, pass, count } = vendor();
      const [one, other] = shared();
      const lost = one!.cached('token', fetch);
      while (count() === 0) await query('SELECT pg_sleep(0.01)');
      now += 24_999;
      const waiting = other!.cached('token', () =>
        Promise.resolve({ value: 'theirs', expiresAt: new Date(now + 60_000) }),
      );
      await query('SELECT pg_sleep(0.2)');
      now += 1;
      expect(await waiting).toBe('theirs');
      // The one that was taken for dead comes back: what it brings is its own, and not everybody's.
      pass();
      expect(await lost).toBe('token-1');
      expect(await one!.cached('token', fetch)).toBe('theirs');
    });

    it('is kept until it expires, sealed', async () => {
      const { fetch, pass, count } = vendor();
      pass();
      const [one, other] = shared();
      expect(await one!.cached('token', fetch)).toBe('token-1');
      now += 59_999;
      expect(await other!.cached('token', fetch)).toBe('token-1');
      now += 1;
      expect(await other!.cached('token', fetch)).toBe('token-2');
      expect(count()).toBe(2);
      const [row] = await query<{ text: string }>(`SELECT encode(sealed_value, 'escape') AS text FROM shared_value`);
      expect(row!.text).not.toContain('token');
    });

    it('is one per key and per integration', async () => {
      const { fetch, pass } = vendor();
      pass();
      const [state] = shared();
      expect([await state!.cached('a', fetch), await state!.cached('b', fetch)]).toEqual(['token-1', 'token-2']);
    });

    it('that was refused is fetched again by the first who says so; the others get the new one', async () => {
      const { fetch, pass, count } = vendor();
      pass();
      const [one, other] = shared();
      const stale = await one!.cached('token', fetch);
      const again = await Promise.all(
        [one!, other!, one!, other!].map((state) => state.cached('token', fetch, { stale })),
      );
      expect(new Set(again)).toEqual(new Set(['token-2']));
      expect(await other!.cached('token', fetch, { stale })).toBe('token-2');
      expect(count()).toBe(2);
    });

    it('that cannot be fetched leaves nothing behind: the next caller tries again', async () => {
      const { fetch, pass } = vendor();
      pass();
      const [state] = shared();
      const failing = () => Promise.reject(new Error('The vendor is away.'));
      await expect(state!.cached('token', failing)).rejects.toThrow('The vendor is away.');
      expect(await state!.cached('token', fetch)).toBe('token-1');
    });

    it('goes with the sweep once it has expired, and not while somebody fetches it', async () => {
      const { fetch, pass, count } = vendor();
      const [state] = shared();
      const keys = async () => {
        await processes[0]!.states.purge();
        const rows = await query<{ key: string }>('SELECT key FROM shared_value ORDER BY key');
        return rows.map(({ key }) => key);
      };
      const fetching = state!.cached('fetching', fetch);
      await expect(state!.cached('failed', () => Promise.reject(new Error('Away.')))).rejects.toThrow('Away.');
      await state!.cached('kept', () => Promise.resolve({ value: 'x', expiresAt: new Date(now + 1_000) }));
      while (count() === 0) await query('SELECT pg_sleep(0.01)');
      expect(await keys()).toEqual(['fetching', 'kept']);
      now += 1_000;
      expect(await keys()).toEqual(['fetching']);
      pass();
      expect(await fetching).toBe('token-1');
    });

    it('whose key is gone from the ring is fetched again', async () => {
      const { fetch, pass } = vendor();
      pass();
      const [state] = shared();
      await state!.cached('token', fetch);
      const clock: Clock = { now: () => new Date(now) };
      const other = new Vault([{ id: 'other', bytes: Buffer.alloc(32, 8) }]);
      const rotated = new SharedStates(new Sql(processes[0]!.dataSource), other, clock).of(integration);
      expect(await rotated.cached('token', fetch)).toBe('token-2');
    });
  });

  describe('a slot', () => {
    it('is taken by one of many, in whichever process', async () => {
      for (let interval = 0; interval < 5; interval++) {
        const waits = await Promise.all(
          shared().flatMap((state) => Array.from({ length: 15 }, () => state.takeSlot('calls', 1_000))),
        );
        expect(waits.filter((wait) => wait === 0)).toHaveLength(1);
        expect(new Set(waits)).toEqual(new Set([0, 1_000]));
        now += 1_000;
      }
    });

    it('tells how long until the next one, and does not save up those that nobody took', async () => {
      const [state] = shared();
      expect(await state!.takeSlot('calls', 1_000)).toBe(0);
      now += 250;
      expect(await state!.takeSlot('calls', 1_000)).toBe(750);
      now += 10_000;
      expect(await state!.takeSlot('calls', 1_000)).toBe(0);
      expect(await state!.takeSlot('calls', 1_000)).toBe(1_000);
    });

    it('is one per bucket', async () => {
      const [state] = shared();
      expect([await state!.takeSlot('a', 1_000), await state!.takeSlot('b', 1_000)]).toEqual([0, 0]);
    });
  });
});
