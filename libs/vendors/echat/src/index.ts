import { Module } from '@nestjs/common';
import { EchatInbound } from './echat.inbound.js';

@Module({ providers: [EchatInbound], exports: [EchatInbound] })
export class EchatModule {}
