import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type DatabaseError } from 'pg';
import { DataSource } from 'typeorm';
import { dataSourceOptions, migrate } from '../../src/platform/database.js';

/** A migrated database of one spec file. */
export interface FreshDatabase {
  /** `postgres://…`, for pools, data sources and pg-boss. */
  readonly url: string;
  /** Ends every connection to it and drops it; call it in afterAll. Forgotten ones go with the run. */
  readonly drop: () => Promise<void>;
}

/** What global-setup tells the workers: environment variables are all they share. */
const ADMIN_URL = 'BELLHOP_TEST_ADMIN_URL';
const RUN = 'BELLHOP_TEST_RUN';
const FAULT = 'BELLHOP_TEST_DATABASE_FAULT';

const PREFIX = 'bellhop_test_';
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;
const OBJECT_IN_USE = '55006';
const BUSY_RETRIES = 20;
const BUSY_PAUSE_MS = 250;
const LEAVING_LOOKS = 20;
const LEAVING_PAUSE_MS = 25;

/** A database with the schema of today and nothing in it, copied from the run's template (30 to 90 ms). */
export async function freshDatabase(): Promise<FreshDatabase> {
  const fault = process.env[FAULT];
  if (fault) throw new Error(`No database for tests: ${fault}`);
  const name = `${runName()}_${randomBytes(5).toString('hex')}`;
  await asAdmin((client) => copyTemplate(client, name));
  return { url: urlOf(name), drop: () => asAdmin((client) => dropOnceLeft(client, name)) };
}

/**
 * Makes the run's template next to the given database, whose own content is never touched.
 * A schema that cannot be built fails the specs that ask for a database, and no others.
 * @returns the server in words, for the report of the run.
 */
export async function prepareTemplate(adminUrl: string): Promise<string> {
  process.env[ADMIN_URL] = adminUrl;
  process.env[RUN] = `${PREFIX}${Date.now()}_${randomBytes(3).toString('hex')}`;
  delete process.env[FAULT];
  try {
    const server = await asAdmin(async (client) => {
      await dropLeftovers(client);
      await client.query(`CREATE DATABASE ${templateName()}`);
      return serverName(client);
    });
    await migrateTemplate();
    return server;
  } catch (error) {
    process.env[FAULT] = describe(error);
    return `none (${describe(error)})`;
  }
}

async function serverName(client: Client): Promise<string> {
  const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
  return `PostgreSQL ${rows[0]?.version} at ${client.host}:${client.port}`;
}

/** What another process needs to call {@link dropRun} for this run, should it be killed. */
export function runVariables(): Record<string, string> {
  return { [ADMIN_URL]: required(ADMIN_URL), [RUN]: runName() };
}

/** Drops the template and what specs left behind. When the server was never reached, the run has already said so. */
export async function dropRun(): Promise<void> {
  try {
    await asAdmin((client) => dropMatching(client, (name) => name.startsWith(`${runName()}_`)));
  } catch (error) {
    if (!process.env[FAULT]) throw error;
  }
}

async function migrateTemplate(): Promise<void> {
  const dataSource = new DataSource(dataSourceOptions({ url: urlOf(templateName()), poolSize: 2, entities: [] }));
  await dataSource.initialize();
  try {
    await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
  // Nobody can enter it by mistake and keep it from being copied.
  await asAdmin((client) => client.query(`ALTER DATABASE ${templateName()} ALLOW_CONNECTIONS false`));
}

/** The copy waits until the last visitor of the template (the migration, autovacuum) has left. */
async function copyTemplate(client: Client, name: string): Promise<void> {
  for (let retries = BUSY_RETRIES; ; retries -= 1) {
    try {
      await client.query(`CREATE DATABASE ${name} TEMPLATE ${templateName()}`);
      return;
    } catch (error) {
      if ((error as DatabaseError).code !== OBJECT_IN_USE || retries === 0) throw error;
      await sleep(BUSY_PAUSE_MS);
    }
  }
}

/** Databases of runs that crashed more than a day ago; younger ones may belong to a run beside this one. */
async function dropLeftovers(client: Client): Promise<void> {
  await dropMatching(client, (name) => {
    const startedAt = Number(name.slice(PREFIX.length).split('_')[0]);
    return Date.now() - startedAt > LEFTOVER_AGE_MS;
  });
}

async function dropMatching(client: Client, matches: (name: string) => boolean): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
    [PREFIX],
  );
  for (const { datname } of rows) if (matches(datname)) await dropDatabase(client, datname);
}

/** A pool that has ended may still be hanging up; throwing it out at once would make it complain in the output. */
async function dropOnceLeft(client: Client, name: string): Promise<void> {
  for (let looks = LEAVING_LOOKS; looks > 0; looks -= 1) {
    const { rowCount } = await client.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name]);
    if (rowCount === 0) break;
    await sleep(LEAVING_PAUSE_MS);
  }
  await dropDatabase(client, name);
}

async function dropDatabase(client: Client, name: string): Promise<void> {
  await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

async function asAdmin<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: required(ADMIN_URL), application_name: 'bellhop-test' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(database: string): string {
  const url = new URL(required(ADMIN_URL));
  url.pathname = `/${database}`;
  return url.href;
}

function describe(error: unknown): string {
  const { message, code } = error as Partial<DatabaseError>;
  if (code === '42501') return `${message}. The role of DATABASE_URL needs CREATEDB: ALTER ROLE … CREATEDB.`;
  return message || String(error);
}

const runName = (): string => required(RUN);
const templateName = (): string => `${runName()}_template`;

function required(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: start the tests with \`npm test\`.`);
  return value;
}
