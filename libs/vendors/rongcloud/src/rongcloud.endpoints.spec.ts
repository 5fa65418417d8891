import { Endpoints } from './rongcloud.endpoints.js';

describe('the addresses of a data centre', () => {
  let ms = 0;
  const start = (...urls: string[]) => {
    ms = 0;
    return new Endpoints(urls, () => new Date(ms));
  };

  it('are used in turn', () => {
    const endpoints = start('a', 'b', 'c');
    const used: string[] = [];
    for (const round of [0, 1, 2, 3]) {
      ms = round * 30_000;
      used.push(endpoints.current);
      expect(endpoints.leave(endpoints.current)).toBe(true);
    }
    expect(used).toEqual(['a', 'b', 'c', 'a']);
  });

  it('are not left for a call that failed at another one, however late', () => {
    const endpoints = start('a', 'b');
    endpoints.leave('a');
    ms = 60_000;
    expect(endpoints.leave('a')).toBe(true);
    expect(endpoints.current).toBe('b');
  });

  it('are not left again within 30 seconds', () => {
    const endpoints = start('a', 'b');
    endpoints.leave('a');
    ms = 29_999;
    expect(endpoints.leave('b')).toBe(false);
    ms = 30_000;
    expect(endpoints.leave('b')).toBe(true);
    expect(endpoints.current).toBe('a');
  });

  it('may be one', () => {
    const endpoints = start('a');
    expect(endpoints.leave('a')).toBe(false);
    expect(endpoints.current).toBe('a');
  });
});
