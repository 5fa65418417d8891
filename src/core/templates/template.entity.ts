import type { ContentType } from '@bellhop/contracts';
import { Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** The words for events of one kind, in one language. */
@Entity('copy_template')
@Unique(['appId', 'kind', 'messageType', 'locale'])
export class Template {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: string;

  /** Of `conversation.message`; empty for messages of every type, and for every other kind. */
  @Column('text', { name: 'message_type', default: '' })
  messageType: ContentType | '';

  /** BCP 47, a content key of devices, or `default`. */
  @Column('text')
  locale: string;

  /** Mustache; null: the built-in title. */
  @Column('text', { nullable: true })
  title: string | null;

  /** Mustache. */
  @Column('text')
  body: string;

  @Column('timestamptz', { name: 'created_at' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
