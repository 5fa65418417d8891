import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { CALLER_KINDS } from '../caller.js';

export const ACTOR_KINDS = [...CALLER_KINDS, 'system'] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

/** Who changed what. Rows are only added: a trigger refuses to change them, and to delete them before their time. */
@Entity('audit_entry')
@Index('audit_entry_app', ['appId', 'id'])
@Index('audit_entry_target', { synchronize: false })
@Index('audit_entry_at', { synchronize: false })
export class AuditEntry {
  @PrimaryColumn('uuid')
  id: string;

  /** The app it concerns; null: the platform. */
  @Column('uuid', { name: 'app_id', nullable: true })
  appId: string | null;

  @Column('timestamptz')
  at: Date;

  @Column('text', { name: 'actor_kind' })
  actorKind: ActorKind;

  /** Of the key or the operator; null for the key of the environment and for the system. */
  @Column('uuid', { name: 'actor_id', nullable: true })
  actorId: string | null;

  /** As it was at the time: the name of a key with its first characters, or the e-mail address of an operator. */
  @Column('text', { name: 'actor_name' })
  actorName: string;

  @Column('text', { name: 'request_id', nullable: true })
  requestId: string | null;

  /** The operationId of the route, or a word of ours for what the system did. */
  @Column('text')
  action: string;

  /** Public id of what was changed, or the name that its caller gave it. */
  @Column('text', { nullable: true })
  target: string | null;

  /** Method and path. */
  @Column('text', { nullable: true })
  address: string | null;

  /** What the body named, as JSON Pointers of at most two steps; never a value. */
  @Column('text', { array: true, default: [] })
  fields: string[];

  /** As the API showed it, secrets left out; null when it did not exist or is not followed. */
  @Column('jsonb', { nullable: true })
  before: object | null;

  @Column('jsonb', { nullable: true })
  after: object | null;
}
