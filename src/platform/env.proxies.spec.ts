import { toProxies } from './env.proxies.js';

describe('toProxies', () => {
  it('reads addresses, networks and names', () => {
    const list = 'loopback, uniquelocal,10.0.0.0/8,192.0.2.1, 2001:db8::/32,::1';
    expect(toProxies(list)).toEqual(['loopback', 'uniquelocal', '10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1']);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/0',
    '10/8',
    '10.0.0.0/8/8',
    '::/129',
    'all',
    'a.example',
    '1.2.3',
    '10.0.0.1,',
    ',',
  ])('leaves %j as it is, for the validator to refuse', (text) => {
    expect(toProxies(text)).toBe(text);
  });
});
