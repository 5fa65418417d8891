import { echatChat, kf5Chat, rongCloudCommand } from '@bellhop/simulators';
import { newKey } from '../../src/platform/env.keys.js';
import { freshDatabase, type FreshDatabase } from '../support/postgres.js';
import { rawRequest } from '../support/raw-http.js';
import { headerText } from './malformed/request.js';
import { ObservedPlatform } from './observed-platform.js';
import { Recorder } from './recorder.js';
import { CONTROL_TEXTS, META_TEXTS } from './ugly.js';

const PLATFORM_KEY = 'platform-key-of-the-log-0123456789abcdef';
const RONGCLOUD = { appKey: 'app-key', appSecret: 'app-secret' };
const ECHAT = { token: 'echat-token' };
const TEXTS = [...Object.values(CONTROL_TEXTS), ...Object.values(META_TEXTS)];
/** Whoever reads the log of a terminal would obey these. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f]/;

class Log extends Recorder {
  text = '';

  override add(where: string, text: string): void {
    if (where === 'log (stdout)') this.text += text;
  }
}

describe('the log', () => {
  const log = new Log();
  let database: FreshDatabase;
  let platform: ObservedPlatform;

  beforeAll(async () => {
    database = await freshDatabase();
    const env = { DATABASE_URL: database.url, BELLHOP_KEYS: newKey('k1'), BELLHOP_PLATFORM_KEY: PLATFORM_KEY };
    platform = await ObservedPlatform.start({ ...env, BELLHOP_SANDBOX: 'false' }, log);
  }, 90_000);
  afterAll(async () => {
    await platform?.stop();
    await database?.drop();
  });

  /** An app with a key, and the addresses of its vendors. */
  async function open() {
    const operator = { key: PLATFORM_KEY };
    const app = await platform.call('POST', '/v1/apps', {
      ...operator,
      body: { name: 'Shop', deepLinkScheme: 'shop' },
    });
    const made = await platform.call('POST', `/v1/apps/${String(app.body['id'])}/api-keys`, {
      ...operator,
      body: { name: 'tests', scopes: ['admin'] },
    });
    const key = String(made.body['key']);
    const integrate = async (plugin: string, config: object): Promise<string> => {
      const { body } = await platform.call('POST', '/v1/integrations', { key, body: { plugin, name: plugin, config } });
      return String(body['callbackUrl']);
    };
    return {
      key,
      kf5: await integrate('kf5', {}),
      rongcloud: await integrate('rongcloud', RONGCLOUD),
      echat: await integrate('echat', ECHAT),
    };
  }

  it('is one line of JSON for each entry, whatever callers say', async () => {
    const { key, kf5, rongcloud, echat } = await open();
    const now = new Date();
    for (const [number, text] of TEXTS.entries()) {
      const inPath = encodeURIComponent(text);
      const inHeader = headerText(text) || 'x';
      const headers = {
        authorization: `Bearer ${key}`,
        'x-request-id': inHeader,
        'user-agent': inHeader,
        'idempotency-key': inHeader,
        traceparent: inHeader,
        'content-type': 'application/json',
      };
      const notification = { audience: { users: [text] }, content: { title: text, body: text }, category: text };
      await rawRequest(`${platform.url}/v1/notifications`, { headers, body: JSON.stringify(notification) });
      await rawRequest(`${platform.url}/v1/users/${inPath}/tags?${inPath}=${inPath}`, { method: 'GET', headers });
      await rawRequest(`${platform.url}/${inPath}`, { method: 'GET', headers });
      await rawRequest(`${platform.url}/v1/apps`, { headers: { ...headers, authorization: inHeader }, body: text });
      await rawRequest(`${platform.url}/v1/inbound/${inPath}/${inPath}`, { headers, body: text });
      const vendors = [
        [kf5, kf5Chat({ userId: text, text, devices: [{ token: text, platform: 'ios' }] })],
        [kf5, { method: 'POST', path: inPath, query: {}, headers: {}, body: text }],
        [rongcloud, rongCloudCommand(RONGCLOUD, 'user/tag/set.json', { userId: text, tags: [text] }, { now })],
        [rongcloud, rongCloudCommand(RONGCLOUD, 'push.json', { platform: [text], audience: { tag: [text] } }, { now })],
        [rongcloud, rongCloudCommand(RONGCLOUD, `${inPath}.json`, { [text]: text }, { now })],
        [echat, echatChat(ECHAT, { companyId: text, msgId: `${number}`, uid: text, content: text }, { now })],
      ] as const;
      for (const [url, { path, query, body, headers: own }] of vendors) {
        const search = new URLSearchParams(query).toString();
        await rawRequest(`${url}${path && `/${path}`}?${search}`, { headers: own, body });
      }
    }
    await platform.stop();
    const lines = log.text.split('\n').filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(TEXTS.length * 5);
    const torn = lines.filter((line) => !isEntry(line) || CONTROL.test(line));
    expect(torn).toEqual([]);
    const entries = lines.map((line) => JSON.parse(line) as { level: string; msg?: string });
    expect(entries.filter(({ level, msg }) => ['error', 'fatal'].includes(level) || msg === 'forged')).toEqual([]);
  }, 60_000);
});

function isEntry(line: string): boolean {
  try {
    const { level, time } = JSON.parse(line) as { level?: unknown; time?: unknown };
    return typeof level === 'string' && typeof time === 'string';
  } catch {
    return false;
  }
}
