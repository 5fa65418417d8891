import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

export const SCOPES = ['read', 'send', 'broadcast', 'admin', 'platform'] as const;
export type Scope = (typeof SCOPES)[number];

/** A bearer key. Only a digest is kept; the prefix lets people recognise it. */
@Entity('api_key')
@Index('api_key_app', ['appId', 'id'])
export class ApiKey {
  @PrimaryColumn('uuid')
  id: string;

  /** The app the key is bound to; null for a platform key. */
  @Column('uuid', { name: 'app_id', nullable: true })
  appId: string | null;

  @Column('text')
  name: string;

  /** First characters of the key. */
  @Column('text')
  prefix: string;

  /** SHA-256 of the whole key. */
  @Column('bytea', { unique: true })
  hash: Buffer;

  @Column('text', { array: true })
  scopes: Scope[];

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;

  /** To the minute. */
  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  /** The key that was issued in its place. */
  @Column('uuid', { name: 'replaced_by', nullable: true })
  replacedBy: string | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt: Date;
}
