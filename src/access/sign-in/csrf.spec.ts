import type { Request } from 'express';
import { assertSameSite } from './csrf.js';

const request = (method: string, headers: Readonly<Record<string, string>>): Request =>
  ({ method, get: (name: string) => headers[name.toLowerCase()] }) as unknown as Request;

const OWN = { host: 'push.example.com', 'bellhop-csrf': '1' };

describe('assertSameSite', () => {
  it.each([
    ['its own origin', { ...OWN, 'sec-fetch-site': 'same-origin' }],
    ['an old browser on its own origin', { ...OWN, origin: 'https://push.example.com' }],
    ['a program', OWN],
  ])('lets %s pass', (_, headers) => {
    expect(() => assertSameSite(request('POST', headers))).not.toThrow();
  });

  it.each([
    ['another site', { ...OWN, 'sec-fetch-site': 'cross-site' }],
    ['a sibling domain', { ...OWN, 'sec-fetch-site': 'same-site' }],
    ['the address bar', { ...OWN, 'sec-fetch-site': 'none' }],
    ['another origin', { ...OWN, origin: 'https://evil.example' }],
    ['an origin that hides', { ...OWN, origin: 'null' }],
    ['another port', { ...OWN, origin: 'https://push.example.com:8443' }],
    ['a form of its own origin', { host: OWN.host, 'sec-fetch-site': 'same-origin' }],
    ['a form', { host: OWN.host }],
  ])('refuses %s', (_, headers) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(() => assertSameSite(request(method, headers))).toThrow(/origin/);
    }
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])('does not ask %s', (method) => {
    expect(() => assertSameSite(request(method, { 'sec-fetch-site': 'cross-site' }))).not.toThrow();
  });
});
