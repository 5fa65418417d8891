import type { Caller } from './caller.js';
import { KeyCache } from './key-cache.js';

const at = (ms: number): Date => new Date(ms);
const caller: Caller = { kind: 'api_key', id: 'k', name: 'k', appId: 'a', scopes: ['read'], expiresAt: null };

describe('KeyCache', () => {
  it('remembers a caller for ten seconds', () => {
    const cache = new KeyCache();
    cache.set('d', caller, at(0));
    expect(cache.get('d', at(9_999))).toBe(caller);
    expect(cache.get('d', at(10_000))).toBeUndefined();
    expect(cache.get('d', at(0))).toBeUndefined();
  });

  it('forgets everybody at once', () => {
    const cache = new KeyCache();
    cache.set('d', caller, at(0));
    cache.clear();
    expect(cache.get('d', at(1))).toBeUndefined();
  });

  it('gives up the oldest of ten thousand', () => {
    const cache = new KeyCache();
    for (let n = 0; n <= 10_000; n++) cache.set(`d${n}`, caller, at(0));
    expect(cache.get('d0', at(1))).toBeUndefined();
    expect(cache.get('d1', at(1))).toBe(caller);
    expect(cache.get('d10000', at(1))).toBe(caller);
  });
});
