import {
  escapePointer,
  type Platform,
  type PlatformOverride,
  PLATFORMS,
  type PushMessage,
  RECEIPT_KEY,
  sha256Hex,
} from '@bellhop/contracts';
import type { Findings } from './rongcloud.findings.js';
import { LIMITS } from './rongcloud.limits.js';
import { optionsOf, type WirePlatform } from './rongcloud.options.js';

/** What devices show. Source: "推送方法", `notification`; vendor keys: the vendor's Go and Java SDKs. */
export interface WireNotification {
  readonly alert: string;
  readonly ios?: Readonly<Record<string, unknown>>;
  readonly android?: Readonly<Record<string, unknown>>;
  readonly harmonyOS?: Readonly<Record<string, unknown>>;
}

/** Values that an APNs header carries unchanged. */
const PLAIN_COLLAPSE_ID = /^[\x21-\x7e]{1,64}$/;

/** @param platforms those that the push goes to; the others get no part of their own. */
export function notificationOf(
  message: PushMessage,
  receipt: string | undefined,
  platforms: readonly string[],
  findings: Findings,
): WireNotification {
  checkContent(message, findings);
  const options = optionsOf(message, findings);
  const parts = platforms.map((platform) => {
    warnOfIgnored(platform, message, findings);
    const extras = extrasOf(platform, message, receipt);
    const part = { ...partOf(platform, message, findings), ...options[platform as WirePlatform], extras };
    return [platform, withoutAbsent(part)] as const;
  });
  return {
    alert: message.body ?? '',
    ...Object.fromEntries(parts.filter(([, part]) => Object.keys(part).length > 0)),
  };
}

function checkContent(message: PushMessage, findings: Findings): void {
  if (!message.body)
    findings.issue('/content/body', 'must be set: it is shown where a platform has no text of its own');
  checkExtras('/content/extras', message.extras, message, findings);
  checkBadge('/content/badge', message.badge, findings);
  for (const platform of PLATFORMS) {
    const { body, badge, extras = {} } = message.overrides?.[platform] ?? {};
    const at = `/content/overrides/${platform}`;
    if (body === '') findings.issue(`${at}/body`, 'must not be empty');
    checkBadge(`${at}/badge`, badge, findings);
    checkExtras(`${at}/extras`, extras, message, findings);
  }
}

function partOf(platform: string, message: PushMessage, findings: Findings): Record<string, unknown> {
  const override = overrideOf(platform, message);
  return { alert: override?.body, ...(platform === 'ios' && iosOf(message, override, findings)) };
}

function overrideOf(platform: string, { overrides }: PushMessage): PlatformOverride | undefined {
  return platform === 'ios' || platform === 'android' ? overrides?.[platform] : undefined;
}

function iosOf(
  message: PushMessage,
  override: PlatformOverride | undefined,
  findings: Findings,
): Record<string, unknown> {
  const { collapseId, threadId, category, imageUrl } = message;
  const title = override?.title ?? message.title;
  const badge = override?.badge ?? message.badge;
  if (title && [...title].length > LIMITS.titleCharacters) {
    findings.warn(`title has more than ${LIMITS.titleCharacters} characters; RongCloud may refuse or cut it`);
  }
  return {
    title: title || undefined,
    badge: badge === undefined ? undefined : Math.max(0, badge),
    contentAvailable: (override?.silent ?? message.silent) ? 1 : undefined,
    'thread-id': threadId,
    'apns-collapse-id': collapseId && collapseIdOf(collapseId),
    category,
    richMediaUri: imageUrl,
  };
}

function collapseIdOf(id: string): string {
  return PLAIN_COLLAPSE_ID.test(id) ? id : sha256Hex(id).slice(0, 32);
}

function checkBadge(field: string, badge: number | undefined, findings: Findings): void {
  if (badge === undefined) return;
  if (!Number.isInteger(badge)) findings.issue(field, 'must be an integer');
  else if (badge > LIMITS.badge) findings.issue(field, `must be at most ${LIMITS.badge}`);
}

/** The app's own extras, and what we put beside them. */
function extrasOf(
  platform: string,
  message: PushMessage,
  receipt: string | undefined,
): Record<string, string> | undefined {
  const extras = {
    ...(overrideOf(platform, message)?.extras ?? message.extras),
    ...(message.deepLink && { deepLink: message.deepLink }),
    ...(receipt && { [RECEIPT_KEY]: receipt }),
  };
  return Object.keys(extras).length > 0 ? extras : undefined;
}

function checkExtras(field: string, extras: PushMessage['extras'], message: PushMessage, findings: Findings): void {
  const reserved = new Set([RECEIPT_KEY, ...(message.deepLink ? ['deepLink'] : [])]);
  for (const [key, value] of Object.entries(extras)) {
    const at = `${field}/${escapePointer(key)}`;
    if (reserved.has(key)) findings.issue(at, 'is a name that is taken');
    if (typeof value !== 'string') findings.issue(at, 'must be a string');
  }
}

/** Fields that `/push` has no place for. */
const IGNORED: Readonly<Record<Platform, readonly (keyof PushMessage)[]>> = {
  ios: ['subtitle', 'sound'],
  android: ['title', 'subtitle', 'badge', 'sound', 'collapseId', 'threadId', 'imageUrl', 'androidChannel', 'silent'],
};
const NAMES: Readonly<Record<Platform, string>> = { ios: 'iOS', android: 'Android' };

function warnOfIgnored(platform: string, message: PushMessage, findings: Findings): void {
  if (platform !== 'ios' && platform !== 'android') return;
  const values: Partial<PushMessage> = { ...message, ...message.overrides?.[platform] };
  const ignored = IGNORED[platform].filter((field) => values[field] !== undefined && values[field] !== false);
  for (const field of ignored) findings.warn(`${field} has no place in RongCloud's push to ${NAMES[platform]}`);
}

function withoutAbsent(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
