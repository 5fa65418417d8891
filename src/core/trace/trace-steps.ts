import type { InboundEvent } from '@bellhop/contracts';
import { publicId } from '../../platform/ids.js';
import type { Schedule } from '../broadcasts/schedule.js';
import type { Audience } from '../notifications/content.js';
import type { Attempt, Delivery, DeliveryState } from '../notifications/delivery.entity.js';
import type { NotificationState } from '../notifications/notification.entity.js';
import type { ReceiptKind } from '../receipts/receipt.entity.js';
import { audienceWords, commandWords, counted, scheduleWords, targetWords } from './trace-words.js';

export const TRACE_STAGES = [
  'received',
  'routed',
  'requested',
  'planned',
  'paused',
  'cancelled',
  'attempt',
  'delivery',
  'receipt',
  'done',
] as const;
export type TraceStage = (typeof TRACE_STAGES)[number];

/** One thing that happened on the way of a message. */
export interface TraceStep {
  readonly at: Date;
  readonly stage: TraceStage;
  readonly text: string;
  /** What the step is about. */
  readonly subject: string;
  readonly state?: string;
  readonly reason?: string;
}

export interface TracedEvent {
  readonly id: string;
  readonly plugin: string;
  readonly kind: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly parseMode: string;
  readonly event: InboundEvent | null;
  readonly receivedAt: Date;
  readonly settledAt: Date | null;
}

export interface TracedNotification {
  readonly id: string;
  readonly source: 'event' | 'api';
  readonly category: string;
  readonly audience: Audience;
  readonly decisions: readonly string[];
  /** Plugin id of the channel that was chosen; null: each device's own gateway. */
  readonly channel: string | null;
  readonly state: NotificationState;
  readonly schedule: Schedule | null;
  readonly targetCount: number;
  readonly startsAt: Date | null;
  readonly pausedAt: Date | null;
  readonly cancelledAt: Date | null;
  readonly touchedAt: Date | null;
  readonly createdAt: Date;
  readonly doneAt: Date | null;
}

export interface TracedDelivery {
  readonly id: string;
  readonly channel: string | null;
  readonly platform: string | null;
  readonly userId: string | null;
  readonly target: Delivery['target'];
  readonly state: DeliveryState;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly notBefore: Date | null;
  readonly attempts: readonly Attempt[];
  readonly updatedAt: Date;
}

/** The receipts of one kind for a delivery: one, or one of every device that an audience stands for. */
export interface TracedReceipts {
  readonly deliveryId: string;
  readonly kind: ReceiptKind;
  readonly platform: string | null;
  readonly count: number;
  /** Of the first. */
  readonly at: Date;
}

export function eventSteps(row: TracedEvent): TraceStep[] {
  const subject = publicId('evt', row.id);
  const { plugin, kind, parseMode, event, state, reason, detail } = row;
  const command = event && commandWords(event);
  const words = [
    `${plugin}: ${kind ?? 'unreadable callback'}`,
    command && `: ${command}`,
    parseMode === 'tolerant' && ', repaired while reading',
  ];
  const text = words.filter(Boolean).join('');
  const received: TraceStep = { at: row.receivedAt, stage: 'received', subject, text };
  if (!row.settledAt) return [received];
  const end = [state, reason && `(${reason})`, detail].filter(Boolean).join(' ');
  return [received, { at: row.settledAt, stage: 'routed', subject, text: end, state, ...(reason && { reason }) }];
}

type Step = Omit<TraceStep, 'subject'>;

/** How the notification came to its deliveries. */
export function planSteps(row: TracedNotification): TraceStep[] {
  const subject = publicId('ntf', row.id);
  const { source, decisions, createdAt: at } = row;
  const asked: Step[] = source === 'api' ? [{ at, stage: 'requested', text: requestWords(row) }] : [];
  const decided = decisions.map((text): Step => ({ at, stage: 'planned', text }));
  return [...asked, ...decided, ...progressSteps(row)].map((step) => ({ ...step, subject }));
}

