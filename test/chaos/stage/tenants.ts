import { apnsToken, fcmToken, type NimApp } from '@bellhop/simulators';
import { AppApi, newSecret, type Platform } from '../../../bench/support/platform.js';
import { internalId } from '../../../src/platform/ids.js';
import type { Outputs } from './outputs.js';

/** Settings of the channels of an app; absent: it has no such channel. */
export interface Channels {
  readonly apns?: Readonly<Record<string, unknown>>;
  readonly fcm?: Readonly<Record<string, unknown>>;
}

export interface TenantOptions {
  readonly name: string;
  /** Of its tokens; those of one tenant follow one another. */
  readonly firstNumber: number;
  /** Default 40, of whom the last {@link UNWILLING} want no pushes. */
  readonly people?: number;
  readonly channels: Channels;
}

/** An app with people in it, its vendors, and a key. */
export interface Tenant {
  readonly name: string;
  readonly api: AppApi;
  /** UUID. */
  readonly uuid: string;
  readonly nim: NimApp;
  /** Paths below the platform of the moment. */
  readonly nimPath: string;
  readonly kf5Path: string;
  /** User ids, which are NIM accounts as well: the same ones in every app. */
  readonly people: readonly string[];
  /** Devices of a person: tokens at APNs and FCM. */
  readonly devicesEach: number;
  readonly kf5Devices: readonly string[];
  /** Nothing may ever reach them. */
  readonly unwilling: ReadonlySet<string>;
  /** Where its tokens begin and end. */
  readonly numbers: readonly [first: number, end: number];
}

export const PEOPLE = 40;
/** Of every tenant, those of the highest numbers. */
export const UNWILLING = 4;
const KF5_DEVICES = 40;
/** More tokens than any tenant has. */
export const NUMBERS_EACH = 1_000_000;

/** People with a phone for each channel, and devices that only KF5 knows. */
export async function openTenant(node: Platform, outputs: Outputs, options: TenantOptions): Promise<Tenant> {
  const { name, firstNumber, people: count = PEOPLE, channels } = options;
  const api = await node.createApp();
  const nim = { appKey: newSecret(), appSecret: newSecret() };
  outputs.plant(`API key of ${name}`, api.key);
  outputs.plant(`App Secret of ${name}`, nim.appSecret);
  for (const [plugin, config] of Object.entries(channels)) {
    if (config) await api.integrate(plugin, config);
  }
  const people = Array.from({ length: count }, (_, number) => `person-${number}`);
  const unwilling = new Set<string>();
  for (const [number, person] of people.entries()) {
    const tokens = await addDevices(api, channels, person, firstNumber + number);
    if (number < count - UNWILLING) continue;
    await api.call('PUT', `/v1/users/${person}/preferences`, { pushEnabled: false });
    for (const token of tokens) unwilling.add(token);
  }
  const nimPath = (await api.integrate('nim', nim)).path;
  // KF5 sends no message ids: what is sent again counts as the same for this long.
  const kf5Path = (await api.integrate('kf5', { dedupeWindowMs: 600_000 })).path;
  for (const address of [nimPath, kf5Path])
    outputs.plant(`callback secret of ${name}`, address.split('/').at(-1) ?? '');
  return {
    name,
    api,
    uuid: internalId('app', api.appId),
    nim,
    nimPath,
    kf5Path,
    people,
    devicesEach: Object.keys(channels).length,
    kf5Devices: Array.from({ length: KF5_DEVICES }, (_, i) => apnsToken('ok', { number: firstNumber + count + i })),
    unwilling,
    numbers: [firstNumber, firstNumber + NUMBERS_EACH],
  };
}

async function addDevices(api: AppApi, channels: Channels, person: string, number: number): Promise<string[]> {
  const ios = apnsToken('ok', { number });
  const android = fcmToken('accepted', number);
  const register = (installation: string, body: object) =>
    api.call('PUT', `/v1/users/${person}/devices/${installation}`, body);
  if (channels.apns) {
    await register(`ios-${number}`, { gateway: 'apns', platform: 'ios', environment: 'production', token: ios });
  }
  if (channels.fcm) await register(`android-${number}`, { gateway: 'fcm', platform: 'android', token: android });
  return [ios, android];
}

/** The number of a token of either gateway. */
export function numberIn(token: string): number {
  const android = /^[a-z]+\d*-(\d{8}):/.exec(token)?.[1];
  return android === undefined ? Number.parseInt(token.slice(-16, -8), 16) : Number(android);
}
