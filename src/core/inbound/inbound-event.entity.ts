import type { InboundEvent } from '@bellhop/contracts';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * `accepted`: stored, to be routed. `routed`: led to a notification or a change of state.
 * `ignored`, `quarantined`, `failed`: ended, for the reason that stands beside it.
 */
export type InboundEventState = 'accepted' | 'routed' | 'ignored' | 'quarantined' | 'failed';

/** One canonical fact out of a callback. Unique by (integration, key): a redelivery finds it there. */
@Entity('inbound_event')
@Index('inbound_event_key', ['integrationId', 'key'], { unique: true })
@Index('inbound_event_alias_key', { synchronize: false })
@Index('inbound_event_waiting', { synchronize: false })
@Index('inbound_event_unusable', { synchronize: false })
export class InboundEventRow {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'integration_id' })
  integrationId: string;

  /** Events of one callback share it; the raw bytes are stored under it. */
  @Column('uuid', { name: 'callback_id' })
  callbackId: string;

  /** Place in the callback, from 0. */
  @Column('smallint')
  position: number;

  @Column('text')
  key: string;

  @Column('text', { name: 'alias_key', nullable: true })
  aliasKey: string | null;

  /** Null when the callback could not be read. */
  @Column('text', { nullable: true })
  kind: string | null;

  @Column('text')
  state: InboundEventState;

  /** Stable code, never null for `ignored`, `quarantined` and `failed`. */
  @Column('text', { nullable: true })
  reason: string | null;

  @Column('text', { nullable: true })
  detail: string | null;

  @Column('text', { name: 'parse_mode', default: 'strict' })
  parseMode: 'strict' | 'tolerant';

  /** Events that share it are routed in the order of arrival. */
  @Column('text', { nullable: true })
  conversation: string | null;

  /**
   * Written once and read whole: as the text it was written in, which costs less than `jsonb` both ways. Databases that held
   * events at 0.2.0 have it as `jsonb`: prepared statements cast what they return, so that the type can change under them.
   */
  @Column('json', { nullable: true })
  event: InboundEvent | null;

  @Column('uuid', { name: 'notification_id', nullable: true })
  notificationId: string | null;

  @Column('timestamptz', { name: 'occurred_at', nullable: true })
  occurredAt: Date | null;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt: Date;

  /** When it left `accepted`. */
  @Column('timestamptz', { name: 'settled_at', nullable: true })
  settledAt: Date | null;
}

/** The bytes of a callback as the adapter verified them (decrypted where the vendor encrypts). */
@Entity('inbound_raw')
export class InboundRaw {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid', { name: 'callback_id' })
  callbackId: string;

  @Column('uuid', { name: 'integration_id' })
  integrationId: string;

  @Column('text')
  method: string;

  @Column('text')
  path: string;

  /** JSON. */
  @Column('text')
  query: string;

  /** JSON. */
  @Column('text')
  headers: string;

  @Column('bytea')
  body: Buffer;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt: Date;
}

/** Something that may happen once, or once within a time: a signed nonce, a digest that stands for an id. */
@Entity('inbound_guard')
@Index('inbound_guard_expiry', ['expiresAt'])
export class InboundGuard {
  @PrimaryColumn('uuid', { name: 'integration_id' })
  integrationId: string;

  @PrimaryColumn('text')
  key: string;

  @Column('bytea', { name: 'body_hash' })
  bodyHash: Buffer;

  @Column('timestamptz', { name: 'seen_at' })
  seenAt: Date;

  /** From then on it may happen again. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
