import { RateLimit } from './rate-limit.js';

const MINUTE = 60_000;
const START = Date.parse('2026-11-20T08:00:00Z');

function taken(limit: RateLimit, name: string, calls: number, now: number): number {
  let granted = 0;
  for (let call = 0; call < calls; call++) if (limit.take(name, now).granted) granted++;
  return granted;
}

describe('RateLimit', () => {
  it('grants the quota at once, and lets it grow back evenly', () => {
    const limit = new RateLimit({ quota: 60, windowMs: MINUTE });
    expect(taken(limit, 'a', 100, START)).toBe(60);
    expect(taken(limit, 'a', 100, START + 990)).toBe(0);
    expect(taken(limit, 'a', 100, START + 1_000)).toBe(1);
    expect(taken(limit, 'a', 100, START + 11_000)).toBe(10);
    expect(taken(limit, 'a', 100, START + 11_000 + MINUTE)).toBe(60);
  });

  it('counts each name for itself', () => {
    const limit = new RateLimit({ quota: 2, windowMs: MINUTE });
    expect([taken(limit, 'a', 3, START), taken(limit, 'b', 3, START)]).toEqual([2, 2]);
  });

  it('says what is left, when it is whole again, and when to come back', () => {
    const limit = new RateLimit({ quota: 2, windowMs: MINUTE });
    expect(limit.take('a', START)).toEqual({ granted: true, remaining: 1, resetMs: 30_000, retryMs: 0 });
    expect(limit.take('a', START)).toEqual({ granted: true, remaining: 0, resetMs: 60_000, retryMs: 30_000 });
    expect(limit.take('a', START + 10_000)).toEqual({
      granted: false,
      remaining: 0,
      resetMs: 50_000,
      retryMs: 20_000,
    });
    expect(limit.take('a', START + 30_000).granted).toBe(true);
  });

  it.each([1, 3, 7, 60, 6_000, 60_000])('grants %i of that many, in calls that come evenly', (quota) => {
    const limit = new RateLimit({ quota, windowMs: MINUTE });
    expect(Math.abs(taken(limit, 'a', 2 * quota, START) - quota)).toBeLessThanOrEqual(quota / 1000);
    let granted = 0;
    for (let step = 1; step <= quota; step++) if (limit.take('a', START + (step * MINUTE) / quota).granted) granted++;
    expect(granted).toBeGreaterThanOrEqual(quota * 0.999 - 1);
    expect(granted).toBeLessThanOrEqual(quota * 1.001);
  });

  it('gives back', () => {
    const limit = new RateLimit({ quota: 1, windowMs: MINUTE });
    expect(limit.admits('a', START)).toBe(true);
    limit.giveBack('a', START);
    expect(limit.admits('a', START)).toBe(true);
    expect(limit.admits('a', START)).toBe(false);
    limit.giveBack('new', START);
    expect(taken(limit, 'new', 2, START)).toBe(1);
  });

  it('forgets what a clock that is set back has left', () => {
    const limit = new RateLimit({ quota: 2, windowMs: MINUTE });
    taken(limit, 'a', 2, START);
    expect(limit.take('a', START - 100).granted).toBe(true);
    const little = new RateLimit({ quota: 60, windowMs: MINUTE });
    taken(little, 'a', 30, START);
    expect(taken(little, 'a', 60, START - 10_000)).toBe(20);
    expect(taken(little, 'b', 61, START - 24 * 60 * MINUTE)).toBe(60);
  });

  it('remembers a name through the change of generations, and forgets it once it is whole', () => {
    const limit = new RateLimit({ quota: 1, windowMs: MINUTE });
    limit.take('a', START);
    limit.take('b', START + 30_000);
    limit.take('c', START + MINUTE + 1);
    expect(limit.admits('b', START + MINUTE + 1)).toBe(false);
    expect(limit.admits('a', START + MINUTE + 1)).toBe(true);
  });

  it('keeps no more than two generations of names', () => {
    const limit = new RateLimit({ quota: 1, windowMs: MINUTE });
    for (let number = 0; number < 350_000; number++) limit.admits(`n${number}`, START);
    const { young, old } = limit as unknown as { young: Map<string, number>; old: Map<string, number> };
    expect(young.size + old.size).toBeLessThanOrEqual(200_000);
    expect(limit.admits('n349999', START)).toBe(false);
  });

  it('costs far less than a microsecond', () => {
    const limit = new RateLimit({ quota: 1_000_000, windowMs: MINUTE });
    const names = Array.from({ length: 20 }, (_, number) => `019a8f3b-2c4d-7e5f-a0b1-c2d3e4f506${10 + number}`);
    const calls = 1_000_000;
    for (let call = 0; call < calls; call++) limit.admits(names[call % 20] ?? '', START + call / 100);
    const started = process.cpuUsage();
    for (let call = 0; call < calls; call++) limit.admits(names[call % 20] ?? '', START + call / 100);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / calls).toBeLessThan(1);
  });
});
