import { Module } from '@nestjs/common';
import { EchatChannel } from './echat.channel.js';
import { EchatInbound } from './echat.inbound.js';

@Module({ providers: [EchatInbound, EchatChannel], exports: [EchatInbound, EchatChannel] })
export class EchatModule {}
