import type { Environment, Platform } from '@bellhop/contracts';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Length } from 'class-validator';
import { publicId } from '../../platform/ids.js';
import { PageOf } from '../../platform/pagination.js';
import { IsLanguage, IsPrintable, IsZone } from '../../platform/validators.js';
import type { Device, DeviceState } from './device.entity.js';

const PLATFORMS = ['ios', 'android'] as const satisfies readonly Platform[];
const ENVIRONMENTS = ['production', 'sandbox', 'unknown'] as const satisfies readonly Environment[];
const IDENTIFIERS = ['token', 'fid'] as const;

/** An app install as its gateway addresses it. */
export class RegisterDeviceBody {
  /**
   * Plugin id of the channel that reaches the device.
   * @example 'apns'
   */
  @Length(1, 64)
  @IsPrintable()
  gateway: string;

  /**
   * Sealed at rest and never returned.
   * @example '9f3c0b7d5e2a4861f0d3c5b7a9e1f2a4968b7c5d3e1f0a2b4c6d8e0f1a3b5c7d'
   */
  @Length(1, 4096)
  @IsPrintable()
  token: string;

  /** What the token is: `fid` for a Firebase installation id. */
  @ApiPropertyOptional({ enum: IDENTIFIERS })
  @IsIn(IDENTIFIERS)
  identifier: 'token' | 'fid' = 'token';

  /** @example 'ios' */
  @IsIn(PLATFORMS)
  platform: Platform;

  /** For gateways that tell them apart (APNs). Absent: it is found out. */
  @IsOptional()
  @IsIn(ENVIRONMENTS)
  environment?: Environment;

  /**
   * Bundle id or package name.
   * @example 'com.acme.shop'
   */
  @IsOptional()
  @Length(1, 255)
  @IsPrintable()
  appIdentifier?: string;

  /**
   * Language of the person on this device, BCP 47.
   * @example 'zh-CN'
   */
  @IsOptional()
  @IsLanguage()
  locale?: string;

  /**
   * Which copy the device gets, in place of that of its language: the locale of a template, for instance NIM's
   * `customContentKey`. Leave it out when you have no templates under keys of your own.
   * @example 'zh-Hans'
   */
  @IsOptional()
  @Length(1, 64)
  @IsPrintable()
  contentKey?: string;

  /**
   * Zone of the person on this device, IANA.
   * @example 'Asia/Shanghai'
   */
  @IsOptional()
  @IsZone()
  timeZone?: string;
}

/** A registered device, without its token. */
export class DeviceView {
  /** @example 'dev_0199c3a4b5c67d8e9f00112233445566' */
  id: string;

  /**
   * Null for a device that only a callback of a vendor named.
   * @example 'u-1001'
   */
  userId: string | null;

  /** @example '6F9619FF-8B86-D011-B42D-00CF4FC964FF' */
  installationId: string;

  /** @example 'apns' */
  gateway: string;

  /** @example 'ios' */
  platform: Platform;

  identifier: 'token' | 'fid';

  /**
   * Last four characters of the token.
   * @example '5c7d'
   */
  tokenTail: string;

  environment: Environment;

  /** @example 'com.acme.shop' */
  appIdentifier: string | null;

  /** @example 'zh-CN' */
  locale: string | null;

  /** @example 'zh-Hans' */
  contentKey: string | null;

  /** @example 'Asia/Shanghai' */
  timeZone: string | null;

  /** `suspect`: not used until it is registered again. `retired`: the gateway called the token dead. */
  state: DeviceState;

  /** Stable code of the last change of state. */
  stateReason: string | null;

  stateChangedAt: Date;

  /** When the token was last registered. */
  tokenUpdatedAt: Date;

  lastSeenAt: Date;

  /** When the gateway last took a message for it; noted once a day. */
  lastAcceptedAt: Date | null;

  createdAt: Date;
}

export class DevicePage extends PageOf(DeviceView) {}

/** @param token the opened token, of which only the end is shown. */
export function deviceView(row: Device, token: string): DeviceView {
  const { appId: _app, sealedToken: _sealed, tokenHash: _hash, ...shown } = row;
  return { ...shown, id: publicId('dev', row.id), tokenTail: token.length < 12 ? '' : token.slice(-4) };
}
