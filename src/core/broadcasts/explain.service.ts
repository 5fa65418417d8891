import { type FieldIssue, PLATFORMS, type Platform } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql, type SqlRunner, type Transaction } from '../../platform/sql.js';
import type { AudienceQuery } from '../audiences/audience-query.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { type Content, messageOf } from '../notifications/content.js';
import { ledgerOf, QuotaLedger, type QuotaState } from '../quotas/quota-ledger.js';
import { AudienceSlices, type AudienceSpec } from '../routing/audience-slices.js';
import type { Candidate } from '../routing/candidate.js';
import { candidateOfKind, type DeviceKind, kindColumns } from '../routing/delivery-plan.kinds.js';
import { type DeliveryPlan, type PlanContext, planDeliveries } from '../routing/delivery-plan.js';
import { localeOf } from '../routing/delivery-writer.js';
import { Directory } from '../routing/directory.js';
import { intentOf } from './notification-intent.js';
import type { NotificationRequest } from './notification-request.js';
import { inspect, RequestCheck, SAMPLE_ID, SAMPLE_RECEIPT, sampleDevice } from './request-check.js';
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

/** A slice, or one candidate for all devices of a kind. */
interface Group {
  readonly candidates: readonly Candidate[];
  /** How many each of them stands for. */
  readonly count: number;
}

const SLICE = 5_000;

/** Plans a notification without writing it: the same checks, the same decisions and the same payloads as sending. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly checks: RequestCheck,
    private readonly slices: AudienceSlices,
    private readonly directory: Directory,
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
      tx.send('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      for await (const { candidates, count } of this.groups(tx, appId, request, channel, context.now)) {
        for (const plan of planDeliveries(intent, schedule, candidates, context)) outline.add(plan, count);
      }
    });
    const ledger = channel && ledgerOf(channel);
    const quota = ledger ? await this.quotas.state(ledger, now) : null;
    const expiresAt = new Date(latestStart(schedule, now).getTime() + request.ttlSeconds * 1000);
    return { ...outline.result(quota), quota, expiresAt, warnings };
  }

  private async *groups(
    tx: Transaction,
    appId: string,
    { audience, category }: NotificationRequest,
    channel: OpenedIntegration | undefined,
    now: Date,
  ): AsyncGenerator<Group> {
    const query = this.slices.walkedQuery({ audience, channel });
    if (query) yield* this.walkedGroups(tx, appId, query, { category, now });
    else yield* this.listedGroups(tx, { appId, audience, channel });
  }

  private async *listedGroups(tx: SqlRunner, spec: AudienceSpec): AsyncGenerator<Group> {
    for (let after: string | null = null; ;) {
      const { candidates, until } = await this.slices.next(tx, spec, after, SLICE);
      yield { candidates, count: 1 };
      if (until === null) return;
      after = until;
    }
  }

  /**
   * Those whose owners need a look, one by one, and by kind whoever is left of all. Both statements see the same
   * devices: nothing is in one of them alone.
   */
  private async *walkedGroups(
    tx: Transaction,
    appId: string,
    query: AudienceQuery,
    intent: { readonly category: string; readonly now: Date },
  ): AsyncGenerator<Group> {
    const kinds = new Map<string, { readonly kind: DeviceKind; count: number }>();
    for (const { count, ...kind } of await this.directory.countByKind(tx, appId, query)) {
      kinds.set(keyOf(kind), { kind, count });
    }
    for await (const devices of this.directory.devicesToLookAt(tx, appId, query, intent)) {
      for (const device of devices) kinds.get(keyOf(device))!.count--;
      yield { candidates: await this.slices.withOwners(tx, appId, devices), count: 1 };
    }
    for (const { kind, count } of kinds.values()) {
      if (count > 0) yield { candidates: [candidateOfKind(kind)], count };
    }
  }
}

const keyOf = (kind: DeviceKind): string => JSON.stringify(kindColumns(kind));

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
