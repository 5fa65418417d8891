import { kf5Chat } from '@bellhop/simulators';
import { publicId } from '../../src/platform/ids.js';
import { PLATFORM_KEY } from '../support/app.js';
import { rawRequest, type RawReply } from '../support/raw-http.js';
import { callsOn, FurnishedApp, House, isUnsafe, type Route } from './routes.support.js';

/** What browsers are told with every reply. */
const PROTECTION = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-permitted-cross-domain-policies': 'none',
};
const STRANGER = 'https://evil.example';
/** Names of people and of their phones are their app's own. */
const OWN_NAMES = /\{(?!userId|installationId|pluginId|actionId)\w+\}/g;

describe('replies', () => {
  let house: House;
  let furnished: FurnishedApp;
  let other: FurnishedApp;

  beforeAll(async () => {
    house = await House.open();
    furnished = await FurnishedApp.furnish(house);
    other = await FurnishedApp.furnish(house);
  });
  afterAll(() => house?.close());

  const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
    rawRequest(house.platform.url + path, { method, headers, body });
  const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

  it('of every kind protect those who look at them with a browser', async () => {
    const own = bearer(furnished.app.key);
    const replies: readonly [words: string, reply: RawReply, status: number][] = [
      ['a list', await ask('GET', '/v1/notifications', own), 200],
      ['a refusal', await ask('GET', '/v1/notifications'), 401],
      ['nothing there', await ask('GET', '/v1/nothing', own), 404],
      ['another method', await ask('PATCH', '/v1/notifications', own), 405],
      ['a body that is none', await ask('POST', '/v1/apps', { ...own, 'content-type': 'application/json' }, '{'), 400],
      ['an address that is none', await ask('GET', '/v1/users/%FF/tags', own), 400],
      ['the documentation', await ask('GET', '/docs'), 200],
      ['a probe', await ask('GET', '/health/live'), 200],
      ['figures', await ask('GET', '/metrics'), 200],
    ];
    for (const [words, { status, headers }, expected] of replies) {
      expect([words, status, headers]).toEqual([words, expected, expect.objectContaining(PROTECTION)]);
      expect([words, headers['content-security-policy']]).toEqual([
        words,
        expect.stringContaining("script-src 'self'"),
      ]);
      expect([words, headers['x-powered-by'], headers['server']]).toEqual([words, undefined, undefined]);
    }
  });

  it('let no other site read them', async () => {
    for (const { id, method, path, scope } of house.routes) {
      const key = scope === 'platform' ? PLATFORM_KEY : furnished.app.key;
      const headers = { origin: STRANGER, ...bearer(key) };
      const preflight = {
        origin: STRANGER,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      };
      const replies = [
        await ask('OPTIONS', path.replaceAll(/\{\w+\}/g, 'x'), preflight),
        ...(method === 'GET' ? [await ask('GET', path.replaceAll(/\{\w+\}/g, 'x'), headers)] : []),
      ];
      for (const { headers: given } of replies) {
        expect([id, Object.keys(given).filter((name) => name.startsWith('access-control-'))]).toEqual([id, []]);
      }
    }
  });

  it('to vendors say nothing of what runs here', async () => {
    const { inboundUrl } = await furnished.app.integrate({ plugin: 'kf5', name: 'kf5', config: {} });
    const { headers, body } = kf5Chat({ userId: 7, text: 'x', devices: [] });
    for (const url of [inboundUrl, `${inboundUrl}x`]) {
      const reply = await rawRequest(url, { headers: { ...headers, origin: STRANGER }, body });
      const names = Object.keys(reply.headers).filter((name) => /^(x-powered-by|server|access-control-)/.test(name));
      expect(names).toEqual([]);
    }
  });

  it('name addresses as the operator knows them, not as the caller does', async () => {
    const headers = {
      ...bearer(furnished.app.key),
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
      'content-type': 'application/json',
    };
    const made = await ask(
      'POST',
      '/v1/integrations',
      headers,
      JSON.stringify({ plugin: 'kf5', name: 'x', config: {} }),
    );
    expect(made.status).toBe(201);
    expect(JSON.stringify([made.headers, made.body])).not.toContain('evil');
    const link = await ask('POST', `/v1/operators/${furnished.names['operatorId']}/link`, {
      ...headers,
      ...bearer(PLATFORM_KEY),
      host: 'evil.example',
    });
    expect([link.status, link.body.includes('evil')]).toEqual([201, false]);
  });

  describe('about what is not the caller’s', () => {
    const routes = (): Route[] =>
      house.routes.filter(({ path, scope }) => scope && scope !== 'platform' && path.match(OWN_NAMES));
    /** Everything that could tell one reply from another. */
    const shapeOf = ({ status, headers, body }: RawReply): object => {
      const { date: _date, 'x-request-id': _id, ratelimit: _left, etag: _etag, ...rest } = headers;
      const { instance: _instance, ...problem } = JSON.parse(body) as { instance: string };
      return { status, headers: rest, problem };
    };

    it('are the same, whether it is somebody else’s or nobody’s', async () => {
      expect(routes().length).toBeGreaterThan(25);
      for (const route of routes()) {
        const call = callsOn(furnished)[route.id] ?? {};
        const body = isUnsafe(route) && call.body ? JSON.stringify(call.body) : undefined;
        const visit = (names: Readonly<Record<string, string>>) =>
          ask(
            route.method,
            furnished.address(route, { ...call, names: { ...call.names, ...names } }),
            { ...bearer(furnished.app.key), ...(body && { 'content-type': 'application/json' }) },
            body,
          );
        const wanted = [...route.path.matchAll(OWN_NAMES)].map(([name]) => name.slice(1, -1));
        const named = (value: (name: string) => string) =>
          Object.fromEntries(wanted.map((name) => [name, value(name)]));
        const foreign = await visit(named((name) => other.names[name] ?? ''));
        const unknown = await visit(named((name) => prefixed(other.names[name] ?? '')));
        expect([route.id, foreign.status]).toEqual([route.id, 404]);
        expect([route.id, shapeOf(foreign)]).toEqual([route.id, shapeOf(unknown)]);
        for (const none of ['x', '0', '__proto__', "' OR 1=1"]) {
          const malformed = await visit(named(() => none));
          expect([route.id, none, malformed.status, codeIn(malformed)]).toEqual([route.id, none, 404, 'not_found']);
        }
      }
    });
  });
});

const codeIn = ({ body }: RawReply): unknown => (JSON.parse(body) as { code?: string }).code;

/** An id of the same kind that nothing has. */
function prefixed(id: string): string {
  const [prefix = 'ntf'] = id.split('_');
  return publicId(prefix as 'ntf', 'f'.repeat(32));
}
