import type { OutcomeKind } from '@bellhop/contracts';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

export const WEBHOOK_MESSAGE_STATES = ['waiting', 'sending', 'delivered', 'dead'] as const;
export type WebhookMessageState = (typeof WEBHOOK_MESSAGE_STATES)[number];

/** One call to a receiver. */
export interface WebhookAttempt {
  /** ISO 8601. */
  readonly at: string;
  readonly ms?: number;
  readonly outcome: OutcomeKind;
  readonly reason?: string;
  /** `HTTP 500`, or the code of a network fault. */
  readonly vendorCode?: string;
  readonly detail?: string;
}

/** An event on its way to one endpoint. */
@Entity('webhook_message')
@Index('webhook_message_endpoint', ['appId', 'endpointId', 'id'])
@Index('webhook_message_open', { synchronize: false })
@Index('webhook_message_ended', { synchronize: false })
export class WebhookMessage {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  /** Receivers know it as `msg_…` (`webhook-id`), the same on every attempt. */
  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'endpoint_id' })
  endpointId: string;

  @Column('text')
  type: string;

  /** The body: minified JSON, sent and signed as it is. */
  @Column('text')
  payload: string;

  @Column('text', { default: 'waiting' })
  state: WebhookMessageState;

  /** Of the last failure. */
  @Column('text', { nullable: true })
  reason: string | null;

  @Column('jsonb', { default: [] })
  attempts: WebhookAttempt[];

  /** Grows with every claim: results of an earlier one are not written. */
  @Column('integer', { default: 0 })
  fence: number;

  @Column('timestamptz', { name: 'not_before', nullable: true })
  notBefore: Date | null;

  @Column('timestamptz', { name: 'lease_until', nullable: true })
  leaseUntil: Date | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
