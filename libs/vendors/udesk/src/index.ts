import { Module } from '@nestjs/common';
import { UdeskInbound } from './udesk.inbound.js';

@Module({ providers: [UdeskInbound], exports: [UdeskInbound] })
export class UdeskModule {}
