import { ApnsModule } from '@bellhop/channels/apns';
import { FcmModule } from '@bellhop/channels/fcm';
import { WebhookModule } from '@bellhop/channels/webhook';
import { EchatModule } from '@bellhop/vendors/echat';
import { Kf5Module } from '@bellhop/vendors/kf5';
import { NimModule } from '@bellhop/vendors/nim';
import { RongCloudModule } from '@bellhop/vendors/rongcloud';
import { UdeskModule } from '@bellhop/vendors/udesk';
import type { Type } from '@nestjs/common';

/** Every vendor and channel of this build; the only place that names them. */
export const PLUGIN_MODULES: readonly Type[] = [
  Kf5Module,
  UdeskModule,
  EchatModule,
  RongCloudModule,
  NimModule,
  ApnsModule,
  FcmModule,
  WebhookModule,
];
