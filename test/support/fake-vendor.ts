import { Inbound, type InboundAdapter, type InboundManifest, refuse } from '@bellhop/contracts';
import { Module } from '@nestjs/common';
import { NoConfig } from './fake-gateways.js';

/** A vendor with two kinds of identities, whose callbacks nobody sends. */
@Inbound()
export class FakeVendor implements InboundAdapter {
  readonly manifest: InboundManifest = {
    id: 'fake',
    name: 'Fake',
    summary: 'A vendor of the tests.',
    documentation: 'https://example.com',
    setup: '1. Nothing.',
    config: NoConfig,
    authenticity: 'url-secret',
    methods: ['POST'],
    emits: ['conversation.message'],
    identities: [
      { kind: 'fake.user_id', summary: 'Number of the customer.' },
      { kind: 'fake.phone', summary: 'Telephone number.' },
    ],
  };

  verify() {
    return refuse('missing', 'fake.unsigned');
  }

  parse() {
    return { events: [], skipped: [], parseMode: 'strict' as const };
  }

  acknowledge() {
    return { status: 200 };
  }
}

@Module({ providers: [FakeVendor] })
export class FakeVendorModule {}
