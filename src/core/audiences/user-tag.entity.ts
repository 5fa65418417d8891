import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The whole set of tags of a person. A cleared set stays as an empty row: its version keeps older changes out. */
@Entity('user_tag')
@Index('user_tag_tags', { synchronize: false })
export class UserTag {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('text', { name: 'user_id' })
  userId: string;

  /** At most 20, each of 1 to 40 UTF-8 bytes, none twice. */
  @Column('text', { array: true })
  tags: string[];

  /** UUIDv7 of the change that wrote them; an older one never overwrites them. */
  @Column('uuid')
  version: string;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
