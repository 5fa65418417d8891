import {
  type ChatMessage,
  effectiveAudience,
  type Platform,
  type PlatformOverride,
  type PushMessage,
  readConfig,
  type SendItem,
} from '@bellhop/contracts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { RongCloudConfig } from '../src/rongcloud.manifest.js';

/** The example app of the vendor's documents. */
export const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };

export function configFor(urls: readonly string[], changes: Partial<RongCloudConfig> = {}): RongCloudConfig {
  return readConfig(RongCloudConfig, { ...APP, baseUrls: urls, ...changes });
}

export function aMessage(changes: Partial<PushMessage> = {}): PushMessage {
  const expiresAt = new Date(Date.now() + 3_600_000);
  return { body: 'this is a push', extras: {}, priority: 'high', expiresAt, ...changes };
}

let sequence = 0;

export function anItem(changes: Partial<SendItem> = {}): SendItem {
  const id = `0190b7a0-0000-7000-8000-${String(++sequence).padStart(12, '0')}`;
  const target: SendItem['target'] = {
    kind: 'audience',
    audience: { kind: 'everyone', platforms: ['ios', 'android'] },
  };
  return { id, message: aMessage(), target, ...changes };
}

/** A body of `/push` as the vendor's documents write it. */
export interface PushExample {
  readonly platform?: readonly Platform[];
  readonly fromuserid?: string;
  readonly audience?: {
    readonly is_to_all?: boolean | string;
    readonly userid?: readonly string[];
    readonly tag?: readonly string[];
    readonly tag_or?: readonly string[];
    readonly packageName?: string;
  };
  readonly message?: { readonly content?: string; readonly objectName?: string };
  readonly notification?: {
    readonly alert?: string;
    readonly ios?: PlatformExample;
    readonly android?: PlatformExample;
  };
}

interface PlatformExample {
  readonly alert?: string;
  readonly title?: string;
  readonly badge?: number;
  readonly contentAvailable?: number;
  readonly extras?: Readonly<Record<string, string>>;
}

/** What a caller of ours says to mean the same; undefined where it names nobody. */
export function itemOf({ platform, audience = {}, notification = {}, ...chat }: PushExample): SendItem | undefined {
  const { is_to_all: all, userid: users, tag: allOf, tag_or: anyOf, packageName } = audience;
  const everyone = all === true || all === 'true';
  const effective = effectiveAudience({ everyone, users, allOf, anyOf, packageName, platforms: platform });
  if (!effective) return undefined;
  const { alert, ios, android } = notification;
  const overrides = { ...(ios && { ios: overrideOf(ios) }), ...(android && { android: overrideOf(android) }) };
  const message = aMessage({
    body: alert,
    ...(Object.keys(overrides).length > 0 && { overrides }),
    ...(chat.message && { chatMessage: chatMessageOf(chat) }),
  });
  return anItem({ message, target: { kind: 'audience', audience: effective } });
}

function overrideOf({ alert: body, contentAvailable, ...same }: PlatformExample): PlatformOverride {
  return { ...same, ...(body !== undefined && { body }), ...(contentAvailable === 1 && { silent: true }) };
}

function chatMessageOf({ fromuserid: from = '', message }: PushExample): ChatMessage {
  return { from, type: message?.objectName ?? '', content: message?.content ?? '' };
}

/** A fixture file, with its `{"$repeat":n,"value":"u"}` expanded to u0 … u(n-1). */
export function loadFixture<T>(name: string): T {
  const file = path.join(import.meta.dirname, '../fixtures', name);
  return JSON.parse(readFileSync(file, 'utf8'), (_name, value: unknown) => {
    const { $repeat: count, value: prefix } = (value ?? {}) as { $repeat?: number; value?: string };
    return count === undefined ? value : Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  }) as T;
}
