import {
  type DeviceTarget,
  type EffectiveAudience,
  type FieldIssue,
  type Inspection,
  MESSAGE_FIELDS,
  type Platform,
  PLATFORMS,
  RECEIPT_LENGTH,
  type SendItem,
  type Target,
  UnprocessableError,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { App } from '../../access/app.entity.js';
import { AccessService } from '../../access/access.service.js';
import { Clock } from '../../platform/clock.js';
import { internalId } from '../../platform/ids.js';
import { readAudience } from '../audiences/audiences.service.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { type Audience, type Content, messageOf } from '../notifications/content.js';
import { takesAudience } from '../routing/audience-slices.js';
import type { NotificationRequest } from './notification-request.js';
import { isPast } from './schedule.js';

/** A request that may be written as it is. */
export interface CheckedRequest {
  readonly app: App;
  readonly channel: OpenedIntegration | undefined;
  /** The app's integrations that reach devices; the chosen one alone, when it is one of them. */
  readonly gateways: readonly OpenedIntegration[];
  /** Undefined: devices are named. */
  readonly effective: EffectiveAudience | undefined;
  /** What will be sent nevertheless, and not quite as it was asked. */
  readonly warnings: readonly string[];
}

/** A receipt token as long as every other, for payloads that are only looked at. */
export const SAMPLE_RECEIPT = '0'.repeat(RECEIPT_LENGTH);
/** A delivery id as long as every other. */
export const SAMPLE_ID = '00000000-0000-7000-8000-000000000000';

/** Refuses what could never be sent, before anything is stored: each fault with its field. */
@Injectable()
export class RequestCheck {
  constructor(
    private readonly access: AccessService,
    private readonly integrations: IntegrationCache,
    private readonly clock: Clock,
  ) {}

  /** @throws {UnprocessableError} naming every field. */
  async check(appId: string, request: NotificationRequest): Promise<CheckedRequest> {
    const now = this.clock.now();
    const [app, all] = await Promise.all([this.access.getApp(appId), this.integrations.channelsOf(appId)]);
    const effective = effectiveOf(request.audience);
    refuse('notification.schedule_invalid', scheduleIssues(request, now));
    const channel = request.channel === undefined ? undefined : await this.channelOf(appId, request.channel);
    const gateways = channel ? all.filter(({ row }) => row.id === channel.row.id) : all;
    const checked = { app, channel, gateways, effective };
    refuse('notification.channel_unsuitable', channelIssues(request, checked));
    refuse('notification.content_invalid', unsupportedFields(request.content, checked));
    const warnings = this.inspectAll(request, checked, now);
    return { ...checked, warnings };
  }

  private async channelOf(appId: string, publicId: string): Promise<OpenedIntegration> {
    const opened = await this.integrations.find(internalId('int', publicId));
    if (opened?.row.appId === appId && opened.plugin.outbound?.manifest.capabilities.send) return opened;
    const issue = { field: '/channel', message: 'must be an integration of this app whose plugin can send' };
    throw new UnprocessableError('notification.channel_unknown', 'The channel cannot be used.', [issue]);
  }

  /** What channels say of the message. It is refused when none of those that may be used can send it. */
  private inspectAll(
    request: NotificationRequest,
    checked: Omit<CheckedRequest, 'warnings'>,
    now: Date,
  ): readonly string[] {
    const inspections = samplesOf(request, checked, now).flatMap(({ channel, item }) => {
      const inspection = inspect(channel, item, now);
      return inspection ? [{ channel, ...inspection }] : [];
    });
    const useless = inspections.filter(({ issues }) => issues.length > 0);
    if (useless.length > 0 && useless.length === inspections.length) {
      refuse('notification.content_invalid', useless[0]?.issues ?? []);
    }
    const partly = useless.flatMap(({ channel, issues }) =>
      issues.map(({ field, message }) => `${channel.plugin.id}: ${field} ${message}`),
    );
    const named = inspections.flatMap(({ channel, warnings }) =>
      warnings.map((words) => `${channel.plugin.id}: ${words}`),
    );
    return [...new Set([...partly, ...named])];
  }
}

/** What a channel says of an item; undefined when it has no opinion. */
export function inspect({ plugin, config }: OpenedIntegration, item: SendItem, now: Date): Inspection | undefined {
  return plugin.outbound?.inspect?.(item, config, now);
}

/** One item per way in which the message may leave. */
function samplesOf(
  request: NotificationRequest,
  { app, channel, gateways, effective }: Omit<CheckedRequest, 'warnings'>,
  now: Date,
): { channel: OpenedIntegration; item: SendItem }[] {
  const expiresAt = new Date(now.getTime() + request.ttlSeconds * 1000);
  const options = { locale: app.defaultLocale, priority: request.priority, expiresAt };
  const sample = (through: OpenedIntegration, target: Target, platform: Platform | null) => {
    const message = messageOf({ ...request.content, forced: request.forced }, { ...options, platform });
    return { channel: through, item: { id: SAMPLE_ID, message, target, receipt: SAMPLE_RECEIPT } };
  };
  if (channel && !channel.plugin.outbound?.manifest.gateway) {
    const target =
      effective && takesAudience(channel, effective) ? { kind: 'audience' as const, audience: effective } : VENDOR_USER;
    return [sample(channel, target, null)];
  }
  return gateways.flatMap((gateway) =>
    platformsOf(gateway, effective).map((platform) => sample(gateway, sampleDevice(gateway, platform), platform)),
  );
}

const VENDOR_USER: Target = { kind: 'vendorUser', userId: 'sample' };

/** A device that a gateway would take, and that nobody has. */
export function sampleDevice({ plugin }: OpenedIntegration, platform: Platform): DeviceTarget {
  const token = plugin.outbound?.manifest.gateway?.sampleToken ?? '';
  return { kind: 'device', token, identifier: 'token', platform, environment: 'production' };
}

function platformsOf({ plugin }: OpenedIntegration, effective: EffectiveAudience | undefined): readonly Platform[] {
  const served = plugin.outbound?.manifest.gateway?.platforms ?? [];
  const asked: readonly Platform[] = effective && 'platforms' in effective ? effective.platforms : PLATFORMS;
  return served.filter((platform) => asked.includes(platform));
}

/** @throws {UnprocessableError} when there are issues. */
export function refuse(code: string, issues: readonly FieldIssue[]): void {
  if (issues.length > 0) throw new UnprocessableError(code, 'The notification cannot be sent as it is.', issues);
}

/** Undefined when devices are named. */
function effectiveOf({ devices, ...expression }: Audience): EffectiveAudience | undefined {
  if (!devices) return readAudience(expression);
  const others = Object.values(expression).some((condition) => condition !== undefined && condition !== false);
  const message = 'cannot stand with other conditions';
  refuse('notification.audience_invalid', others ? [{ field: '/audience/devices', message }] : []);
  return undefined;
}

function scheduleIssues({ schedule }: NotificationRequest, now: Date): FieldIssue[] {
  if (!schedule) return [];
  const { at, localTime } = schedule;
  if (at && localTime) return [{ field: '/schedule', message: 'must have at most one of at and localTime' }];
  if (!isPast(schedule, now)) return [];
  return [{ field: at ? '/schedule/at' : '/schedule/localTime', message: 'lies in the past' }];
}

/** What a channel that finds the devices itself cannot do. */
function channelIssues(
  { audience, schedule }: NotificationRequest,
  { channel, effective }: Omit<CheckedRequest, 'warnings'>,
): FieldIssue[] {
  const outbound = channel?.plugin.outbound?.manifest;
  if (!outbound || outbound.gateway) return [];
  const issues: FieldIssue[] = [];
  if (audience.devices)
    issues.push({ field: '/audience/devices', message: `${outbound.id} addresses people, not devices` });
  if (schedule?.localTime)
    issues.push({ field: '/schedule/localTime', message: 'is known for devices of our own only' });
  const { audiences = [], targets = [] } = outbound.capabilities.send ?? {};
  if (effective && !audiences.includes(effective.kind) && !targets.includes('vendorUser')) {
    issues.push({ field: '/audience', message: `${outbound.id} cannot reach such an audience` });
  }
  return issues;
}

/** Fields that no channel which may be used can express. Overrides are applied here, before a gateway sees the message. */
function unsupportedFields(
  content: Content,
  { channel, gateways }: Pick<CheckedRequest, 'channel' | 'gateways'>,
): FieldIssue[] {
  const used = channel ? [channel] : gateways;
  if (used.length === 0) return [];
  const expressible = new Set<string>(
    used.flatMap(({ plugin }) => {
      const { gateway, capabilities } = plugin.outbound?.manifest ?? {};
      return [...(capabilities?.send?.fields ?? []), ...(gateway ? ['overrides', 'vendorOptions'] : [])];
    }),
  );
  const names = channel ? channel.plugin.id : 'any channel of this app';
  return fieldsUsed(content)
    .filter((field) => !expressible.has(field))
    .map((field) => ({ field: `/content/${field}`, message: `cannot be expressed by ${names}` }));
}

/** Message fields that a content uses, in the words of the capabilities. */
function fieldsUsed(content: Content): string[] {
  const texts = new Set(Object.values(content.copy).flatMap((copy) => Object.keys(copy)));
  const shared: Readonly<Record<string, unknown>> = { ...content };
  return MESSAGE_FIELDS.filter((field) => {
    if (field === 'extras') return Object.keys(content.extras).length > 0;
    return shared[field] !== undefined || texts.has(field);
  });
}
