import { Module } from '@nestjs/common';
import { AcmeInbound } from './acme.inbound.js';

@Module({ providers: [AcmeInbound] })
export class AcmeModule {}
