import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The reply to an unsafe call, kept so that the same call with the same key has one effect. */
@Entity('idempotency_key')
@Index('idempotency_key_age', ['createdAt'])
export class IdempotencyKey {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('text')
  key: string;

  /** SHA-256 of method, path and body: another request under the same key is refused. */
  @Column('bytea', { name: 'request_hash' })
  requestHash: Buffer;

  /** Null while the first call is under way. */
  @Column('smallint', { nullable: true })
  status: number | null;

  @Column('jsonb', { nullable: true })
  response: unknown;

  /** Which run of the call claimed it; null: one of 0.2.0. */
  @Column('uuid', { nullable: true })
  run: string | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;
}
