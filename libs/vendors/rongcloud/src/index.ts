import { Module } from '@nestjs/common';
import { RongCloudChannel } from './rongcloud.channel.js';
import { RongCloudInbound } from './rongcloud.inbound.js';

@Module({ providers: [RongCloudInbound, RongCloudChannel], exports: [RongCloudInbound, RongCloudChannel] })
export class RongCloudModule {}
