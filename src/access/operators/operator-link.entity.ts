import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A link that lets its holder choose a password, once. Only the digest of its token is kept. */
@Entity('operator_link')
@Index('operator_link_operator', ['operatorId'])
export class OperatorLink {
  /** SHA-256 of the token. */
  @PrimaryColumn('bytea')
  digest: Buffer;

  /** Whose password; null: that of the first admin, who is made by it. */
  @Column('uuid', { name: 'operator_id', nullable: true })
  operatorId: string | null;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
