import { chunks } from './lists.js';

describe('chunks', () => {
  it.each([
    [[], []],
    [[1], [[1]]],
    [[1, 2], [[1, 2]]],
    [
      [1, 2, 3, 4, 5],
      [[1, 2], [3, 4], [5]],
    ],
  ])('%j in parts of two', (items: number[], parts: number[][]) => {
    expect(chunks(items, 2)).toEqual(parts);
  });
});
