import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Wrong passwords in a row under one name, whether such a person exists or not. */
@Entity('sign_in_failure')
export class SignInFailure {
  /** SHA-256 of the name. */
  @PrimaryColumn('bytea')
  digest: Buffer;

  @Column('integer')
  failures: number;

  @Column('timestamptz', { name: 'last_at' })
  lastAt: Date;
}

/** An address from which somebody has signed in. */
@Entity('sign_in_address')
export class SignInAddress {
  /** SHA-256 of name and address. */
  @PrimaryColumn('bytea')
  digest: Buffer;

  @Column('timestamptz')
  until: Date;
}
