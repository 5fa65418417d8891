import { Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AccessModule } from '../../src/access/access.module.js';
import { AccessService } from '../../src/access/access.service.js';
import type { Scope } from '../../src/access/api-key.entity.js';
import type { App } from '../../src/access/app.entity.js';
import { dataSourceOptions } from '../../src/platform/database.js';
import { newKey } from '../../src/platform/env.keys.js';
import { readEnvironment } from '../../src/platform/env.js';
import { PlatformModule } from '../../src/platform/platform.module.js';
import { freshDatabase } from './postgres.js';

export const PLATFORM_KEY = 'platform-key-of-the-tests-0123456789abcdef';

/** What came back over the wire. */
export interface Reply<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined without a body. */
  readonly body: T;
  readonly text: string;
}

export interface CallOptions {
  /** Bearer key; absent: no credentials. */
  readonly key?: string;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RestApp {
  readonly url: string;
  readonly dataSource: DataSource;
  readonly access: AccessService;
  get<T>(type: Type<T>): T;
  call<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<Reply<T>>;
  /** An app with one key. */
  seed(...scopes: readonly Scope[]): Promise<{ readonly app: App; readonly key: string }>;
  close(): Promise<void>;
}

/** Platform, access and the given modules on a database of their own, listening on a free port. */
export async function startRestApp(...modules: readonly Type<unknown>[]): Promise<RestApp> {
  const database = await freshDatabase();
  const environment = readEnvironment({
    DATABASE_URL: database.url,
    BELLHOP_KEYS: newKey('test'),
    BELLHOP_PLATFORM_KEY: PLATFORM_KEY,
    LOG_LEVEL: 'silent',
  });
  const typeorm = TypeOrmModule.forRoot({
    ...dataSourceOptions({ url: database.url, poolSize: 10 }),
    retryAttempts: 0,
  });

  @Module({ imports: [typeorm, PlatformModule.forRoot({ environment }), AccessModule, ...modules] })
  class TestRoot {}

  const testing = await Test.createTestingModule({ imports: [TestRoot] }).compile();
  const app = testing.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1').catch(async (error: unknown) => {
    await app.close();
    await database.drop();
    throw error;
  });
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const access = app.get(AccessService, { strict: false });
  return {
    url,
    access,
    dataSource: app.get(DataSource),
    get: (type) => app.get(type, { strict: false }),
    call: (method, path, options) => call(url + path, method, options),
    async seed(...scopes) {
      const row = await access.createApp({ name: 'Acme', deepLinkScheme: 'acme' });
      return { app: row, key: (await access.createApiKey(row.id, 'Tests', scopes)).key };
    },
    async close() {
      await app.close();
      await database.drop();
    },
  };
}

async function call<T>(url: string, method: string, { key, body, headers }: CallOptions = {}): Promise<Reply<T>> {
  const reply = await fetch(url, {
    method,
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    body: typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  const isJson = /json/.test(reply.headers.get('content-type') ?? '');
  return { status: reply.status, headers: reply.headers, text, body: (isJson ? JSON.parse(text) : undefined) as T };
}

/** Reads until `done`, for what happens beside a request. Fails after two seconds. */
export async function eventually<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (let left = 100; left > 0; left--) {
    const value = await read();
    if (done(value)) return value;
    await sleep(20);
  }
  throw new Error('It did not happen within two seconds.');
}
