/**
 * People with an iPhone each and tags of known shares, written in sets: a million of them in well under a minute, once in
 * a run. Whoever needs them gets a copy of the database.
 */
import { apnsToken } from '@bellhop/simulators';
import type { Client } from 'pg';
import { deviceContext } from '../../src/core/devices/devices.service.js';
import { internalId, newId } from '../../src/platform/ids.js';
import { Vault } from '../../src/platform/vault.js';
import { Platform, VAULT_KEYS } from './platform.js';
import { run, type TestServer } from './postgres.js';

/** A tag is held by those whose number, divided by `every`, leaves a rest from `from` below `to` when divided by `of`. */
interface TagRule {
  readonly every: number;
  readonly of: number;
  readonly from: number;
  readonly to: number;
}

/** Shares of the people: independent of each other, but for those that exclude each other. */
const RULES = {
  all: { every: 1, of: 1, from: 0, to: 1 },
  vip: { every: 1, of: 10, from: 0, to: 5 },
  regular: { every: 1, of: 10, from: 5, to: 10 },
  beijing: { every: 10, of: 10, from: 0, to: 1 },
  shanghai: { every: 10, of: 10, from: 1, to: 2 },
  gold: { every: 100, of: 100, from: 0, to: 1 },
  silver: { every: 100, of: 100, from: 1, to: 2 },
  bronze: { every: 100, of: 100, from: 2, to: 3 },
  iron: { every: 100, of: 100, from: 3, to: 4 },
  rare: { every: 100, of: 1000, from: 7, to: 8 },
} as const satisfies Record<string, TagRule>;

export type Tag = keyof typeof RULES;

/** As the API takes it. */
export interface TagExpression {
  readonly allOf?: readonly Tag[];
  readonly anyOf?: readonly Tag[];
}

/** Expressions by the share of the people that they reach. */
export const AUDIENCES = {
  everybody: { allOf: ['all'], anyOf: ['vip', 'regular'] },
  tenPercent: { allOf: ['vip'], anyOf: ['beijing', 'shanghai'] },
  fivePercent: { allOf: ['vip', 'beijing'] },
  fourPercent: { anyOf: ['gold', 'silver', 'bronze', 'iron'] },
  onePercent: { allOf: ['vip'], anyOf: ['gold', 'silver'] },
  rare: { allOf: ['vip', 'beijing'], anyOf: ['rare'] },
} as const satisfies Record<string, TagExpression>;

export const userOf = (number: number): string => `person-${number}`;
export const tokenOf = (number: number): string => apnsToken('ok', { number });

/** The numbers of those whom an expression reaches, in ascending order. */
export function numbersOf({ allOf = [], anyOf = [] }: TagExpression, people: number): number[] {
  const has = (number: number) => (tag: Tag) => holds(RULES[tag], number);
  const numbers = Array.from({ length: people }, (_, number) => number);
  return numbers.filter((number) => allOf.every(has(number)) && (anyOf.length === 0 || anyOf.some(has(number))));
}

function holds({ every, of, from, to }: TagRule, number: number): boolean {
  const rest = Math.floor(number / every) % of;
  return rest >= from && rest < to;
}

/** A database with an app and people in it, for a platform to be started on. */
export interface PopulatedDatabase {
  readonly databaseUrl: string;
  /** Public id of the app, and a key that may do everything in it. */
  readonly appId: string;
  readonly key: string;
}

const templates = new Map<number, Promise<PopulatedDatabase>>();

/** The first one of a size is written, the others of a run are copied from it. */
export async function populated(server: TestServer, name: string, people: number): Promise<PopulatedDatabase> {
  const template = templates.get(people) ?? writeTemplate(server, people);
  templates.set(people, template);
  const written = await template;
  return { ...written, databaseUrl: await server.create(name, written.databaseUrl) };
}

async function writeTemplate(server: TestServer, people: number): Promise<PopulatedDatabase> {
  const databaseUrl = await server.create('people');
  const platform = await Platform.start({ databaseUrl, role: 'api' });
  const { appId, key } = await platform.createApp();
  await platform.stop();
  await seedPeople(databaseUrl, appId, people);
  return { databaseUrl, appId, key };
}

/** Rows of one statement. */
const CHUNK = 5_000;
const ID_BYTES = 16;
const HASH_BYTES = 32;

const DEVICES = `
  INSERT INTO device (app_id, id, user_id, installation_id, platform, gateway, identifier, sealed_token, token_hash,
                      environment, token_updated_at, last_seen_at)
  SELECT $1, encode(substring($2::bytea, at, ${ID_BYTES}), 'hex')::uuid, 'person-' || number, 'phone-' || number, 'ios', 'apns',
         'token', substring($2::bytea, at + ${ID_BYTES + HASH_BYTES}, $5 - ${ID_BYTES + HASH_BYTES}),
         substring($2::bytea, at + ${ID_BYTES}, ${HASH_BYTES}), 'production', now(), now()
  FROM (SELECT number, 1 + $5::int * (number - $3::int) AS at FROM generate_series($3::int, $4::int - 1) AS number) AS row`;

/** Writes people 0, 1, … of an app, with a device and tags each, as registrations through the API would. */
export async function seedPeople(databaseUrl: string, publicAppId: string, people: number): Promise<void> {
  const appId = internalId('app', publicAppId);
  const vault = new Vault(VAULT_KEYS);
  await run(databaseUrl, async (client) => {
    await client.query('SET synchronous_commit = off');
    let written: Promise<unknown> = Promise.resolve();
    for (let from = 0; from < people; from += CHUNK) {
      const to = Math.min(people, from + CHUNK);
      const rows = Array.from({ length: to - from }, (_, i) => deviceRow(vault, appId, from + i));
      const bytes = rows[0]?.length;
      // The next tokens are sealed while the server writes these.
      await written;
      written = client.query({ name: 'devices', text: DEVICES, values: [appId, Buffer.concat(rows), from, to, bytes] });
    }
    await written;
    await tagPeople(client, appId, people);
    await client.query('VACUUM (ANALYZE) device, user_tag');
  });
}

/** Id, hash and sealed token, all rows of the same length. */
function deviceRow(vault: Vault, appId: string, number: number): Buffer {
  const id = newId();
  const token = tokenOf(number);
  const sealed = vault.seal(token, deviceContext(appId, id));
  return Buffer.concat([Buffer.from(id.replaceAll('-', ''), 'hex'), vault.tokenHash(`apns:${token}`), sealed]);
}

async function tagPeople(client: Client, appId: string, people: number): Promise<void> {
  const tags = Object.entries<TagRule>(RULES).map(
    ([tag, { every, of, from, to }]) =>
      `CASE WHEN number / ${every} % ${of} >= ${from} AND number / ${every} % ${of} < ${to} THEN '${tag}' END`,
  );
  await client.query(
    `INSERT INTO user_tag (app_id, user_id, tags, version, updated_at)
     SELECT $1, 'person-' || number, array_remove(ARRAY[${tags.join(', ')}], NULL), $2, now()
     FROM generate_series(0, $3::int - 1) AS number`,
    [appId, newId(), people],
  );
}
