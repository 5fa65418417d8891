import type { Platform } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { publicId } from '../../platform/ids.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import { Tallies, type Tally } from '../statistics/tallies.js';
import { type Announcement, WebhookOutbox } from '../webhooks/webhook-outbox.js';
import type { ReceiptKind } from './receipt.entity.js';
import { type GenuineReceipt, type RecordedReceipt, recordReceipts } from './receipt-sql.js';
import { ReceiptTokens } from './receipt-tokens.js';

/** What an app says happened to a push. Exactly one of `receipt` and `link`. */
export interface GivenReceipt {
  /** The token out of the payload. */
  readonly receipt?: string;
  /** What a vendor's SDK opened the app with. */
  readonly link?: string;
  readonly kind: ReceiptKind;
  /** ISO 8601 with a zone; absent, or ahead of our clock: now. */
  readonly at?: string;
  readonly installationId?: string;
  readonly platform?: Platform;
}

export const RECEIPT_REFUSALS = [
  'receipt.forged',
  'receipt.too_old',
  'receipt.installation_required',
  'receipt.delivery_gone',
] as const;
export type ReceiptRefusal = (typeof RECEIPT_REFUSALS)[number];

export interface ReceiptAnswer {
  readonly status: 'recorded' | 'duplicate' | 'refused';
  /** Of `refused`. */
  readonly code?: ReceiptRefusal;
}

/** Receipts of what happened earlier tell nothing any more: no push waits for a device that long. */
const OLDEST_MS = 30 * 86_400_000;
const TRIES = 3;
/** The row of a delivery was not to be had in time, or two batches waited for each other. */
const CONTENDED = /^(?:55P03|40P01)$/;
/** States that a receipt proves wrong, and that were counted as failed. */
const COUNTED_AS_FAILED: ReadonlySet<string> = new Set(['failed', 'dead', 'expired']);

/** Takes what apps report. The first receipt of a kind counts; every other one changes nothing. */
@Injectable()
export class ReceiptsService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly tokens: ReceiptTokens,
    private readonly registry: PluginRegistry,
    private readonly tallies: Tallies,
    private readonly outbox: WebhookOutbox,
  ) {}

  /** One answer for each receipt, in order. */
  async record(given: readonly GivenReceipt[]): Promise<readonly ReceiptAnswer[]> {
    const now = this.clock.now();
    const judged = given.map((one, position) => this.judge(one, position, now));
    const genuine = judged.filter((one) => typeof one !== 'string');
    const rows = genuine.length > 0 ? await this.store(genuine, now) : [];
    const told = new Map(rows.filter(({ implied }) => !implied).map((row) => [row.position, row]));
    return judged.map((one, position) => (typeof one === 'string' ? refused(one) : answerOf(told.get(position))));
  }

  private judge(given: GivenReceipt, position: number, now: Date): GenuineReceipt | ReceiptRefusal {
    const { receipt, link, kind, at, installationId, platform } = given;
    const token = receipt || this.tokenIn(link ?? '');
    const subject = token === undefined ? undefined : this.tokens.read(token);
    if (!subject) return 'receipt.forged';
    const happened = Math.min(at ? Date.parse(at) : now.getTime(), now.getTime());
    if (happened < now.getTime() - OLDEST_MS) return 'receipt.too_old';
    const about = { installationId: installationId ?? null, platform: platform ?? null };
    return { position, ...subject, kind, at: new Date(happened), ...about };
  }

  private tokenIn(link: string): string | undefined {
    for (const { outbound } of this.registry.all()) {
      const token = outbound?.receiptIn?.(link);
      if (token !== undefined) return token;
    }
    return undefined;
  }

  /** Sending comes first: whoever writes a delivery at this moment is not made to wait for us. */
  private async store(receipts: readonly GenuineReceipt[], now: Date): Promise<readonly RecordedReceipt[]> {
    for (let left = TRIES - 1; ; left--) {
      try {
        return await this.sql.transaction((tx) => this.write(tx, receipts, now));
      } catch (error) {
        if (left === 0 || !CONTENDED.test(String((error as { code?: unknown }).code))) throw error;
      }
    }
  }

  private async write(
    tx: Transaction,
    receipts: readonly GenuineReceipt[],
    now: Date,
  ): Promise<readonly RecordedReceipt[]> {
    const rows = await recordReceipts(tx, receipts, now);
    const firsts = rows.filter(({ first }) => first);
    for (const [appId, news] of Map.groupBy(firsts, (row) => row.appId)) {
      await this.tallies.add(tx, appId, talliesOf(news));
      await this.outbox.announce(tx, appId, announcementsOf(news, now));
    }
    return rows;
  }
}

function refused(code: ReceiptRefusal): ReceiptAnswer {
  return { status: 'refused', code };
}

/** @param row undefined: the signature is ours, and the delivery is not there any more. */
function answerOf(row: RecordedReceipt | undefined): ReceiptAnswer {
  if (!row) return refused('receipt.delivery_gone');
  if (row.subject === null) return refused('receipt.installation_required');
  return { status: row.first ? 'recorded' : 'duplicate' };
}

function talliesOf(news: readonly RecordedReceipt[]): Tally[] {
  const counted = news.map(({ createdAt: at, channel, platform, kind }) => ({ at, channel, platform, [kind]: 1 }));
  const moved = new Map(news.filter((row) => row.moved).map((row) => [row.deliveryId, row]));
  return [...counted, ...[...moved.values()].flatMap(correctionOf)];
}

/** What was given up, or had no known fate, has been pushed after all. */
function correctionOf({ createdAt: at, channel, platform, state }: RecordedReceipt): Tally[] {
  if (COUNTED_AS_FAILED.has(state)) return [{ at, channel, platform, pushed: 1, failed: -1 }];
  return state === 'unknown' ? [{ at, channel, platform, pushed: 1 }] : [];
}

function announcementsOf(news: readonly RecordedReceipt[], now: Date): Announcement[] {
  return news
    .filter(({ kind }) => kind === 'opened')
    .map((row) => ({
      type: 'receipt.opened',
      at: now,
      data: {
        deliveryId: publicId('dlv', row.deliveryId),
        notificationId: publicId('ntf', row.notificationId),
        channel: row.channel,
        platform: row.platform,
        userId: row.userId,
        deviceId: row.deviceId && publicId('dev', row.deviceId),
        installationId: row.deviceId ? null : row.subject,
        openedAt: row.at.toISOString(),
      },
    }));
}
