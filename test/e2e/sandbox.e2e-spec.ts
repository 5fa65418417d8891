import type { INestApplication } from '@nestjs/common';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DataSource } from 'typeorm';
import { createBellhop, shutDown } from '../../src/bootstrap.js';
import { type Environment, readEnvironment } from '../../src/platform/env.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.js';
import { readSandbox, type SandboxState } from '../../src/sandbox/sandbox-state.js';
import { eventually } from '../support/app.js';
import { freshDatabase } from '../support/postgres.js';

interface Integration {
  readonly id: string;
  readonly plugin: string;
}

describe('the sandbox', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let dataDir: string;
  let environment: Environment;
  let app: INestApplication;
  let url: string;
  let sandbox: Sandbox;
  let state: SandboxState;

  beforeAll(async () => {
    database = await freshDatabase();
    dataDir = await mkdtemp(path.join(os.tmpdir(), 'bellhop-sandbox-'));
    environment = readEnvironment({
      DATABASE_URL: database.url,
      BELLHOP_SANDBOX: 'true',
      BELLHOP_DATA_DIR: dataDir,
      LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    });
    app = await createBellhop({ environment, databaseUrl: database.url });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
    await start();
  });
  afterAll(async () => {
    if (app) await shutDown(app, 5_000);
    await sandbox?.close();
    await database?.drop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    sandbox = await startSandbox(app, environment, url);
    state = (await readSandbox(dataDir)) as SandboxState;
  }

  async function restart(): Promise<void> {
    await sandbox.close();
    await start();
  }

  async function api<T>(method: string, address: string): Promise<T> {
    const headers = { authorization: `Bearer ${state.apiKey}` };
    return (await (await fetch(url + address, { method, headers })).json()) as T;
  }

  const integrations = async () => (await api<{ data: Integration[] }>('GET', '/v1/integrations?limit=200')).data;
  const webhooks = async () => (await api<{ data: { id: string; url: string }[] }>('GET', '/v1/webhooks')).data;

  /** Plugins whose connection test succeeds: their simulator has answered. */
  async function connected(): Promise<string[]> {
    const checked = await Promise.all(
      (await integrations()).map(async ({ id, plugin }) => {
        const check = () => api<{ ok: boolean; code?: string }>('POST', `/v1/integrations/${id}/check`);
        // Some vendors take one call a second; the test before has just made one.
        const answer = await eventually(async () => check().then((seen) => seen.code !== 'rate.no_slot' && seen));
        return answer.ok ? [plugin] : [];
      }),
    );
    return checked.flat().sort();
  }

  /** Whose tags the RongCloud simulator was told since its start. */
  const tagged = async (): Promise<string[]> => {
    const reply = await fetch(`${state.simulators?.rongcloud}/requests`);
    const calls = (await reply.json()) as { command?: { kind: string; userIds: string[] } }[];
    return calls.flatMap(({ command }) => (command?.kind === 'tags' ? command.userIds : [])).sort();
  };

  const EVERY = ['apns', 'echat', 'fcm', 'kf5', 'nim', 'rongcloud', 'udesk', 'webhook'];
  const PEOPLE = ['user_10086', 'user_20001', 'user_30001'];

  it('leads every integration to its simulator', async () => {
    expect(await connected()).toEqual(EVERY);
    expect(sandbox.banner).toContain(state.apiKey);
    expect((await webhooks()).map((webhook) => webhook.url)).toEqual([state.receiver]);
  });

  it('is the same app after a restart, led to new simulators that know its tags', async () => {
    const { simulators, receiver, ...before } = state;
    await restart();
    expect(state).toMatchObject(before);
    expect([state.simulators, state.receiver]).not.toEqual([simulators, receiver]);
    expect(await connected()).toEqual(EVERY);
    expect((await webhooks()).map((webhook) => webhook.url)).toEqual([state.receiver]);
    await eventually(async () => (await tagged()).length >= PEOPLE.length);
    expect(await tagged()).toEqual(PEOPLE);
  });

  it('makes an event webhook again that somebody took away', async () => {
    const [webhook] = await webhooks();
    await fetch(`${url}/v1/webhooks/${webhook?.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${state.apiKey}` },
    });
    await restart();
    expect((await webhooks()).map((one) => [one.url, one.id === webhook?.id])).toEqual([[state.receiver, false]]);
  });

  it('completes what an earlier release has left', async () => {
    const { appId, apiKey, vendors, channels, devices } = state;
    const secretOf = ({ nim, rongcloud, echat }: SandboxState['vendors']) =>
      [nim, rongcloud, echat].map(({ config }) => config.appSecret ?? config.token);
    await forgetSendingSide();
    const { pushInfoKey: _made, ...echat } = vendors.echat.config;
    const old = {
      appId,
      apiKey,
      vendors: {
        ...vendors,
        udesk: { ...vendors.udesk, config: {} },
        echat: { ...vendors.echat, config: echat },
      },
      channels,
      devices,
      url,
      pid: 1,
      simulators: { apns: 'http://127.0.0.1:1', fcm: 'http://127.0.0.1:1' },
    };
    await writeFile(path.join(dataDir, 'sandbox.json'), JSON.stringify(old));
    await restart();
    expect(state).toMatchObject({ appId, apiKey, channels, devices });
    expect(secretOf(state.vendors)).toEqual(secretOf(vendors));
    expect(await connected()).toEqual(EVERY);
    await eventually(async () => (await tagged()).length >= PEOPLE.length);
    expect(new Set(await tagged())).toEqual(new Set(PEOPLE));
  });

  /** As the integrations of the first release were: nothing but what callbacks need. */
  async function forgetSendingSide(): Promise<void> {
    const sql = app.get(DataSource);
    await sql.query(`DELETE FROM tag_outbox`);
    await sql.query(`DELETE FROM user_tag`);
    await sql.query(`DELETE FROM webhook_endpoint`);
    await sql.query(`DELETE FROM integration WHERE plugin = 'webhook'`);
    await sql.query(`UPDATE integration SET settings = settings - 'mirrorTags' - 'alsoThrough',
      config = config - '{baseUrls,v2BaseUrl,baseUrl,email,imWebPluginId,sender,apiServer}'::text[]`);
  }
});
