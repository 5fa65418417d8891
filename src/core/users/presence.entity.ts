import type { ClientType, SessionState } from '@bellhop/contracts';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Reports of the app itself carry this source; those of a vendor the id of the integration. */
export const APP_SOURCE = 'app';

/** The latest state of one session of a person. */
@Entity('presence')
export class PresenceRow {
  @PrimaryColumn('uuid', { name: 'app_id' })
  appId: string;

  @PrimaryColumn('text', { name: 'user_id' })
  userId: string;

  /** {@link APP_SOURCE}, or the integration whose vendor reported it. */
  @PrimaryColumn('text')
  source: string;

  /** Installation id for reports of the app, else the vendor's session or device id. */
  @PrimaryColumn('text')
  session: string;

  @Column('text')
  state: SessionState;

  @Column('text')
  client: ClientType;

  /** The latest one wins, whatever the order of arrival. */
  @Column('timestamptz', { name: 'observed_at' })
  observedAt: Date;

  /** From then on the report counts as unknown: an app that was killed in front cannot say so. */
  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;
}
