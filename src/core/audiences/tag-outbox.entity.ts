import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A person whose tags a vendor does not have yet. What is sent are the tags of that moment, so one row is enough. */
@Entity('tag_outbox')
@Index('tag_outbox_waiting', { synchronize: false })
export class TagOutboxRow {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid', { name: 'integration_id' })
  integrationId: string;

  @PrimaryColumn('text', { name: 'user_id' })
  userId: string;

  /** Of the latest change; the row goes once this version, or a newer one, has been taken by the vendor. */
  @Column('uuid')
  version: string;

  /** Calls made for it. */
  @Column('smallint', { default: 0 })
  attempts: number;

  /** `failed`: the vendor will never take these tags; the next change tries again. */
  @Column('text', { default: 'waiting' })
  state: 'waiting' | 'failed';

  /** Stable code of what went wrong last. */
  @Column('text', { nullable: true })
  reason: string | null;

  @Column('timestamptz', { name: 'not_before', nullable: true })
  notBefore: Date | null;

  /** A worker is sending it until then. */
  @Column('timestamptz', { name: 'lease_until', nullable: true })
  leaseUntil: Date | null;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
