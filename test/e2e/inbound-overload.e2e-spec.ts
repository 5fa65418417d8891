import { kf5Chat, nimCopy, sendCallback } from '@bellhop/simulators';
import type { Server } from 'node:http';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { eventually, TestPlatform } from '../support/app.js';
import { rawRequest } from '../support/raw-http.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
/** Callbacks that a process has in progress at most. */
const MOST = 1_500;
const TOO_MANY = 20;

describe('while more callbacks are in progress than can be done soon', () => {
  let platform: TestPlatform;
  let blocker: Client;
  let reader: Client;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
    blocker = new Client({ connectionString: platform.databaseUrl });
    reader = new Client({ connectionString: platform.databaseUrl });
    await Promise.all([blocker.connect(), reader.connect()]);
  });
  afterAll(async () => {
    await Promise.all([blocker?.end(), reader?.end()]);
    await platform?.stop();
  });

  it('others are told at once to come again, in the words of their vendor, and nothing of them is kept', async () => {
    const app = await platform.createApp();
    const nim = await app.integrate({ plugin: 'nim', name: 'nim', config: APP });
    const kf5 = await app.integrate({ plugin: 'kf5', name: 'kf5', config: {} });
    const server = platform.app.getHttpServer() as Server;
    const connections = promisify(server.getConnections.bind(server));
    const post = (n: number) =>
      sendCallback(
        nim.inboundUrl,
        nimCopy(
          APP,
          {
            eventType: '2',
            accid: `a${n}`,
            clientType: 'IOS',
            deviceId: 'd',
            timestamp: String(1_700_000_000_000 + n),
          },
          { now: new Date() },
        ),
      );
    await blocker.query('BEGIN; LOCK TABLE inbound_event IN EXCLUSIVE MODE');
    // All have come when the platform learns of the integration: none that is declined takes the room of another.
    await reader.query('BEGIN; LOCK TABLE integration IN ACCESS EXCLUSIVE MODE');
    const answered: number[] = [];
    const posts = Array.from({ length: MOST + TOO_MANY }, async (_, n) => {
      const { status, body } = await post(n);
      answered.push(status);
      return { status, body };
    });
    try {
      await eventually(async () => (await connections()) >= MOST + TOO_MANY);
      await reader.query('ROLLBACK');
      await eventually(() => Promise.resolve(answered.length >= TOO_MANY));
      expect(answered).toEqual(Array.from({ length: TOO_MANY }, () => 503));
      const chat = kf5Chat({ userId: 7, text: 'x', devices: [] });
      expect(await sendCallback(kf5.inboundUrl, chat)).toEqual({ status: 503, body: '' });
      // Nobody knows how much of this body is still to come.
      const open = await rawRequest(kf5.inboundUrl, { headers: { 'transfer-encoding': 'chunked' }, body: '{}' });
      expect([open.status, open.headers.connection]).toEqual([503, 'close']);
    } finally {
      await Promise.all([reader, blocker].map((client) => client.query('ROLLBACK')));
    }
    const replies = await Promise.all(posts);
    expect(new Set(replies.map(({ status, body }) => `${status} ${body}`))).toEqual(
      new Set(['200 {"code":200}', '503 {"code":503}']),
    );
    expect(replies.filter(({ status }) => status === 503)).toHaveLength(TOO_MANY);
    const rows = await platform.sql.query('SELECT count(*)::int FROM inbound_event');
    expect(rows).toEqual([{ count: MOST }]);
  });
});
