import { Module } from '@nestjs/common';
import { FcmChannel } from './fcm.channel.js';

@Module({ providers: [FcmChannel] })
export class FcmModule {}
