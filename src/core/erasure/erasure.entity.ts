import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Somebody who is being erased. The row goes with the last trace; one that stays behind is taken up by the sweep. */
@Entity('erasure')
export class Erasure {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  /** Keyed hash of the user id, hexadecimal: what is erased is not to be read here. */
  @PrimaryColumn('text')
  subject: string;

  /** Who it is, and by what names: JSON, sealed. Found before the rows that tell of it are gone. */
  @Column('bytea', { name: 'sealed_person' })
  sealedPerson: Buffer;

  @Column('timestamptz', { name: 'started_at' })
  startedAt: Date;

  /** When somebody last worked at it. */
  @Column('timestamptz', { name: 'touched_at' })
  touchedAt: Date;
}
