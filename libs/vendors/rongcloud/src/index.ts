import { Module } from '@nestjs/common';
import { RongCloudInbound } from './rongcloud.inbound.js';

@Module({ providers: [RongCloudInbound], exports: [RongCloudInbound] })
export class RongCloudModule {}
