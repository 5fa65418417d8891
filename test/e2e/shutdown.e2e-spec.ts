import { Agent, get, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import { shutDown } from '../../src/bootstrap.js';
import { eventually, TestPlatform } from '../support/app.js';
import { freshDatabase } from '../support/postgres.js';
import { rawRequest } from '../support/raw-http.js';

const CLIENTS = 8;

describe('a process that is told to stop', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let platform: TestPlatform;

  beforeAll(async () => (database = await freshDatabase()));
  afterAll(() => database?.drop());
  beforeEach(async () => (platform = await TestPlatform.start({ role: 'api', databaseUrl: database.url })));

  it('ends although clients never pause, and answers what they asked', async () => {
    const statuses: (number | undefined)[] = [];
    const client = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        const [answer] = (await once(get(`${platform.url}/health/live`, { agent }), 'response')) as [IncomingMessage];
        statuses.push(answer.statusCode);
        await once(answer.resume(), 'end');
      }
    };
    // The only way out is a connection that is not there any more.
    const clients = Array.from({ length: CLIENTS }, () => expect(client()).rejects.toThrow(/ECONN|socket hang up/));
    await eventually(() => Promise.resolve(statuses.length > 5 * CLIENTS));
    await shutDown(platform.app, 60_000);
    await Promise.all(clients);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('waits no longer than its grace for a request that does not end', async () => {
    const taken = once(platform.app.getHttpServer() as Server, 'request');
    const open = rawRequest(`${platform.url}/v1/notifications`, {
      headers: { 'content-type': 'application/json', 'content-length': '100' },
      body: '{',
      unfinished: true,
    });
    await taken;
    await Promise.all([expect(open).rejects.toThrow(/socket hang up|ECONNRESET/), shutDown(platform.app, 200)]);
  });
});
