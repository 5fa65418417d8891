import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type EffectiveAudience, type PushMessage, readConfig, type SendItem } from '@bellhop/contracts';
import { NimConfig } from '../src/nim.manifest.js';

interface Server {
  readonly baseUrl: string;
  readonly url: string;
}

/** The app of the fixtures. */
export const APP = { appKey: '0eb5f0c1d2e3f4a5b6c7d8e9fa0b1c2d', appSecret: 'nim-demo-app-secret' };

/** Settings of an app that sends; they reach `server` where one is given. */
export function configFor(changes: Partial<NimConfig> = {}, server?: Server): NimConfig {
  const addresses = server && { baseUrls: [server.baseUrl], v2BaseUrl: server.url };
  return readConfig(NimConfig, { ...APP, sender: 'kf_bot', ...addresses, ...changes });
}

export function aMessage(changes: Partial<PushMessage> = {}): PushMessage {
  const expiresAt = new Date(Date.now() + 3_600_000);
  return { body: 'Your parcel is on its way.', extras: {}, priority: 'high', expiresAt, ...changes };
}

let sequence = 0;

export function anItem(userId: string, message: PushMessage = aMessage(), receipt?: string): SendItem {
  return itemFor({ kind: 'vendorUser', userId }, message, receipt);
}

export function anItemFor(audience: EffectiveAudience, message: PushMessage, receipt?: string): SendItem {
  return itemFor({ kind: 'audience', audience }, message, receipt);
}

function itemFor(target: SendItem['target'], message: PushMessage, receipt: string | undefined): SendItem {
  const id = `0190b7a0-0000-7000-8000-${String(++sequence).padStart(12, '0')}`;
  return { id, message, target, ...(receipt !== undefined && { receipt }) };
}

/** What is sent, besides a message, to a vendor that reads `vendorOptions`. */
export function withOptions(nim: object, changes: Partial<PushMessage> = {}): PushMessage {
  return aMessage({ ...changes, vendorOptions: { nim: nim as Record<string, unknown> } });
}

export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures', name), 'utf8')) as T;
}
