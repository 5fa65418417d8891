import { Module } from '@nestjs/common';
import { NimInbound } from './nim.inbound.js';

@Module({ providers: [NimInbound], exports: [NimInbound] })
export class NimModule {}
