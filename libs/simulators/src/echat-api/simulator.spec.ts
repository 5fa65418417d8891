import { createCipheriv, createHash } from 'node:crypto';
import {
  echatApiTestAccount,
  type EchatApiSimulator,
  type EchatApiSimulatorOptions,
  startEchatApiSimulator,
} from './simulator.js';

const account = echatApiTestAccount();
const START = Date.parse('2026-01-15T08:00:00Z');
let simulator: EchatApiSimulator;
let now: number;

beforeEach(() => start());
afterEach(() => simulator.close());

async function start(options: EchatApiSimulatorOptions = {}): Promise<void> {
  now = START;
  simulator = await startEchatApiSimulator({ now: () => now, ...options });
}

async function get(path: string, query: Record<string, string>): Promise<Record<string, unknown>> {
  const response = await fetch(`${simulator.url}${path}?${new URLSearchParams(query).toString()}`);
  const text = await response.text();
  return { status: response.status, ...(text.startsWith('{') && (JSON.parse(text) as object)) };
}

function getToken({ appId = account.appId, token = account.token } = {}): Promise<Record<string, unknown>> {
  const [timestamp, nonce] = [String(now), 'abc123'];
  const signature = createHash('sha1').update([token, timestamp, nonce].sort().join('')).digest('hex');
  return get(`/getToken/${appId}`, { timestamp, nonce, signature });
}

const unread = (query: Record<string, string>) => get('/getVisitorUnReadMsgCount/1.1', { companyId: '60', ...query });

/** As the vendor's SDK makes it, with CDATA. */
function metaDataOf(uid: string, { appId } = account): string {
  const key = Buffer.from(account.encodingAesKey, 'base64');
  const text = `<xml>\n  <uid><![CDATA[${uid}]]></uid>\n</xml>`;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  const plain = Buffer.concat([Buffer.alloc(16, 7), length, Buffer.from(text + appId)]);
  const pad = 32 - (plain.length % 32);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.concat([plain, Buffer.alloc(pad, pad)])), cipher.final()]).toString(
    'base64',
  );
}

describe('access tokens of the Echat simulator', () => {
  it('live for two hours, and five minutes beside their successor', async () => {
    const first = String((await getToken()).accessToken);
    expect(first.length).toBeGreaterThanOrEqual(100);
    now += 1000;
    const { accessToken, expire_in } = await getToken();
    expect([simulator.accepts(first), simulator.accepts(String(accessToken)), expire_in]).toEqual([true, true, 7200]);
    now += 5 * 60_000;
    expect([simulator.accepts(first), simulator.accepts(String(accessToken))]).toEqual([false, true]);
    now += 2 * 3_600_000;
    expect(simulator.accepts(String(accessToken))).toBe(false);
    expect(simulator.counters.tokensIssued).toBe(2);
  });

  it('are for those who can sign', async () => {
    expect(await getToken({ token: 'another' })).toEqual({ status: 200, errcode: 40_001, errmsg: 'invalid signature' });
    expect(await getToken({ appId: 'another' })).toMatchObject({ errcode: 40_013 });
    expect(simulator.counters).toMatchObject({ tokensIssued: 0, answers: { '200 40001': 1, '200 40013': 1 } });
  });
});

describe('unread messages of the Echat simulator', () => {
  it('are counted for members and guests', async () => {
    simulator.setUnread({ visitor: 'user_1', count: 2, lastMsgContent: 'hi' });
    const answer = { errcode: 0, unreadMsgCount: 2, lastMsgContent: 'hi', tm: START };
    expect(await unread({ metaData: metaDataOf('user_1') })).toMatchObject(answer);
    expect(await unread({ visitorId: 'user_1' })).toMatchObject(answer);
    expect(await unread({ encryptVId: 'somebody' })).toMatchObject({ errcode: 0, unreadMsgCount: 0 });
  });

  it('are not told to everybody', async () => {
    const foreign = metaDataOf('user_1', { ...account, appId: 'ANOTHER' });
    for (const metaData of ['AAAA', 'A'.repeat(44), foreign]) {
      expect(await unread({ metaData })).toMatchObject({ errcode: 40_002 });
    }
    expect(await unread({})).toMatchObject({ errcode: 40_003 });
    expect(await unread({ companyId: '61', visitorId: 'x' })).toMatchObject({ errcode: 40_004 });
    expect(await get('/pushVisitorEvent', {})).toEqual({ status: 404 });
  });
});

it('plays scripts, on the control endpoint too, and forgets them', async () => {
  await simulator.close();
  await start({ controlPort: 0 });
  const control = (path: string, body?: object) =>
    fetch(`${simulator.controlUrl}${path}`, body && { method: 'POST', body: JSON.stringify(body) });
  const { accessToken } = await getToken();
  await control('/rules', { steps: [{ status: 503 }], unread: [{ visitor: 'a', count: 1 }], revoke: true });
  expect(simulator.accepts(String(accessToken))).toBe(false);
  expect(await unread({ visitorId: 'a' })).toEqual({ status: 503 });
  expect(await unread({ visitorId: 'a' })).toMatchObject({ unreadMsgCount: 1 });
  expect(await (await control('/requests')).json()).toMatchObject([
    { answer: '200' },
    { answer: '503' },
    { answer: '200 0' },
  ]);
  await control('/reset', {});
  expect(await unread({ visitorId: 'a' })).toMatchObject({ unreadMsgCount: 0 });
  expect(simulator.counters).toEqual({ requests: 1, tokensIssued: 0, answers: { '200 0': 1 } });
});
