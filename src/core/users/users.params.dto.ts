import { Length } from 'class-validator';
import { IsPrintable } from '../../platform/validators.js';

/** The app's own id of a person, in a path. */
export class UserParams {
  /**
   * The app's own id of the person.
   * @example 'u-1001'
   */
  @Length(1, 128)
  @IsPrintable()
  userId: string;
}

/** An install of a person's app, in a path. */
export class InstallationParams extends UserParams {
  /**
   * The app's own id of the install: made at first start, kept until the app is deleted.
   * @example '6F9619FF-8B86-D011-B42D-00CF4FC964FF'
   */
  @Length(1, 128)
  @IsPrintable()
  installationId: string;
}
