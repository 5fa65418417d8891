import type { SqlRunner } from '../../platform/sql.js';
import { audienceQuery } from '../audiences/audience-query.js';
import { DeviceWalk } from './audience-slices.walk.js';
import type { InsertedSlice } from './delivery-writer.alike.js';

const QUERY = audienceQuery({ kind: 'tags', allOf: ['vip'], anyOf: [], platforms: ['ios'] }, 2);
const idOf = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const NOTHING: InsertedSlice = { counts: [], apart: [], found: 0, until: null };

/** A registry in which the devices `1` to `count` have the tags. */
class Registry implements SqlRunner {
  searches = 0;

  constructor(private readonly count: number) {}

  query<R>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    if (!text.includes('FROM device')) return Promise.resolve([]);
    this.searches++;
    const [after, limit] = values.slice(-2) as [string | null, number];
    const first = after === null ? 1 : Number(after.slice(-12)) + 1;
    const count = Math.max(0, Math.min(this.count - first + 1, limit));
    const ids = Array.from({ length: count }, (_, i) => idOf(first + i)).join(',');
    return Promise.resolve([{ count, ids } as R]);
  }
}

describe('the walk through an audience', () => {
  /** A walk that has seen that hardly anybody is meant. */
  async function sparseWalk(registry: Registry): Promise<DeviceWalk> {
    const walk = new DeviceWalk('app', QUERY);
    const first = await walk.next(registry, null);
    expect(first.from).toEqual({ after: null });
    walk.learn(first, NOTHING);
    return walk;
  }

  it('goes from stretch to stretch while most devices are meant', async () => {
    const registry = new Registry(0);
    const walk = new DeviceWalk('app', QUERY);
    const first = await walk.next(registry, null);
    walk.learn(first, { ...NOTHING, found: first.size, until: idOf(9) });
    expect((await walk.next(registry, idOf(9))).from).toEqual({ after: idOf(9) });
    expect(registry.searches).toBe(0);
  });

  it('finds many slices at once where few are meant', async () => {
    const registry = new Registry(12_000);
    const walk = await sparseWalk(registry);
    let after: string | null = idOf(500);
    const seen: string[] = [];
    do {
      const { from } = await walk.next(registry, after);
      if (!('ids' in from)) throw new Error('A stretch');
      seen.push(...from.ids.split(','));
      after = from.until;
    } while (after);
    expect(seen).toEqual(Array.from({ length: 11_500 }, (_, i) => idOf(501 + i)));
    expect(registry.searches).toBe(1);
  });

  it('searches again behind those whom it has found', async () => {
    const registry = new Registry(100_001);
    const walk = await sparseWalk(registry);
    let after: string | null = null;
    let slices = 0;
    do {
      const { from } = await walk.next(registry, after);
      after = 'ids' in from ? from.until : null;
      slices++;
    } while (after);
    expect([slices, registry.searches]).toEqual([21, 2]);
  });

  it('goes on where another worker has got to', async () => {
    const registry = new Registry(20_000);
    const walk = await sparseWalk(registry);
    await walk.next(registry, null);
    const { from } = await walk.next(registry, idOf(9_000));
    expect('ids' in from && from.ids.slice(0, 36)).toBe(idOf(9_001));
  });

  it('ends where nobody is left', async () => {
    const registry = new Registry(0);
    const walk = await sparseWalk(registry);
    expect((await walk.next(registry, null)).from).toEqual({ ids: '', until: null });
  });
});
