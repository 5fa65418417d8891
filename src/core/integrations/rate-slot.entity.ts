import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Spaces the calls of all processes to a vendor that allows so many a minute. */
@Entity('rate_slot')
export class RateSlot {
  @PrimaryColumn('uuid', { name: 'integration_id' })
  integrationId: string;

  /** The channel's name for what is limited. */
  @PrimaryColumn('text')
  bucket: string;

  /** When the next call may be made. */
  @Column('timestamptz', { name: 'next_at' })
  nextAt: Date;
}
