import {
  apnsTestCredentials,
  type ApnsSimulator,
  type ApnsSimulatorOptions,
  createAuthority,
  type FcmSimulator,
  type FcmSimulatorOptions,
  startApnsSimulator,
  startFcmSimulator,
} from '@bellhop/simulators';
import type { INestApplication, Type } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AccessService } from '../../src/access/access.service.js';
import type { Scope } from '../../src/access/api-key.entity.js';
import { createBellhop, shutDown } from '../../src/bootstrap.js';
import { DevicesService } from '../../src/core/devices/devices.service.js';
import type { Device } from '../../src/core/devices/device.entity.js';
import { IntegrationsService, type NewIntegration } from '../../src/core/integrations/integrations.service.js';
import { Clock } from '../../src/platform/clock.js';
import { readEnvironment } from '../../src/platform/env.js';
import { publicId } from '../../src/platform/ids.js';
import { freshDatabase } from './postgres.js';

export const PLATFORM_KEY = 'platform-key-of-the-tests-0123456789';
export const BUNDLE_ID = 'com.example.shop';

export interface TestOptions {
  readonly role?: 'all' | 'api' | 'worker';
  readonly plugins?: readonly Type[];
  /** Shares the database of another platform instead of making one. */
  readonly databaseUrl?: string;
  /** Receivers that vendors' calls and webhooks may reach besides the Internet, as `host:port`; simulators listen on loopback. */
  readonly egressAllow?: readonly string[];
  /** Connections to the database. Default: that of the product. */
  readonly databasePool?: number;
  /** Further variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ApiReply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** The real graph on a database of its own, listening on loopback, with a clock that tests move by hand. */
export class TestPlatform {
  private constructor(
    readonly app: INestApplication,
    readonly url: string,
    readonly databaseUrl: string,
    private readonly release: () => Promise<void>,
  ) {}

  static async start(options: TestOptions = {}): Promise<TestPlatform> {
    const { role = 'all', plugins, databaseUrl, egressAllow = [], databasePool, env } = options;
    const database = databaseUrl ? { url: databaseUrl, drop: async () => undefined } : await freshDatabase();
    const environment = readEnvironment({
      DATABASE_URL: database.url,
      BELLHOP_ROLE: role,
      BELLHOP_SANDBOX: 'false',
      BELLHOP_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
      BELLHOP_PLATFORM_KEY: PLATFORM_KEY,
      BELLHOP_EGRESS_ALLOW: egressAllow.join(','),
      DATABASE_POOL: databasePool?.toString(),
      HOST: '127.0.0.1',
      LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
      ...env,
    });
    const app = await createBellhop({ environment, databaseUrl: database.url, ...(plugins && { plugins }) });
    await app.listen(0, '127.0.0.1');
    return new TestPlatform(app, await app.getUrl(), database.url, database.drop);
  }

  async stop(): Promise<void> {
    await shutDown(this.app, 5_000);
    await this.release();
  }

  get sql(): DataSource {
    return this.app.get(DataSource);
  }

  /** Makes the platform believe that it is this late; the queue engine keeps real time. */
  setTime(now: Date | undefined): void {
    const clock = this.app.get(Clock);
    clock.now = now ? () => new Date(now) : () => new Date();
  }

  /** A new app with a key of the given scopes. */
  async createApp(scopes: readonly Scope[] = ['admin']): Promise<TestApp> {
    const access = this.app.get(AccessService);
    const app = await access.createApp({ name: 'Shop', deepLinkScheme: 'shop' });
    const { key } = await access.createApiKey(app.id, 'tests', scopes);
    return new TestApp(this, app.id, key);
  }

  async request<T = Record<string, unknown>>(
    method: string,
    path: string,
    options: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<ApiReply<T>> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(options.key && { authorization: `Bearer ${options.key}` }),
        ...(options.body !== undefined && { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json');
    return { status: response.status, headers: response.headers, body: (json && text ? JSON.parse(text) : text) as T };
  }
}

/** An app of the platform, seen through its key. */
export class TestApp {
  constructor(
    readonly platform: TestPlatform,
    readonly id: string,
    readonly key: string,
  ) {}

  call<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    return this.platform.request<T>(method, path, { key: this.key, body, headers });
  }

  /** The integration with the address its vendor would call. */
  async integrate(integration: NewIntegration): Promise<{ id: string; publicId: string; inboundUrl: string }> {
    const { integration: row, urlSecret } = await this.platform.app
      .get(IntegrationsService)
      .create(this.id, integration);
    const id = publicId('int', row.id);
    return { id: row.id, publicId: id, inboundUrl: `${this.platform.url}/v1/inbound/${id}/${urlSecret}` };
  }

  device(userId: string, gateway: 'apns' | 'fcm', token: string, more: Partial<Device> = {}): Promise<Device> {
    const installationId = `${gateway}-${token.slice(0, 64)}`;
    return this.platform.app.get(DevicesService).register(
      { appId: this.id, userId, installationId },
      {
        gateway,
        token,
        identifier: 'token',
        platform: gateway === 'apns' ? 'ios' : 'android',
        environment: gateway === 'apns' ? 'production' : null,
        ...more,
      },
    );
  }
}

/** Both gateways on loopback, with the settings of channels that lead to them. */
export interface Gateways {
  readonly apns: ApnsSimulator;
  readonly fcm: FcmSimulator;
  readonly apnsConfig: Record<string, unknown>;
  readonly fcmConfig: Record<string, unknown>;
  close(): Promise<void>;
}

export async function startGateways(
  options: { apns?: Partial<ApnsSimulatorOptions>; fcm?: Partial<FcmSimulatorOptions> } = {},
): Promise<Gateways> {
  const authority = await createAuthority();
  const apns = await startApnsSimulator({ authority, credentials: apnsTestCredentials(), ...options.apns });
  const fcm = await startFcmSimulator({ authority, ...options.fcm });
  return {
    apns,
    fcm,
    apnsConfig: { ...apns.channelConfig(BUNDLE_ID), requestTimeoutMs: 2_000 },
    fcmConfig: { ...fcm.channelConfig(), deadlineMs: 5_000 },
    close: async () => {
      await Promise.all([apns.close(), fcm.close()]);
    },
  };
}

/** Resolves with the first result that is not undefined or false. @throws after `withinMs`, with what was last seen. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, withinMs = 15_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > until) throw new Error(`Did not happen within ${withinMs} ms: ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
