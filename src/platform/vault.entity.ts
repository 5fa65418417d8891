import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A key of the ring as the database knows it: a value that only this key opens. */
@Entity('ring_key')
export class RingKey {
  /** As in BELLHOP_KEYS. */
  @PrimaryColumn('text')
  id: string;

  /** A known text, sealed with the key: another key under the same name gives itself away. */
  @Column('bytea', { name: 'sealed_check' })
  sealedCheck: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;

  /** Since then nothing is sealed with it: it may be missing from the ring. */
  @Column('timestamptz', { name: 'retired_at', nullable: true })
  retiredAt: Date | null;
}

/** What a data key is for. */
export type KeyPurpose = 'sealing' | 'hashing' | 'signing';

/** A key that the ring guards. */
@Entity('data_key')
export class DataKey {
  /** `@` and a number for those that seal; it stands in every value that it sealed. */
  @PrimaryColumn('text')
  id: string;

  @Column('text')
  purpose: KeyPurpose;

  /** Id of the key of the ring that it is sealed with. */
  @Column('text', { name: 'ring_key' })
  ringKey: string;

  @Column('bytea', { name: 'sealed_key' })
  sealedKey: Buffer;

  /** Null: it opens and does not seal yet, because processes may run that have not read it. */
  @Column('timestamptz', { name: 'active_at', nullable: true })
  activeAt: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;
}

/** A process and the keys that it has, renewed every few seconds. */
@Entity('running_process')
export class RunningProcess {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  host: string;

  @Column('integer')
  pid: number;

  @Column('text')
  role: string;

  /** Ids of its ring, the first one first. */
  @Column('text', { name: 'ring_keys', array: true })
  ringKeys: string[];

  /** Ids of the data keys that it can open. */
  @Column('text', { name: 'data_keys', array: true })
  dataKeys: string[];

  /** Id of the key that it seals with. */
  @Column('text', { name: 'sealing_key' })
  sealingKey: string;

  @Column('timestamptz', { name: 'started_at', default: () => 'now()' })
  startedAt: Date;

  @Column('timestamptz', { name: 'seen_at', default: () => 'now()' })
  seenAt: Date;
}
