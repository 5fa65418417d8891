import { Module } from '@nestjs/common';
import { Kf5Inbound } from './kf5.inbound.js';

@Module({ providers: [Kf5Inbound], exports: [Kf5Inbound] })
export class Kf5Module {}
