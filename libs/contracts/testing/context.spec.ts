import { MemoryState, testContext } from './context.js';

describe('the context of tests', () => {
  const at = (ms: number) => new Date(1_767_225_600_000 + ms);

  it('spaces slots evenly, per bucket', async () => {
    let now = at(0);
    const state = new MemoryState(() => now);
    expect(await state.takeSlot('a', 100)).toBe(0);
    expect(await state.takeSlot('b', 100)).toBe(0);
    now = at(30);
    expect(await state.takeSlot('a', 100)).toBe(70);
    now = at(100);
    expect(await state.takeSlot('a', 100)).toBe(0);
  });

  it('fetches a value once until it expires or is refused', async () => {
    let now = at(0);
    let fetched = 0;
    const { shared } = testContext({ now: () => now });
    const ask = (stale?: string) =>
      shared.cached(
        'token',
        async () => ({ value: `t${++fetched}`, expiresAt: at(1000) }),
        stale === undefined ? undefined : { stale },
      );
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['t1', 't1', 't1']);
    expect(await Promise.all([ask('t1'), ask('t1')])).toEqual(['t2', 't2']);
    expect(await ask('t1')).toBe('t2');
    now = at(1000);
    expect(await ask()).toBe('t3');
  });

  it('forgets a fetch that failed', async () => {
    const { shared } = testContext();
    await expect(shared.cached('token', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    const expiresAt = new Date(Date.now() + 60_000);
    expect(await shared.cached('token', async () => ({ value: 'up', expiresAt }))).toBe('up');
  });
});