/** How far planning is, or what it led to. */
function progressSteps({ category, state, targetCount, createdAt, startsAt, touchedAt }: TracedNotification): Step[] {
  const begin = startsAt && startsAt > createdAt ? startsAt : createdAt;
  const targets = `${category} for ${counted(targetCount, 'target')}`;
  if (state === 'scheduled') {
    return [{ at: createdAt, stage: 'planned', text: `planned from ${begin.toISOString()} on`, state }];
  }
  if (state === 'planning') {
    return [{ at: touchedAt ?? begin, stage: 'planned', text: `${targets} so far, more are being planned`, state }];
  }
  return state === 'cancelled' && targetCount === 0 ? [] : [{ at: begin, stage: 'planned', text: targets }];
}

function requestWords({ category, audience, channel, schedule }: TracedNotification): string {
  const parts = [
    `${category} to ${audienceWords(audience)}`,
    channel && `through ${channel}`,
    schedule && scheduleWords(schedule),
  ];
  return parts.filter(Boolean).join(', ');
}

/** What stopped the notification, and its end. */
export function endSteps({ id, pausedAt, cancelledAt, doneAt, state }: TracedNotification): TraceStep[] {
  const subject = publicId('ntf', id);
  const steps: Step[] = [];
  if (pausedAt) steps.push({ at: pausedAt, stage: 'paused', text: 'paused: what is not being sent waits', state });
  if (cancelledAt) steps.push({ at: cancelledAt, stage: 'cancelled', text: 'a cancel was asked for' });
  if (doneAt && state === 'cancelled') {
    steps.push({ at: doneAt, stage: 'cancelled', text: 'cancelled: nothing is in flight any more', state });
  } else if (doneAt) {
    steps.push({ at: doneAt, stage: 'done', text: 'every delivery has ended', state });
  }
  return steps.map((step) => ({ ...step, subject }));
}

/** @param receipts of this delivery. */
export function deliverySteps(delivery: TracedDelivery, receipts: readonly TracedReceipts[]): TraceStep[] {
  const subject = publicId('dlv', delivery.id);
  const who = recipientWords(delivery);
  const steps = [
    ...delivery.attempts.map((attempt, i) => attemptStep(attempt, i, who)),
    ...receipts.map((receipt) => receiptStep(receipt, who)),
    ...stateStep(delivery, who, receipts.length > 0),
  ];
  return steps.map((step) => ({ ...step, subject }));
}

function recipientWords({ channel, platform, userId, target }: TracedDelivery): string {
  return [channel ?? 'no channel', platform, target && targetWords(target), userId && `user ${userId}`]
    .filter(Boolean)
    .join(' · ');
}

/** Nothing when the attempts or the receipts have told it. */
function stateStep(
  { state, reason, detail, notBefore, attempts, updatedAt: at }: TracedDelivery,
  who: string,
  received: boolean,
): Step[] {
  const reported = received && (state === 'delivered' || state === 'opened');
  const told = reported || (state === 'accepted' && attempts.length > 0);
  if (told) return [];
  const details = [
    `${who}: ${state}${reason ? ` (${reason})` : ''}`,
    detail,
    notBefore && `not before ${notBefore.toISOString()}`,
  ];
  const text = details.filter(Boolean).join(', ');
  return [{ at, stage: 'delivery', text, state, ...(reason && { reason }) }];
}

function attemptStep({ at, ...attempt }: Attempt, index: number, who: string): Step {
  const { outcome, reason, vendorCode, ms, possibleDuplicate } = attempt;
  const details = [
    reason && `(${[reason, vendorCode].filter(Boolean).join(', ')})`,
    ms !== undefined && `after ${ms} ms`,
    possibleDuplicate && 'possible duplicate',
  ];
  const text = [`${who}: attempt ${index + 1}`, outcome, ...details].filter(Boolean).join(' ');
  return { at: new Date(at), stage: 'attempt', text, state: outcome, ...(reason && { reason }) };
}

function receiptStep({ kind, platform, count, at }: TracedReceipts, who: string): Step {
  const where = count > 1 ? ` on ${counted(count, 'installation')}` : '';
  const of = platform && !who.includes(` · ${platform}`) ? ` (${platform})` : '';
  return { at, stage: 'receipt', text: `${who}: ${kind}${where}${of}`, state: kind };
}
