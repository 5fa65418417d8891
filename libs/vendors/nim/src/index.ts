import { Module } from '@nestjs/common';
import { NimChannel } from './nim.channel.js';
import { NimInbound } from './nim.inbound.js';

@Module({ providers: [NimInbound, NimChannel], exports: [NimInbound, NimChannel] })
export class NimModule {}
