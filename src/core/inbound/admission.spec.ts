import { Admission } from './admission.js';

const MOST = 1_500;

describe('callbacks in progress', () => {
  it('are as many as there is room for, and room comes back however one of them ends', async () => {
    const admission = new Admission();
    const ends: PromiseWithResolvers<string>[] = [];
    const ask = (): Promise<string | undefined> => {
      const end = Promise.withResolvers<string>();
      return admission.admit(() => {
        ends.push(end);
        return end.promise;
      });
    };
    const asked = Array.from({ length: MOST }, ask);
    // Who is not taken takes no room from others, though all of them come at once.
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([undefined, undefined, undefined]);
    ends[0]?.resolve('done');
    ends[1]?.reject(new Error('torn'));
    expect(await asked[0]).toBe('done');
    await expect(asked[1]).rejects.toThrow('torn');
    const next = [ask(), ask(), ask()];
    expect(ends).toHaveLength(MOST + 2);
    expect(await next[2]).toBeUndefined();
    for (const { resolve } of ends) resolve('done');
    expect(await Promise.all(next)).toEqual(['done', 'done', undefined]);
  });
});
