import { Column, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** What a person wants to be told. No row: everything, at any time, from everybody. */
@Entity('preference')
export class Preference {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('text', { name: 'user_id' })
  userId: string;

  @Column('boolean', { name: 'push_enabled', default: true })
  pushEnabled: boolean;

  /** Local wall clock `HH:mm`, inclusive; before the start of the window at midnight it wraps. */
  @Column('text', { name: 'dnd_start', nullable: true })
  dndStart: string | null;

  /** Local wall clock `HH:mm`, inclusive. */
  @Column('text', { name: 'dnd_end', nullable: true })
  dndEnd: string | null;

  /** IANA zone of the window; null: the device's, then the app's. */
  @Column('text', { name: 'dnd_time_zone', nullable: true })
  dndTimeZone: string | null;

  /** Conversation ids. */
  @Column('text', { name: 'muted_conversations', array: true, default: '{}' })
  mutedConversations: string[];

  /** Categories: event kinds, or what `POST /v1/notifications` names. */
  @Column('text', { name: 'opted_out', array: true, default: '{}' })
  optedOut: string[];

  /** Sender ids as the vendor writes them. */
  @Column('text', { name: 'blocked_senders', array: true, default: '{}' })
  blockedSenders: string[];

  /** Sender ids that count as friends; null: the relation is not known and everybody does. */
  @Column('text', { array: true, nullable: true })
  friends: string[] | null;

  /** Whether people who are no friends may reach this person. */
  @Column('boolean', { name: 'allow_strangers', default: true })
  allowStrangers: boolean;

  /** No push to phones while a desktop session is online. */
  @Column('boolean', { name: 'quiet_on_desktop', default: false })
  quietOnDesktop: boolean;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt: Date;
}
