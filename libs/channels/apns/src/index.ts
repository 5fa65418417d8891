import { Module } from '@nestjs/common';
import { ApnsChannel } from './apns.channel.js';

@Module({ providers: [ApnsChannel] })
export class ApnsModule {}
