import { Module } from '@nestjs/common';
import { UdeskChannel } from './udesk.channel.js';
import { UdeskInbound } from './udesk.inbound.js';

@Module({ providers: [UdeskInbound, UdeskChannel], exports: [UdeskInbound, UdeskChannel] })
export class UdeskModule {}
