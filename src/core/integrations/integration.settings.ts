import { ArrayMaxSize, IsArray, IsBoolean, IsIn, IsOptional, IsString, Matches } from 'class-validator';

/** What the core does with the events of an integration; the same for every vendor. */
export class IntegrationSettings {
  /** The text of messages stays off lock screens and out of extras: a neutral sentence is shown. */
  @IsBoolean()
  hideContent = false;

  /** Push to devices that a callback names although nobody registered them here. */
  @IsBoolean()
  trustCallbackDevices = true;

  /** APNs environment of such devices. */
  @IsIn(['production', 'sandbox'])
  callbackEnvironment: 'production' | 'sandbox' = 'production';

  /** Take the vendor's own identities for our user ids where no link exists. Unset: as the plugin advises per kind. */
  @IsOptional()
  @IsBoolean()
  identitiesAreUserIds?: boolean;

  /** Language of the copy where neither the device nor the event names one. Unset: the app's. */
  @IsOptional()
  @IsString()
  defaultLocale?: string;

  /** Our tags are the vendor's tags: every change is written there as well. For channels that keep tags. */
  @IsBoolean()
  mirrorTags = false;

  /** Integrations of channels that address people (`int_…`): everybody whom an event concerns is informed there too. */
  @IsArray()
  @ArrayMaxSize(8)
  @Matches(/^int_[0-9a-f]{32}$/, { each: true, message: 'must be integration ids' })
  alsoThrough: string[] = [];
}
