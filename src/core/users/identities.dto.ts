import { Length } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { IsPrintable } from '../../platform/validators.js';
import type { Identity } from './identity.entity.js';

/** A vendor's name for a person. */
export class IdentityKey {
  /** @example 'int_0199c3a4b5c67d8e9f00112233445566' */
  @Length(1, 64)
  @IsPrintable()
  integrationId: string;

  /**
   * One of the kinds that the plugin lists.
   * @example 'kf5.user_id'
   */
  @Length(1, 128)
  @IsPrintable()
  kind: string;

  /**
   * As the vendor writes it.
   * @example '40158'
   */
  @Length(1, 512)
  @IsPrintable()
  value: string;
}

export class IdentityView {
  /** @example 'u-1001' */
  userId: string;

  /** @example 'int_0199c3a4b5c67d8e9f00112233445566' */
  integrationId: string;

  /** @example 'kf5.user_id' */
  kind: string;

  /** @example '40158' */
  value: string;

  createdAt: Date;

  updatedAt: Date;
}

export class IdentityList {
  /** The latest first, at most 1,000. */
  data: IdentityView[];
}

export function identityView(row: Identity): IdentityView {
  const { userId, kind, value, createdAt, updatedAt } = row;
  return { userId, integrationId: publicId('int', row.integrationId), kind, value, createdAt, updatedAt };
}
