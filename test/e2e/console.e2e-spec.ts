import { readdirSync, readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { TestPlatform } from '../support/app.js';

const FOLDER = path.resolve(import.meta.dirname, '../../console');
const FILES = readdirSync(FOLDER);

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

describe('the console', () => {
  let platform: TestPlatform;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(() => platform?.stop());

  const visit = (address: string, method = 'GET') => fetch(platform.url + address, { method, redirect: 'manual' });

  /** As it stands: `fetch` takes the dots out of an address, and wants nothing from a cache. */
  const raw = (address: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(platform.url);
      get({ hostname, port, path: address, headers }, (reply) => resolve(reply.resume())).on('error', reject);
    });

  it.each(['', ...FILES])('serves /console/%s', async (file) => {
    const reply = await visit(`/console/${file}`);
    const name = file || 'index.html';
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, TYPES[path.extname(name)]]);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      etag: expect.any(String),
    });
    expect(await reply.text()).toBe(readFileSync(path.join(FOLDER, name), 'utf8'));
  });

  it('sends a file again only when it has changed', async () => {
    const { headers } = await visit('/console/main.js');
    const again = await raw('/console/main.js', { 'if-none-match': headers.get('etag') ?? '' });
    expect([again.statusCode, again.headers['cache-control']]).toEqual([304, 'no-cache']);
  });

  it('lies in a folder', async () => {
    const { status, headers } = await visit('/console');
    expect([status, headers.get('location')]).toEqual([301, '/console/']);
  });

  it('has no script and no style in its page, and asks no other host', () => {
    const page = readFileSync(path.join(FOLDER, 'index.html'), 'utf8');
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/i);
    const sources = FILES.map((file) => readFileSync(path.join(FOLDER, file), 'utf8')).join('\n');
    expect(sources.match(/\bhttps?:\/\/[^\s"'`]+/g)).toEqual(['http://www.w3.org/2000/svg']);
    expect(sources).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/);
  });

  it('says whether there is a provider to sign in with', async () => {
    const reply = await visit('/console/settings.json');
    expect([reply.headers.get('content-security-policy'), await reply.json()]).toEqual([POLICY, { provider: false }]);
    const env = { PUBLIC_URL: 'https://push.example.com', BELLHOP_OIDC_ISSUER: 'https://login.example.com' };
    const client = { BELLHOP_OIDC_CLIENT_ID: 'bellhop', BELLHOP_OIDC_CLIENT_SECRET: 'of-the-client' };
    const { databaseUrl } = platform;
    const other = await TestPlatform.start({ role: 'api', databaseUrl, env: { ...env, ...client } });
    try {
      expect((await other.request('GET', '/console/settings.json')).body).toEqual({ provider: true });
    } finally {
      await other.stop();
    }
  });

  it.each([
    '/console/nothing.js',
    '/console/main.js/',
    '/console/.dockerignore',
    '/console/../package.json',
    '/console/..%2fpackage.json',
    '/console/%2e%2e/package.json',
    '/console/%2e%2e%2fpackage.json',
    '/console/..%5cpackage.json',
    '/console/....//package.json',
    '/console//etc/passwd',
    '/console/%00',
    '/console/%E0%A4%A',
  ])('has nothing at %s', async (address) => {
    const { statusCode, headers } = await raw(address);
    expect([statusCode, headers['content-type']]).toEqual([
      address.endsWith('%A') ? 400 : 404,
      'application/problem+json',
    ]);
  });

  it.each(['POST', 'PUT', 'DELETE'])('is not changed by %s', async (method) => {
    const { status, headers } = await visit('/console/index.html', method);
    expect([status, headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  });

  it('leaves the headers of everything else as they are, and is no part of the API', async () => {
    const reply = await visit('/v1/session');
    expect(reply.headers.get('content-security-policy')).toMatch(/^default-src 'self'/);
    const { body } = await platform.request('GET', '/docs-json');
    expect(Object.keys(body['paths'] as object).filter((name) => name.includes('console'))).toEqual([]);
  });

  it('is not served by a worker', async () => {
    const worker = await TestPlatform.start({ role: 'worker', databaseUrl: platform.databaseUrl });
    try {
      for (const address of ['/console/', '/console/settings.json'])
        expect((await worker.request('GET', address)).status).toBe(404);
    } finally {
      await worker.stop();
    }
  });
});
