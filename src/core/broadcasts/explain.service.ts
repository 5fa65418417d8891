import { type FieldIssue, PLATFORMS, type Platform } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { type Content, messageOf } from '../notifications/content.js';
import { ledgerOf, QuotaLedger, type QuotaState } from '../quotas/quota-ledger.js';
import { AudienceSlices, ownClause } from '../routing/audience-slices.js';
import type { Candidate, ConsideredDevice } from '../routing/candidate.js';
import { type DeliveryPlan, type PlanContext, planDeliveries } from '../routing/delivery-plan.js';
import { localeOf } from '../routing/delivery-writer.js';
import { intentOf } from './notification-intent.js';
import type { NotificationRequest } from './notification-request.js';
import {
  type CheckedRequest,
  inspect,
  RequestCheck,
  SAMPLE_ID,
  SAMPLE_RECEIPT,
  sampleDevice,
} from './request-check.js';
import { latestStart, startOf } from './schedule.js';

/** Targets of one channel and platform. */
export interface ExplainedPart {
  /** UUID; null when no integration serves them. */
  readonly integrationId: string | null;
  readonly channel: string | null;
  readonly platform: Platform | null;
  readonly targets: number;
  readonly send: number;
  /** By reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

/** What leaves for everybody who shares a channel, a platform and a text. */
export interface ExplainedPayload {
  readonly integrationId: string;
  readonly channel: string;
  readonly platform: Platform | null;
  readonly targets: number;
  readonly locales: readonly string[];
  /** Body of the call; the receipt token is a sample of the same length. */
  readonly payload: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** Why the gateway would refuse it; empty: it would not. */
  readonly issues: readonly FieldIssue[];
}

/** What would happen, and nothing of it does. */
export interface Explanation {
  readonly targets: number;
  readonly send: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly parts: readonly ExplainedPart[];
  readonly payloads: readonly ExplainedPayload[];
  /** Of the chosen channel; null when its vendor counts nothing. */
  readonly quota: QuotaState | null;
  /** When the first one would be sent. */
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly expiresAt: Date;
  readonly warnings: readonly string[];
}

/** A slice, or one candidate for many devices of whose owners nothing is known that could tell them apart. */
interface Group {
  readonly candidates: readonly Candidate[];
  /** How many each of them stands for. */
  readonly count: number;
}

const SLICE = 5_000;
/** Somebody of whom something is known that bears on the decision. */
const HAS_HABITS = `(EXISTS (SELECT 1 FROM preference p WHERE p.app_id = d.app_id AND p.user_id = d.user_id)
  OR EXISTS (SELECT 1 FROM presence s WHERE s.app_id = d.app_id AND s.user_id = d.user_id))`;

/** Plans a notification without writing it: the same checks, the same decisions and the same payloads as sending. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly checks: RequestCheck,
    private readonly slices: AudienceSlices,
    private readonly quotas: QuotaLedger,
  ) {}

  /** @throws {UnprocessableError} as sending would. */
  async explain(appId: string, request: NotificationRequest): Promise<Explanation> {
    const checked = await this.checks.check(appId, request);
    const now = this.clock.now();
    const { app, channel, gateways, warnings } = checked;
    const schedule = request.schedule ?? {};
    // Judged as of the moment when planning would begin, which is when sending would look.
    const context: PlanContext = { app, channels: gateways, now: startOf(schedule, now) };
    const outline = new Outline(request, context);
    const intent = intentOf(request);
    await this.sql.transaction(async (tx) => {
      for await (const { candidates, count } of this.groups(tx, appId, request, checked)) {
        for (const plan of planDeliveries(intent, schedule, candidates, context)) outline.add(plan, count);
      }
    });
    const ledger = channel && ledgerOf(channel);
    const quota = ledger ? await this.quotas.state(ledger, now) : null;
    const expiresAt = new Date(latestStart(schedule, now).getTime() + request.ttlSeconds * 1000);
    return { ...outline.result(quota), quota, expiresAt, warnings };
  }

  private async *groups(
    tx: SqlRunner,
    appId: string,
    { audience }: NotificationRequest,
    { channel, effective }: CheckedRequest,
  ): AsyncGenerator<Group> {
    const own = !channel || channel.plugin.outbound?.manifest.gateway;
    if (own && effective && effective.kind !== 'users') {
      yield* this.plainGroups(tx, appId, ownClause(effective, channel?.plugin.id));
      yield* this.each(tx, { appId, audience, channel }, HAS_HABITS);
    } else {
      yield* this.each(tx, { appId, audience, channel });
    }
  }

  private async *each(
    tx: SqlRunner,
    spec: Parameters<AudienceSlices['next']>[1],
    only?: string,
  ): AsyncGenerator<Group> {
    for (let after: string | null = null; ;) {
      const { candidates, until } = await this.slices.next(tx, { ...spec, ...(only && { only }) }, after, SLICE);
      yield { candidates, count: 1 };
      if (until === null) return;
      after = until;
    }
  }

