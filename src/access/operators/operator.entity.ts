import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';
import type { RoleGrant } from './roles.js';

export const OPERATOR_STATES = ['active', 'disabled'] as const;
export type OperatorState = (typeof OPERATOR_STATES)[number];

export const OPERATOR_SOURCES = ['invited', 'provider'] as const;
export type OperatorSource = (typeof OPERATOR_SOURCES)[number];

/** A person who signs in. */
@Entity('operator')
export class Operator {
  @PrimaryColumn('uuid')
  id: string;

  /** In lower case. */
  @Column('text', { unique: true })
  email: string;

  @Column('text')
  name: string;

  @Column('text', { default: 'active' })
  state: OperatorState;

  /** Argon2id as a PHC string; null until the person has chosen one. */
  @Column('text', { nullable: true, select: false })
  password: string | null;

  @Column('jsonb', { default: [] })
  roles: RoleGrant[];

  /** Who let the person in: an admin, or the claims of the OpenID provider, which the roles then follow. */
  @Column('text', { default: 'invited' })
  source: OperatorSource;

  /** Issuer and subject at the provider; null until the person has signed in there. */
  @Column('text', { name: 'oidc_subject', nullable: true, unique: true, select: false })
  oidcSubject: string | null;

  @Column('timestamptz', { name: 'last_sign_in_at', nullable: true })
  lastSignInAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt: Date;
}

/** E-mail addresses are compared without regard to case, and in one spelling. */
export const emailKey = (email: string): string => email.normalize('NFKC').toLowerCase();
