import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Somebody who is signed in. The cookie holds a token, the row its digest: whoever reads the table can use none. */
@Entity('operator_session')
@Index('operator_session_operator', ['operatorId'])
export class OperatorSession {
  /** SHA-256 of the token. */
  @PrimaryColumn('bytea')
  digest: Buffer;

  @Column('uuid', { name: 'operator_id' })
  operatorId: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  /** To the minute. */
  @Column('timestamptz', { name: 'last_seen_at' })
  lastSeenAt: Date;

  /** Whatever happens. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
