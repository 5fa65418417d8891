/**
 * `npm run test:cancel`: a broadcast to a tag expression over 100,000 devices, cancelled when about half has been sent.
 * Every device must be accounted for, and nothing may leave after the cancel was acknowledged.
 *
 *   --devices <n>  default 100,000
 *   DATABASE_URL   the server that gets the database; not set: an embedded one
 *
 * Exit codes: 0 every promise kept · 1 a promise broken, or the run failed.
 */
import { apnsTestCredentials, startApnsSimulator } from '@bellhop/simulators';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { type AppApi, Platform, VAULT_KEYS } from '../../bench/support/platform.js';
import { TestServer } from '../../bench/support/postgres.js';
import { deviceContext } from '../../src/core/devices/devices.service.js';
import { internalId, newId } from '../../src/platform/ids.js';
import { Vault } from '../../src/platform/vault.js';

const BUNDLE_ID = 'com.example.shop';
const PATIENCE_MS = 180_000;
/** How long the gateway is watched after the acknowledgement. */
const WATCH_MS = 3_000;
/** One device in so many belongs to somebody who wants no pushes. */
const OPTED_OUT_EVERY = 50;

const { values: flags } = parseArgs({ options: { devices: { type: 'string', default: '100000' } } });
const devices = Number(flags.devices);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  say(`Cancel test: ${devices} devices, cancelled at about half.`);
  const server = await TestServer.start(path.resolve('.data/kill'));
  const apns = await startApnsSimulator({ credentials: apnsTestCredentials(), record: devices * 2 });
  try {
    const databaseUrl = await server.create('cancel');
    const platform = await Platform.start({ databaseUrl, role: 'all' });
    try {
      const app = await platform.createApp();
      await app.integrate('apns', apns.channelConfig(BUNDLE_ID));
      await seed(databaseUrl, internalId('app', app.appId));
      return await run(app, () => apns.counters.requests, databaseUrl);
    } finally {
      await platform.stop();
    }
  } finally {
    await apns.close();
    await server.stop();
  }
}

/** Devices of as many people, all of whom have the tags. */
async function seed(databaseUrl: string, appId: string): Promise<void> {
  const vault = new Vault(VAULT_KEYS);
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  try {
    for (let from = 0; from < devices; from += 5_000) {
      const rows = Array.from({ length: Math.min(5_000, devices - from) }, (_, i) => deviceRow(vault, appId, from + i));
      await database.query(INSERT_DEVICES, [
        appId,
        rows.map(({ id }) => id),
        rows.map(({ user }) => user),
        rows.map(({ sealed }) => sealed),
        rows.map(({ hash }) => hash),
      ]);
      const users = rows.map(({ user }) => user);
      await database.query(INSERT_TAGS, [appId, users, newId()]);
      await database.query(INSERT_OPT_OUTS, [appId, users.filter((_, i) => i % OPTED_OUT_EVERY === 0)]);
    }
    await database.query('ANALYZE');
  } finally {
    await database.end();
  }
}

const INSERT_DEVICES = `
  INSERT INTO device (app_id, id, user_id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
                      environment, app_identifier, token_updated_at, last_seen_at)
  SELECT $1, id, user_id, user_id, 'ios', 'apns', 'token', sealed, hash, 'production', '${BUNDLE_ID}', now(), now()
  FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::bytea[]) AS d (id, user_id, sealed, hash)`;
const INSERT_TAGS = `
  INSERT INTO user_tag (app_id, user_id, tags, version, updated_at)
  SELECT $1, user_id, '{vip,beijing}', $3, now() FROM unnest($2::text[]) AS u (user_id)`;
const INSERT_OPT_OUTS = `
  INSERT INTO preference (app_id, user_id, push_enabled) SELECT $1, user_id, false FROM unnest($2::text[]) AS u (user_id)`;

function deviceRow(vault: Vault, appId: string, index: number) {
  const id = newId();
  const token = randomBytes(32).toString('hex');
  const sealed = vault.seal(token, deviceContext(appId, id));
  return { id, user: `user-${index}`, sealed, hash: vault.tokenHash(`apns:${token}`) };
}

interface Counted {
  readonly state: string;
  readonly targets: number;
  readonly pending: number;
  readonly counts: { readonly byState: Readonly<Record<string, number>> };
}

async function run(app: AppApi, arrived: () => number, databaseUrl: string): Promise<number> {
  const body = {
    audience: { allOf: ['vip'], anyOf: ['beijing', 'shanghai'] },
    content: { title: 'Sale', body: 'Today only' },
  };
  const explained = await app.call<{ send: number; targets: number }>('POST', '/v1/notifications/explain', body);
  const started = performance.now();
  const { id } = await app.call<{ id: string }>('POST', '/v1/notifications', body);
  await until(() => arrived() >= explained.send / 2);
  const ended = await app.call<Counted>('POST', `/v1/notifications/${id}/cancel`);
  const atAcknowledgement = arrived();
  const seconds = (performance.now() - started) / 1000;
  await pause(WATCH_MS);
  const { targets, pending, state, counts } = await app.call<Counted>('GET', `/v1/notifications/${id}`);
  const { accepted = 0, skipped = 0, cancelled = 0, ...others } = counts.byState;
  const distinct = await distinctDevices(databaseUrl);
  say(`  explained: ${explained.targets} targets, ${explained.send} to be sent`);
  say(
    `  cancelled after ${seconds.toFixed(1)} s: ${accepted} sent, ${skipped} skipped, ${cancelled} cancelled, ${targets} targeted`,
  );
  say(`  at the gateway: ${atAcknowledgement} at the acknowledgement, ${arrived()} after ${WATCH_MS / 1000} s more`);
  const broken = [
    ended.state === 'cancelled' && state === 'cancelled' ? '' : `state ${ended.state}, then ${state}`,
    accepted + skipped + cancelled === targets ? '' : 'sent + skipped + cancelled is not what was targeted',
    Object.keys(others).length === 0 ? '' : `other states: ${JSON.stringify(others)}`,
    pending === 0 ? '' : `${pending} pending`,
    arrived() === atAcknowledgement ? '' : 'something was sent after the acknowledgement',
    arrived() === accepted ? '' : `${arrived()} arrived, ${accepted} are said to be sent`,
    distinct === targets ? '' : `${distinct} different devices among ${targets} deliveries`,
    cancelled > 0 && accepted > 0 ? '' : 'the cancel came too early or too late to show anything',
  ].filter(Boolean);
  for (const fault of broken) say(`VIOLATED: ${fault}`);
  say(broken.length === 0 ? 'Every promise was kept.' : 'Promises were broken.');
  return broken.length === 0 ? 0 : 1;
}

async function distinctDevices(databaseUrl: string): Promise<number> {
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  const { rows } = await database.query<{ count: number }>(
    'SELECT count(DISTINCT device_id)::int AS count FROM delivery',
  );
  await database.end();
  return rows[0]?.count ?? 0;
}

async function until(reached: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!reached()) {
    if (performance.now() > end) throw new Error('The broadcast did not get half-way in time.');
    await pause(5);
  }
}

process.exitCode = await main();
