import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** A vendor's name for one of our users. */
@Entity('identity')
@Index('identity_user', ['appId', 'userId'])
export class Identity {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid', { name: 'integration_id' })
  integrationId: string;

  /** `kf5.user_id`, `nim.accid` … */
  @PrimaryColumn('text')
  kind: string;

  @PrimaryColumn('text')
  value: string;

  @Column('text', { name: 'user_id' })
  userId: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt: Date;
}
