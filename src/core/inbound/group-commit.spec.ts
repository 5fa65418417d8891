import { setImmediate as nextTurn } from 'node:timers/promises';
import { GroupCommit, type GroupCommitLimits, OverloadedError } from './group-commit.js';

const LIMITS: GroupCommitLimits = { maxInFlight: 2, minBeside: 1, maxItems: 3, maxWaiting: 7 };

/** A flush that a test ends by hand. */
interface Flush {
  readonly items: readonly string[];
  succeed(): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A group commit whose flushes are listed in the order of their start. */
function commits(limits: Partial<GroupCommitLimits> = {}) {
  const flushes: Flush[] = [];
  const group = new GroupCommit<string, string>(
    (items) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      flushes.push({
        items,
        succeed: () => (resolve(items.map((item) => `${item}!`)), nextTurn()),
        fail: (error) => (reject(error), nextTurn()),
      });
      return promise;
    },
    { ...LIMITS, ...limits },
  );
  const add = (...items: string[]) => items.map((item) => settled(group.add(item)));
  const started = () => flushes.map(({ items }) => items.join(''));
  return { group, flushes, add, started };
}

type Settled = { readonly promise: Promise<string>; readonly now: () => string };

/** The result as it stands at any moment. */
function settled(promise: Promise<string>): Settled {
  let state = 'waiting';
  promise.then(
    (result) => (state = result),
    (error: Error) => (state = error.name === 'Error' ? error.message : error.name),
  );
  return { promise, now: () => state };
}
const states = (results: readonly Settled[]): string[] => results.map(({ now }) => now());

describe('GroupCommit', () => {
  it('starts at once, with everything of one turn of the loop', async () => {
    const { add, started, flushes } = commits();
    const results = add('a', 'b', 'c');
    expect(started()).toEqual([]);
    await nextTurn();
    expect(started()).toEqual(['abc']);
    expect(states(results)).toEqual(['waiting', 'waiting', 'waiting']);
    await flushes[0]?.succeed();
    expect(states(results)).toEqual(['a!', 'b!', 'c!']);
  });

  it('has two flushes under way, and one for all that wait behind them', async () => {
    const { add, started, flushes } = commits();
    add('a');
    await nextTurn();
    add('b');
    await nextTurn();
    const waiting = add('c', 'd');
    await nextTurn();
    waiting.push(...add('e'));
    await nextTurn();
    expect(started()).toEqual(['a', 'b']);
    await flushes[1]?.succeed();
    expect(started()).toEqual(['a', 'b', 'cde']);
    await flushes[2]?.succeed();
    expect(states(waiting)).toEqual(['c!', 'd!', 'e!']);
  });

  it('starts a flush beside another only when enough wait for it', async () => {
    const { add, started, flushes } = commits({ minBeside: 2 });
    add('a');
    await nextTurn();
    add('b');
    await nextTurn();
    expect(started()).toEqual(['a']);
    add('c');
    await nextTurn();
    add('d');
    await nextTurn();
    expect(started()).toEqual(['a', 'bc']);
    await flushes[1]?.succeed();
    expect(started()).toEqual(['a', 'bc']);
    await flushes[0]?.succeed();
    expect(started()).toEqual(['a', 'bc', 'd']);
  });

  it('gives every item its own result, whichever flush ends first', async () => {
    const { add, flushes } = commits();
    const [a] = add('a');
    await nextTurn();
    const [b] = add('b');
    await nextTurn();
    await flushes[1]?.succeed();
    expect([a?.now(), b?.now()]).toEqual(['waiting', 'b!']);
    await flushes[0]?.succeed();
    expect(a?.now()).toBe('a!');
  });

  it('takes no more items into a flush than it may, the oldest first', async () => {
    const { add, started, flushes } = commits();
    add('a', 'b', 'c', 'd', 'e', 'f', 'g');
    await nextTurn();
    expect(started()).toEqual(['abc', 'def']);
    await flushes[0]?.succeed();
    expect(started()).toEqual(['abc', 'def', 'g']);
  });

  it('is as busy as it may be', async () => {
    const { add, started } = commits({ maxInFlight: 1, maxItems: 1 });
    add('a', 'b');
    await nextTurn();
    expect(started()).toEqual(['a']);
  });

  it('fails the items of one flush and no others', async () => {
    const { add, flushes } = commits();
    const results = add('a', 'b', 'c', 'd', 'e', 'f', 'g');
    await nextTurn();
    await flushes[0]?.fail(new Error('refused'));
    await flushes[1]?.succeed();
    await flushes[2]?.succeed();
    expect(states(results)).toEqual(['refused', 'refused', 'refused', 'd!', 'e!', 'f!', 'g!']);
    const [after] = add('h');
    await nextTurn();
    await flushes[3]?.succeed();
    expect(after?.now()).toBe('h!');
  });

  it('survives a flush that throws before it begins', async () => {
    let calls = 0;
    const group = new GroupCommit<string, string>((items) => {
      if (calls++ === 0) throw new Error('at once');
      return Promise.resolve(items);
    }, LIMITS);
    await expect(group.add('a')).rejects.toThrow('at once');
    await expect(group.add('b')).resolves.toBe('b');
  });

  it('refuses what would wait too long, and only that', async () => {
    const { add, flushes } = commits({ maxWaiting: 2 });
    const results = add('a', 'b', 'c');
    await nextTurn();
    expect(states(results)).toEqual(['waiting', 'waiting', 'OverloadedError']);
    await expect(results[2]?.promise).rejects.toThrow(OverloadedError);
    await flushes[0]?.succeed();
    expect(states(results)).toEqual(['a!', 'b!', 'OverloadedError']);
    const [later] = add('d');
    await nextTurn();
    await flushes[1]?.succeed();
    expect(later?.now()).toBe('d!');
  });

  it('counts what waits, not what is under way, as load', async () => {
    const { add } = commits({ maxWaiting: 3 });
    add('a', 'b', 'c');
    await nextTurn();
    expect(states(add('d', 'e', 'f'))).toEqual(['waiting', 'waiting', 'waiting']);
  });

  describe('drained', () => {
    const watch = (promise: Promise<void>) => {
      let done = false;
      void promise.then(() => (done = true));
      return () => done;
    };

    it('is at once when nothing is there', async () => {
      await expect(commits().group.drained()).resolves.toBeUndefined();
    });

    it('waits for what waits and for what is under way', async () => {
      const { group, add, flushes } = commits({ maxInFlight: 1 });
      add('a', 'b', 'c', 'd');
      const isDone = watch(group.drained());
      await nextTurn();
      await flushes[0]?.succeed();
      expect(isDone()).toBe(false);
      await flushes[1]?.succeed();
      expect(isDone()).toBe(true);
    });

    it('waits for a flush that fails', async () => {
      const { group, add, flushes } = commits();
      add('a');
      await nextTurn();
      const both = [watch(group.drained()), watch(group.drained())];
      await flushes[0]?.fail(new Error('refused'));
      expect(both.map((isDone) => isDone())).toEqual([true, true]);
    });
  });
});
