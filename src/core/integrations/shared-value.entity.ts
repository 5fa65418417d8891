import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Something that a channel fetched from its vendor for all processes, such as an access token. */
@Entity('shared_value')
@Index('shared_value_expires', ['expiresAt'])
export class SharedValue {
  @PrimaryColumn('uuid', { name: 'integration_id' })
  integrationId: string;

  /** The channel's name for it. */
  @PrimaryColumn('text')
  key: string;

  /** Null while it is fetched for the first time. */
  @Column('bytea', { name: 'sealed_value', nullable: true })
  sealedValue: Buffer | null;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;

  /** One process fetches it, until then at the latest; the others wait. */
  @Column('timestamptz', { name: 'fetching_until', nullable: true })
  fetchingUntil: Date | null;
}
