import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { WebhookEventType } from './webhook-event.js';

export type WebhookState = 'active' | 'disabled';

/** Somebody's address that is told of our events. */
@Entity('webhook_endpoint')
export class WebhookEndpoint {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  url: string;

  @Column('text', { default: '' })
  description: string;

  @Column('text', { array: true })
  events: WebhookEventType[];

  /** `whsec_…`, sealed by the vault. */
  @Column('bytea', { name: 'sealed_secret' })
  sealedSecret: Buffer;

  /** The secret before the last rotation; signs as well until it expires. */
  @Column('bytea', { name: 'sealed_previous_secret', nullable: true })
  sealedPreviousSecret: Buffer | null;

  @Column('timestamptz', { name: 'previous_expires_at', nullable: true })
  previousExpiresAt: Date | null;

  @Column('text', { default: 'active' })
  state: WebhookState;

  /** Why it is disabled: `gone` (it answered 410), `failing` (for five days). */
  @Column('text', { name: 'state_reason', nullable: true })
  stateReason: string | null;

  /** First failure since the last success. */
  @Column('timestamptz', { name: 'failing_since', nullable: true })
  failingSince: Date | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
