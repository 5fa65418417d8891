import type { Environment, Platform } from '@bellhop/contracts';
import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique, VirtualColumn } from 'typeorm';

/** `suspect`: fine elsewhere or unproved, not used until it is registered again. `retired`: the gateway called it dead. */
export type DeviceState = 'active' | 'suspect' | 'retired';

/** When the gateway last took a message for a device; its home is `device_reach`. */
export const lastAcceptedOf = (device: string): string =>
  `SELECT accepted_at FROM device_reach r WHERE r.app_id = ${device}.app_id AND r.device_id = ${device}.id`;

/** One app install that a gateway can reach. */
@Entity('device')
@Unique(['appId', 'installationId'])
@Unique(['appId', 'gateway', 'tokenHash'])
@Index('device_user', { synchronize: false })
@Index('device_out_of_use', { synchronize: false })
export class Device {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  /** Null for a device that only a callback named. */
  @Column('text', { name: 'user_id', nullable: true })
  userId: string | null;

  /** The app's own id of the install. */
  @Column('text', { name: 'installation_id' })
  installationId: string;

  @Column('text')
  platform: Platform;

  /** Plugin id of the channel that reaches it. */
  @Column('text')
  gateway: string;

  @Column('text')
  identifier: 'token' | 'fid';

  @Column('bytea', { name: 'sealed_token' })
  sealedToken: Buffer;

  /** Keyed hash for look-ups. */
  @Column('bytea', { name: 'token_hash' })
  tokenHash: Buffer;

  @Column('text', { default: 'unknown' })
  environment: Environment;

  /** Bundle id or package name. */
  @Column('text', { name: 'app_identifier', nullable: true })
  appIdentifier: string | null;

  /** BCP 47. */
  @Column('text', { nullable: true })
  locale: string | null;

  /** Which copy the app asks for; stands in front of the locale. */
  @Column('text', { name: 'content_key', nullable: true })
  contentKey: string | null;

  /** IANA. */
  @Column('text', { name: 'time_zone', nullable: true })
  timeZone: string | null;

  @Column('text', { default: 'active' })
  state: DeviceState;

  /** Stable code of the last change of state. */
  @Column('text', { name: 'state_reason', nullable: true })
  stateReason: string | null;

  @Column('timestamptz', { name: 'state_changed_at', default: () => 'now()' })
  stateChangedAt: Date;

  /** When this token was last registered; an older verdict of a gateway does not count against it. */
  @Column('timestamptz', { name: 'token_updated_at' })
  tokenUpdatedAt: Date;

  @Column('timestamptz', { name: 'last_seen_at' })
  lastSeenAt: Date;

  @VirtualColumn('timestamptz', { query: lastAcceptedOf })
  lastAcceptedAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt: Date;
}
