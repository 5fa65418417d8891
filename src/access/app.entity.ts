import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** One mobile product of a tenant: the unit of isolation. Every other row belongs to exactly one. */
@Entity('app')
export class App {
  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  name: string;

  /** URI scheme of the app (`acme` in `acme://support/…`). */
  @Column('text', { name: 'deep_link_scheme' })
  deepLinkScheme: string;

  /** Language of people whose devices do not say one. */
  @Column('text', { name: 'default_locale', default: 'zh-CN' })
  defaultLocale: string;

  /** IANA zone of people whose devices do not say one. */
  @Column('text', { name: 'time_zone', default: 'Asia/Shanghai' })
  timeZone: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt: Date;
}
