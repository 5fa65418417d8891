import { type DeviceTarget, type PushMessage, readConfig, type SendItem } from '@bellhop/contracts';
import { FcmConfig } from '../src/fcm.manifest.js';

interface Gateway {
  readonly url: string;
  readonly tokenUrl: string;
  readonly caPem: string;
  readonly serviceAccount: object;
}

/** Settings that reach a simulator. */
export function configFor(simulator: Gateway, changes: Partial<FcmConfig> = {}): FcmConfig {
  return readConfig(FcmConfig, {
    serviceAccount: JSON.stringify(simulator.serviceAccount),
    transport: 'http',
    baseUrl: simulator.url,
    tokenUrl: simulator.tokenUrl,
    certificateAuthority: simulator.caPem,
    ...changes,
  });
}

export function aMessage(changes: Partial<PushMessage> = {}): PushMessage {
  return {
    title: '客服',
    body: 'Your parcel is on its way.',
    extras: {},
    priority: 'high',
    expiresAt: new Date(Date.now() + 3_600_000),
    ...changes,
  };
}

let sequence = 0;

export function anItem(token: string, message: PushMessage = aMessage(), target: Partial<DeviceTarget> = {}): SendItem {
  const id = `0190b7a0-0000-7000-8000-${String(++sequence).padStart(12, '0')}`;
  const device = { kind: 'device', token, identifier: 'token', platform: 'android', environment: 'unknown' } as const;
  return { id, message, target: { ...device, ...target } };
}

/** What a list of equal things is compared with. */
export function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

/** The value of `work`, or an error where a test would otherwise hang. */
export async function within<T>(work: Promise<T>, ms = 10_000): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`nothing happened within ${ms} ms`)), ms);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Resolves once `condition` holds. */
export async function until(condition: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`nothing happened within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
