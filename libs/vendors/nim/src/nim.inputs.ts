import { ConfigField } from '@bellhop/contracts';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';

/** Input of `set-desktop-push`. */
export class DesktopPushInput {
  @ConfigField({ title: 'Account', description: 'accid' })
  @IsString()
  @IsNotEmpty()
  @MaxLength(32)
  accid!: string;

  @ConfigField({ title: 'Push to the phone while a desktop client is online' })
  @IsBoolean()
  push!: boolean;

  /** Both do the same; accounts of newer apps may know v2 alone. */
  @ConfigField({ title: 'API', description: 'v1: setDonnop. v2: push_config.', advanced: true })
  @IsIn(['v1', 'v2'])
  api: 'v1' | 'v2' = 'v1';
}

export const CLIENT_SYSTEMS = ['ios', 'aos', 'pc', 'web', 'mac'] as const;
export type ClientSystem = (typeof CLIENT_SYSTEMS)[number];

/** Input of `broadcast-message`. */
export class BroadcastMessageInput {
  @ConfigField({
    title: 'Text',
    description: 'At most 4,096 characters; JSON where the app expects it.',
    multiline: true,
  })
  @IsString()
  @IsNotEmpty()
  @MaxLength(4096)
  body!: string;

  @ConfigField({ title: 'From', description: 'Account (accid). Empty: the sender of the integration.' })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(32)
  from?: string;

  @ConfigField({ title: 'Kept for clients that are offline', description: 'Empty: no.' })
  @IsOptional()
  @IsBoolean()
  keep?: boolean;

  @ConfigField({ title: 'Kept for (h)', description: 'Empty: 168.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(168)
  keepHours?: number;

  @ConfigField({ title: 'Clients', description: 'ios, aos (Android), pc, web, mac. Empty: all.' })
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(5)
  @IsIn(CLIENT_SYSTEMS, { each: true })
  systems?: ClientSystem[];
}
