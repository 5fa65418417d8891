import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { IntegrationSettings } from './integration.settings.js';

export type IntegrationState = 'active' | 'paused';

/** A plugin as an operator configured it. */
@Entity('integration')
export class Integration {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('uuid')
  id: string;

  /** Plugin id. */
  @Column('text')
  plugin: string;

  @Column('text')
  name: string;

  /** Grows with every change of the configuration; clients are opened per revision. */
  @Column('integer', { default: 1 })
  revision: number;

  @Column('text', { default: 'active' })
  state: IntegrationState;

  /** Stable code: `operator`, `misconfigured`, `mass_invalidation`. */
  @Column('text', { name: 'pause_reason', nullable: true })
  pauseReason: string | null;

  @Column('text', { name: 'pause_detail', nullable: true })
  pauseDetail: string | null;

  /** The settings of the plugin without its secrets. */
  @Column('jsonb')
  config: Record<string, unknown>;

  /** The secrets, sealed by the vault. */
  @Column('bytea', { name: 'sealed_secrets' })
  sealedSecrets: Buffer;

  /** What the core does with events of this integration. */
  @Column('jsonb')
  settings: IntegrationSettings;

  /** SHA-256 of the secret in the callback address. */
  @Column('bytea', { name: 'url_secret_hash' })
  urlSecretHash: Buffer;

  /** The secret before the last rotation, valid until it expires. */
  @Column('bytea', { name: 'previous_url_secret_hash', nullable: true })
  previousUrlSecretHash: Buffer | null;

  @Column('timestamptz', { name: 'previous_url_secret_expires_at', nullable: true })
  previousUrlSecretExpiresAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt: Date;
}