  /** Devices whose owners have neither preferences nor sessions, counted by what is left to tell them apart. */
  private async *plainGroups(
    tx: SqlRunner,
    appId: string,
    { where, values }: ReturnType<typeof ownClause>,
  ): AsyncGenerator<Group> {
    const rows = await tx.query<
      Omit<ConsideredDevice, 'id' | 'userId' | 'state' | 'installationId'> & { count: number }
    >(
      `SELECT d.platform, d.gateway, d.app_identifier AS "appIdentifier", d.content_key AS "contentKey", d.locale,
              d.time_zone AS "timeZone", count(*)::int AS count
       FROM device d LEFT JOIN user_tag t ON t.app_id = d.app_id AND t.user_id = d.user_id
       WHERE d.app_id = $1 AND d.state = 'active' AND (${where}) AND NOT ${HAS_HABITS}
       GROUP BY 1, 2, 3, 4, 5, 6`,
      [appId, ...values],
    );
    for (const { count, ...shared } of rows) {
      const device = { ...shared, id: '', userId: null, installationId: '', state: 'active' as const };
      yield { candidates: [{ userId: null, person: undefined, device }], count };
    }
  }
}

interface Bucket {
  readonly plan: DeliveryPlan;
  readonly locales: Set<string>;
  count: number;
}

/** Counts plans, and keeps one sample of each different payload. */
class Outline {
  private readonly parts = new Map<string, { part: ExplainedPart; skipped: Record<string, number> }>();
  private readonly samples = new Map<string, Bucket>();
  private first: Date | undefined;
  private last: Date | undefined;

  constructor(
    private readonly request: NotificationRequest,
    private readonly context: PlanContext,
  ) {}

  add(plan: DeliveryPlan, count: number): void {
    this.countPart(plan, count);
    if (plan.skip || !plan.channel) return;
    const at = plan.notBefore ?? this.context.now;
    if (!this.first || at < this.first) this.first = at;
    if (!this.last || at > this.last) this.last = at;
    this.countSample(plan, plan.channel, count);
  }

  result(quota: QuotaState | null) {
    const parts = [...this.parts.values()].map(({ part, skipped }) => ({ ...part, skipped }));
    const sum = (pick: (part: ExplainedPart) => number) => parts.reduce((total, part) => total + pick(part), 0);
    const skipped: Record<string, number> = {};
    for (const part of parts) {
      for (const [reason, count] of Object.entries(part.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count;
    }
    const later = (at: Date | undefined) => latest(at ?? this.context.now, quota?.nextAt);
    return {
      targets: sum(({ targets }) => targets),
      send: sum(({ send }) => send),
      skipped,
      parts,
      payloads: [...this.samples.values()].map((bucket) => this.payloadOf(bucket)),
      firstAt: later(this.first),
      lastAt: later(this.last),
    };
  }

  private countPart({ candidate, channel, skip }: DeliveryPlan, count: number): void {
    const platform = candidate.device?.platform ?? null;
    const key = `${channel?.row.id} ${platform}`;
    const entry = this.parts.get(key) ?? {
      part: {
        integrationId: channel?.row.id ?? null,
        channel: channel?.plugin.id ?? null,
        platform,
        targets: 0,
        send: 0,
        skipped: {},
      },
      skipped: {},
    };
    if (skip) entry.skipped[skip] = (entry.skipped[skip] ?? 0) + count;
    const { targets, send } = entry.part;
    this.parts.set(key, {
      ...entry,
      part: { ...entry.part, targets: targets + count, send: send + (skip ? 0 : count) },
    });
  }

  private countSample(plan: DeliveryPlan, channel: OpenedIntegration, count: number): void {
    const locale = this.localeOf(plan);
    const message = this.messageFor(plan, locale);
    const { device, through } = plan.candidate;
    const target = through?.target.kind === 'audience' ? JSON.stringify(through.target) : '';
    const key = JSON.stringify([
      channel.row.id,
      device?.platform,
      device?.appIdentifier,
      target,
      { ...message, expiresAt: undefined },
    ]);
    const bucket = this.samples.get(key) ?? { plan, locales: new Set(), count: 0 };
    bucket.locales.add(locale);
    bucket.count += count;
    this.samples.set(key, bucket);
  }

  private payloadOf({ plan, locales, count }: Bucket): ExplainedPayload {
    const channel = plan.channel as OpenedIntegration;
    const { device, through } = plan.candidate;
    const message = this.messageFor(plan, this.localeOf(plan));
    const target = through?.target ?? {
      ...sampleDevice(channel, device?.platform ?? PLATFORMS[0]),
      ...(device?.appIdentifier && { appIdentifier: device.appIdentifier }),
    };
    const item = { id: SAMPLE_ID, message, target, receipt: SAMPLE_RECEIPT };
    const { issues = [], rendered } = inspect(channel, item, this.context.now) ?? {};
    return {
      integrationId: channel.row.id,
      channel: channel.plugin.id,
      platform: device?.platform ?? null,
      targets: count,
      locales: [...locales].sort(),
      payload: rendered?.payload ?? null,
      headers: rendered?.headers ?? {},
      bytes: rendered?.bytes ?? 0,
      issues,
    };
  }

  private localeOf({ candidate }: DeliveryPlan): string {
    const locale = this.context.app.defaultLocale;
    return localeOf({ candidate, terms: { locale } });
  }

  private messageFor({ candidate, notBefore }: DeliveryPlan, locale: string) {
    const { content, forced, priority, ttlSeconds } = this.request;
    const expiresAt = new Date((notBefore ?? this.context.now).getTime() + ttlSeconds * 1000);
    const whole: Content = { ...content, ...(forced && { forced }) };
    return messageOf(whole, { locale, platform: candidate.device?.platform, priority, expiresAt });
  }
}

const latest = (at: Date, other: Date | null | undefined): Date => (other && other > at ? other : at);
