import { fieldsOf } from './audited-fields.js';

describe('fieldsOf', () => {
  it('names one or two steps, and no value', () => {
    const body = {
      name: 'NIM',
      config: { appSecret: 'hunter2', 'a/b~': 1 },
      tags: ['vip'],
      content: { extras: { secret: 'x' } },
      empty: {},
    };
    expect(fieldsOf(body)).toEqual([
      '/name',
      '/config/appSecret',
      '/config/a~1b~0',
      '/tags',
      '/content/extras',
      '/empty',
    ]);
    expect(fieldsOf(body).join()).not.toMatch(/hunter2|vip/);
  });

  it.each([undefined, null, 'text', 7, [{ a: 1 }]])('finds nothing in %j', (body) => {
    expect(fieldsOf(body)).toEqual([]);
  });

  it('has an end', () => {
    const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, number) => [`${number}`.repeat(300), 1]));
    const fields = fieldsOf(wide);
    expect(fields).toHaveLength(50);
    expect(Math.max(...fields.map(({ length }) => length))).toBeLessThanOrEqual(101);
  });
});
