import { Hands, type WorkerOptions } from './hands.js';

interface Batch {
  readonly ids: readonly string[];
}

const TOGETHER = {
  most: 4,
  sizeOf: ({ ids }: Batch) => ids.length,
  merge: (batches: readonly Batch[]): Batch => ({ ids: batches.flatMap(({ ids }) => ids) }),
};

const batch = (...ids: string[]): Batch => ({ ids });

/** Work that ends when the test says so. */
class Bench {
  readonly begun: string[] = [];
  private readonly open = new Map<string, PromiseWithResolvers<void>>();
  readonly hands: Hands<Batch>;

  constructor(options: WorkerOptions) {
    this.hands = new Hands((nudge) => this.work(nudge), options, TOGETHER);
  }

  private work({ ids }: Batch): Promise<void> {
    const name = ids.join('+');
    const end = Promise.withResolvers<void>();
    this.begun.push(name);
    this.open.set(name, end);
    return end.promise;
  }

  async finish(name: string, fault?: Error): Promise<void> {
    if (fault) this.open.get(name)?.reject(fault);
    else this.open.get(name)?.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('Hands', () => {
  it('merge what comes while they are busy, as far as it may go together', async () => {
    const bench = new Bench({ concurrency: 1 });
    const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => bench.hands.do(batch(id)));
    expect(bench.begun).toEqual(['a']);
    await bench.finish('a');
    expect(bench.begun).toEqual(['a', 'b+c+d+e']);
    await bench.finish('b+c+d+e');
    await bench.finish('f');
    await Promise.all(all);
  });

  it('leave room for other lanes, and give each its turn', async () => {
    const bench = new Bench({ concurrency: 2, laneConcurrency: 1 });
    void bench.hands.do(batch('slow'), 'slow');
    void bench.hands.do(batch('s1', 's2', 's3', 's4'), 'slow');
    void bench.hands.do(batch('x'), 'x');
    void bench.hands.do(batch('y'), 'y');
    expect(bench.begun).toEqual(['slow', 'x']);
    await bench.finish('x');
    await bench.finish('y');
    expect(bench.begun).toEqual(['slow', 'x', 'y']);
    await bench.finish('slow');
    expect(bench.begun).toEqual(['slow', 'x', 'y', 's1+s2+s3+s4']);
  });

  it('promise no more than they can hold, and take nothing after they are closed', async () => {
    const { hands, begun } = new Bench({ concurrency: 2, laneConcurrency: 1 });
    expect([1, 2, 3, 4, 5].map((id) => hands.promise(batch(String(id)), 'a'))).toEqual([true, true, true, true, false]);
    expect(hands.promise(batch('other'), 'b')).toBe(true);
    hands.break(batch('1'), 'a');
    expect(hands.promise(batch('5'), 'a')).toBe(true);
    expect(begun).toEqual([]);
    await hands.close();
    expect(hands.promise(batch('6'), 'c')).toBe(false);
  });

  it('tell everybody whose nudges went together that they failed, and go on', async () => {
    const bench = new Bench({ concurrency: 1 });
    const first = bench.hands.do(batch('a'));
    const two = Promise.allSettled([bench.hands.do(batch('b')), bench.hands.do(batch('c'))]);
    await bench.finish('a');
    await bench.finish('b+c', new Error('no such table'));
    await first;
    expect((await two).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = bench.hands.do(batch('d'));
    await bench.finish('d');
    await next;
  });

  it('end what they have begun when they are closed, and refuse what waits', async () => {
    const bench = new Bench({ concurrency: 1 });
    const begun = bench.hands.do(batch('a'));
    const waiting = bench.hands.do(batch('b'));
    const refused = waiting.catch((error: Error) => error.message);
    const closed = bench.hands.close();
    expect(await refused).toBe('The process is stopping.');
    await bench.finish('a');
    await Promise.all([begun, closed]);
    await expect(bench.hands.do(batch('c'))).rejects.toThrow('The process is stopping.');
    expect(bench.begun).toEqual(['a']);
  });
});
