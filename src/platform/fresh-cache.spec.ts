import { Clock } from './clock.js';
import { FreshCache } from './fresh-cache.js';

class HandClock extends Clock {
  time = new Date('2026-11-20T08:00:00Z');
  override now(): Date {
    return this.time;
  }
}

describe('FreshCache', () => {
  const setUp = () => {
    const clock = new HandClock();
    let loads = 0;
    return { clock, cache: new FreshCache<number>(clock), load: async () => ++loads };
  };

  it('loads once for all who ask at a time, and again when two seconds are over', async () => {
    const { clock, cache, load } = setUp();
    await expect(Promise.all([cache.get('a', load), cache.get('a', load)])).resolves.toEqual([1, 1]);
    clock.time = new Date(clock.time.getTime() + 1_999);
    await expect(cache.get('a', load)).resolves.toBe(1);
    clock.time = new Date(clock.time.getTime() + 1);
    await expect(cache.get('a', load)).resolves.toBe(2);
    await expect(cache.get('b', load)).resolves.toBe(3);
  });

  it('loads again what was forgotten', async () => {
    const { cache, load } = setUp();
    await cache.get('a', load);
    cache.forget('a');
    await expect(cache.get('a', load)).resolves.toBe(2);
  });

  it('keeps no failure, and what was loaded since outlives it', async () => {
    const { cache, load } = setUp();
    const { promise, reject } = Promise.withResolvers<number>();
    const failing = cache.get('a', () => promise);
    cache.forget('a');
    await cache.get('a', load);
    reject(new Error('down'));
    await expect(failing).rejects.toThrow('down');
    await expect(cache.get('a', load)).resolves.toBe(1);
    await expect(cache.get('b', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    await expect(cache.get('b', load)).resolves.toBe(2);
  });
});
